/* Bytes of one peer become pieces of messages and control frames. Engine without I/O: bytes in, one event at a time out.
 *
 * It judges what a frame is among its neighbours: the order of opcodes, limits, and UTF-8 across fragments. Between two events
 * no payload is left in it: whoever stops asking for events (because it is paused) has lost nothing and need not be woken for
 * what is kept here.
 *
 * It is small (a test says how small), so that a frame which is never finished costs its peer's session no more than silence
 * does: an unfinished frame needs no deadline of its own. */
#ifndef CROSSGATE_WEBSOCKET_RECEIVER_H
#define CROSSGATE_WEBSOCKET_RECEIVER_H

#include "frame.h"

struct receiver;

enum receiver_event {
    RECEIVER_MORE,  /* the bytes are used up */
    RECEIVER_PIECE, /* kind, bytes, last, rsv1 */
    RECEIVER_PING,  /* bytes: the application data to be sent back */
    RECEIVER_PONG,  /* bytes: the application data that came back */
    RECEIVER_CLOSE, /* code (1005: none), bytes: the reason */
    RECEIVER_FAULT, /* why; no more bytes may be fed */
};

struct receiver_item {
    enum message_kind kind;
    struct span
        bytes; /* valid until the next call with the same receiver, the same bytes or the same gathering place */
    bool last;
    bool rsv1; /* the message's first frame had it; then its text has not been judged */
    uint16_t code;
    enum ending why;
};

/* NULL when memory is out. */
struct receiver *receiver_new(void);
void receiver_free(struct receiver *receiver); /* accepts NULL */

/* Bytes that one takes. */
size_t receiver_size(void);

/* Cuts from *in what the next event needs. Pieces of a message that come with the same *in are gathered in `gather`
 * (LOOP_MESSAGE_BYTES); one that came whole and not masked is passed where it lies. The rules stay the same within a
 * message. */
enum receiver_event receiver_next(struct receiver *receiver, struct span *in, const struct frame_rules *rules,
                                  uint8_t *gather, struct receiver_item *item) __attribute__((warn_unused_result));

/* Between two messages, with nothing kept: as new. */
bool receiver_is_idle(const struct receiver *receiver);

#endif
