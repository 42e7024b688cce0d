/* Text that grows as it is written: what printf into a stream of memory does, for those who write with every request.
 *
 * When memory is out, what is written from then on is dropped, and text_end says so. */
#ifndef CROSSGATE_BASE_TEXT_H
#define CROSSGATE_BASE_TEXT_H

#include "crossgate/base/span.h"

struct text {
    char *at; /* on the heap; NULL: nothing was written */
    size_t length;
    size_t room;
    bool failed;
};

/* Frees the text, which may be written anew then. Accepts one that was only zeroed. */
void text_deinit(struct text *text);

/* Terminates it with a zero, which is not counted. False when memory is, or was, out: then nothing is left of it. */
bool text_end(struct text *text) __attribute__((warn_unused_result));

/* Appends a copy of the bytes. */
void text_put(struct text *text, struct span bytes);

static inline void text_put_string(struct text *text, const char *string)
{
    text_put(text, span_string(string));
}

/* "name: value" and the end of the line, CRLF (RFC 9112 section 5). Both are written as they are. */
void text_put_field(struct text *text, struct span name, struct span value);

#endif
