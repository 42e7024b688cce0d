/* Frames into streams, by wslay's frame layer; short ones, whose head is two bytes, without it. One frame per call, whole:
 * the stream takes all, so that the wslay context is idle between two frames and one serves all sessions of a loop, of both
 * roles.
 *
 * Masks are put on here: wslay 1.1.1 does it byte by byte, and goes on to mask payloads once it has masked one. */
#ifndef CROSSGATE_WEBSOCKET_WRITER_H
#define CROSSGATE_WEBSOCKET_WRITER_H

#include "crossgate/base/outlet.h"
#include "frame.h"
#include "randomness.h"

struct writer;

/* Borrows the randomness, for masks. NULL when memory is out. */
struct writer *writer_new(struct randomness *randomness);
void writer_free(struct writer *writer); /* accepts NULL */

struct frame {
    uint8_t first_byte; /* opcode, FRAME_FIN, FRAME_RSV1 */
    bool masked;
    struct span payload;
};

/* False if there is no randomness for a mask: then nothing was written. */
bool writer_send(struct writer *writer, struct outlet *to, const struct frame *frame)
    __attribute__((warn_unused_result));

#endif
