/* What a server's frames (RFC 6455 section 5.2) say to somebody who waits for a Pong or a Close. Pure. */
#ifndef CROSSGATE_PROBE_FRAMES_H
#define CROSSGATE_PROBE_FRAMES_H

#include "crossgate/probe.h"

#include "crossgate/base/span.h"

enum { FRAMES_HEAD_MAX = 14, FRAMES_CONTROL_MAX = 125, FRAMES_PING = 4 };

/* Zeroed at first, but for `expected`. */
struct frames {
    uint8_t expected[FRAMES_PING]; /* payload of our ping */
    bool ponged;                   /* with it */
    bool closed;                   /* a Close came; nothing more is read */
    uint16_t code;                 /* its code; 0: none */
    char reason[PROBE_TEXT];
    bool broken; /* the protocol is; likewise */

    uint8_t head[FRAMES_HEAD_MAX]; /* of the frame under way */
    size_t have;                   /* of the head; FRAMES_HEAD_MAX: the payload has begun */
    uint64_t left;                 /* of the payload */
    uint8_t payload[FRAMES_CONTROL_MAX];
    size_t length;
};

/* Any number of bytes. Frames of data are passed over. */
void frames_read(struct frames *frames, struct span in);

#endif
