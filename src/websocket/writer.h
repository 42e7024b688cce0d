/* Frames into streams, by wslay's frame layer. One frame per call, whole: the stream takes all, so that the wslay context is
 * idle between two frames and one serves all sessions of a loop.
 *
 * One per role, never shared by both: wslay 1.1.1 goes on to mask payloads once it has masked one. */
#ifndef CROSSGATE_WEBSOCKET_WRITER_H
#define CROSSGATE_WEBSOCKET_WRITER_H

#include "crossgate/stream.h"
#include "frame.h"

struct writer;

struct written {
    size_t bytes; /* head and payload */
    bool room;    /* the stream's answer */
};

/* In role client frames are masked. NULL when memory is out. */
struct writer *writer_new(enum websocket_role role);
void writer_free(struct writer *writer); /* accepts NULL */

/* False if there is no randomness for a mask: then nothing was written. */
bool writer_send(struct writer *writer, struct stream *to, enum frame_opcode opcode, bool fin, struct span payload,
                 struct written *written) __attribute__((warn_unused_result));

#endif
