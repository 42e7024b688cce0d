/* Where a body ends (RFC 9112 sections 6 and 7.1), and which of its bytes are payload; of requests and answers alike. Engine
 * without I/O: it copies nothing. Chunks are read to the letter: CR LF and nothing else, no white space around the size.
 * Extensions and trailers are skipped, up to a bound. */
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
    BODY_REST, /* all that comes until the connection ends */
};

struct body {
    enum body_step step;
    unsigned digits; /* of the chunk size so far */
    unsigned extra;  /* bytes of the present chunk's extension, or of all trailers */
    uint64_t left;
    uint64_t column;   /* bytes of the present trailer line */
    uint64_t received; /* bytes taken so far, framing included */
};

void body_init_length(struct body *body, uint64_t length);
void body_init_chunked(struct body *body);
void body_init_rest(struct body *body);

/* Takes bytes up to the end of the next piece of payload, or all. *piece is within `in`; empty: there was none. With BODY_DONE
 * the last piece may come. A body of length 0 is done without a byte. */
enum body_progress body_read(struct body *body, struct span in, size_t *taken, struct span *piece);

/* The same for a body whose payload nobody wants: takes all of it that is there. */
enum body_progress body_feed(struct body *body, struct span in, size_t *taken);

#endif
