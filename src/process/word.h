/* What the master and an errand tell each other: a kind and some fields, in one packet of a SOCK_SEQPACKET socket.
 *
 *     u32 kind, u32 count, then for each field: u32 length, bytes      (numbers as the processor has them)
 */
#ifndef CROSSGATE_PROCESS_WORD_H
#define CROSSGATE_PROCESS_WORD_H

#include "crossgate/base/span.h"

enum { WORD_BYTES = 131072, WORD_FIELDS = 128 };

/* The kind of the word by which an errand of any kind says that it has failed: one field, a sentence. */
enum { WORD_FAILED = 0x7fffffff };

struct word {
    uint32_t kind; /* a number that both sides of the errand agree on */
    uint32_t count;
    struct span fields[WORD_FIELDS]; /* received: they point into the caller's buffer */
};

/* Sends without waiting for more than room in the socket. False with errno. */
bool word_send(int socket, const struct word *word) __attribute__((warn_unused_result));

/* The same of a word with one field, or with none if it is empty. */
bool word_say(int socket, uint32_t kind, struct span field) __attribute__((warn_unused_result));

enum word_result {
    WORD_OK,
    WORD_NOTHING, /* the socket does not block, and nothing waits */
    WORD_END,     /* the other side is gone */
    WORD_BROKEN,  /* not of this form, or it cannot be received */
};

/* `buffer` of WORD_BYTES, which the fields point into. It may hold secrets: whoever owns it wipes it. */
enum word_result word_receive(int socket, uint8_t *buffer, struct word *word) __attribute__((warn_unused_result));

/* From the bytes of a packet; for tests by fuzzing, too. */
bool word_parse(struct span packet, struct word *word) __attribute__((warn_unused_result));

#endif
