/* Bytes of one peer become pieces of messages and control frames. Engine without I/O: bytes in, one event at a time out.
 *
 * Around a wslay event context, which judges data frames: opcodes, order of fragments, reserved bits, masks, lengths,
 * UTF-8. It is fed one frame at a time, so that between two events no byte is left in its buffer: whoever stops asking for
 * events (because it is paused) has lost nothing and need not be woken for what is kept here. */
#ifndef CROSSGATE_WEBSOCKET_RECEIVER_H
#define CROSSGATE_WEBSOCKET_RECEIVER_H

#include "crossgate/websocket.h"

struct receiver;

enum receiver_event {
    RECEIVER_MORE,  /* the bytes are used up */
    RECEIVER_PIECE, /* kind, bytes, last */
    RECEIVER_PING,  /* bytes: the application data to be sent back */
    RECEIVER_CLOSE, /* code (1005: none), bytes: the reason */
    RECEIVER_FAULT, /* why; no more bytes may be fed */
};

struct receiver_item {
    enum message_kind kind;
    struct span bytes; /* valid until the next call with the same receiver or the same gathering place */
    bool last;
    uint16_t code;
    enum ending why;
};

/* For peers of a session in that role. NULL when memory is out. */
struct receiver *receiver_new(enum websocket_role role);
void receiver_free(struct receiver *receiver); /* accepts NULL */

enum websocket_role receiver_role(const struct receiver *receiver);

/* Cuts from *in what the next event needs. Pieces of a message that come with the same *in are gathered in `gather`
 * (LOOP_MESSAGE_BYTES); a piece that came whole is passed where it lies. `limit`: bytes of a message; 0: none. */
enum receiver_event receiver_next(struct receiver *receiver, struct span *in, uint64_t limit, uint8_t *gather,
                                  struct receiver_item *item) __attribute__((warn_unused_result));

/* Between two messages, with nothing kept: as new. */
bool receiver_is_idle(const struct receiver *receiver);

#endif
