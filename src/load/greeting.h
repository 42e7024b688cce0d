/* A ClientHello that is made once and sent by many: the server has all the work of its flight, its clients next to none.
 *
 * It is that of one complete handshake, which tells as well whether the server is trusted, what both agree upon, and how many records the
 * server's flight has: over TLS 1.3 most of it is encrypted, and cannot be told apart in any other way. */
#ifndef CROSSGATE_LOAD_GREETING_H
#define CROSSGATE_LOAD_GREETING_H

#include "offer.h"
#include "run.h"

enum { GREETING_MAX = 4096 };

struct greeting {
    uint8_t bytes[GREETING_MAX]; /* the record */
    size_t length;
    unsigned records; /* of the server's flight, which ends with ServerHelloDone or Finished */
    bool is_answered; /* that flight has been worth an answer of ours */
    bool is_retried;  /* the server has asked for another one */
};

/* Makes the handshake, which takes a bounded time that nothing else is done in, and notes in the run what was agreed upon. False: *error. */
bool greeting_learn(struct greeting *greeting, struct run *run, struct offer *offer, struct error *error)
    __attribute__((warn_unused_result));

/* The record with a random of its own (RFC 8446 section 4.1.2), in `to`, which has room for GREETING_MAX. Empty: there is no randomness. */
struct span greeting_print(const struct greeting *greeting, uint8_t *to) __attribute__((warn_unused_result));

#endif
