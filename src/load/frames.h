/* Frames of the WebSocket protocol (RFC 6455 section 5.2) as a client sends and gets them. Pure. */
#ifndef CROSSGATE_LOAD_FRAMES_H
#define CROSSGATE_LOAD_FRAMES_H

#include "crossgate/base/span.h"

enum { FRAMES_HEAD_MAX = 14, FRAMES_SERVER_HEAD_MAX = 10, FRAMES_CONTROL_MAX = 125 };

enum frames_opcode {
    FRAMES_CONTINUATION = 0,
    FRAMES_TEXT = 1,
    FRAMES_BINARY = 2,
    FRAMES_CLOSE = 8,
    FRAMES_PING = 9,
    FRAMES_PONG = 10
};

/* ---- what a server sends. Zeroed at first. */

struct frames {
    uint8_t head[FRAMES_SERVER_HEAD_MAX]; /* of the frame under way */
    uint8_t have;                         /* bytes of it */
    bool in_payload;
    bool in_message; /* its last frame has not come */
    uint64_t left;   /* of the payload */
    uint8_t control[FRAMES_CONTROL_MAX];
    uint8_t control_length;
};

enum frames_event {
    FRAMES_MORE,   /* all is taken */
    FRAMES_PIECE,  /* of a binary message; perhaps empty */
    FRAMES_LAST,   /* the same, and the message is complete with it */
    FRAMES_PINGED, /* the payload is to be sent back */
    FRAMES_CLOSED, /* the payload begins with the code, if there is one */
    FRAMES_BROKEN, /* this is not what a server may send to who has sent binary messages */
};

/* Takes bytes off *in up to the next event. *payload is within them, or in `frames` for control frames, until the next call. After
 * FRAMES_CLOSED and FRAMES_BROKEN nothing must be read. Pongs are passed over. */
enum frames_event frames_next(struct frames *frames, struct span *in, struct span *payload);

/* The code in a Close's payload; 0: there is none. */
unsigned frames_close_code(struct span payload);

/* ---- what a client sends */

/* Writes the head of a whole message or control frame, and returns its length. */
size_t frames_head_print(uint8_t to[FRAMES_HEAD_MAX], enum frames_opcode opcode, uint64_t length, uint32_t mask);

/* Copies payload under the mask; `offset` is where in its frame it begins. */
void frames_mask(uint8_t *to, struct span from, uint32_t mask, uint64_t offset);

#endif
