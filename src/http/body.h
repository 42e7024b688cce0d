/* Where a request body ends (RFC 9112 sections 6 and 7.1). Engine without I/O: it counts and skips, since no service wants
 * a body. Chunks are read to the letter: CR LF and nothing else, no white space around the size. */
#ifndef CROSSGATE_HTTP_BODY_H
#define CROSSGATE_HTTP_BODY_H

#include "crossgate/base/span.h"

enum body_progress { BODY_MORE, BODY_DONE, BODY_BROKEN };

enum body_step {
    BODY_BYTES,     /* Content-Length: `left` bytes */
    BODY_SIZE,      /* chunk: hexadecimal digits */
    BODY_EXTENSION, /* chunk: what follows the size up to CR */
    BODY_SIZE_LF,
    BODY_CHUNK, /* chunk: `left` bytes */
    BODY_CHUNK_CR,
    BODY_CHUNK_LF,
    BODY_TRAILER, /* field lines after the last chunk */
    BODY_TRAILER_LF,
};

struct body {
    enum body_step step;
    unsigned digits; /* of the chunk size so far */
    uint64_t left;
    uint64_t column;   /* bytes of the present trailer line */
    uint64_t received; /* bytes taken so far, framing included */
};

void body_init_length(struct body *body, uint64_t length);
void body_init_chunked(struct body *body);

enum body_progress body_feed(struct body *body, struct span in, size_t *taken);

#endif
