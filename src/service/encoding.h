/* Which content coding a request wants of a file that exists in several (RFC 9110 section 12.5.3). Pure. */
#ifndef CROSSGATE_SERVICE_ENCODING_H
#define CROSSGATE_SERVICE_ENCODING_H

#include "crossgate/http.h"

enum encoding { ENCODING_BR, ENCODING_GZIP, ENCODING_NONE };
enum { ENCODINGS = ENCODING_NONE };

/* The codings that the request accepts and does not like less than none at all, best first; of equals br, which is the
 * smaller one. The number of them. Without Accept-Encoding: 0. */
size_t encodings_accepted(const struct http_headers *headers, enum encoding order[ENCODINGS]);

/* "br", "gzip": for Content-Encoding. Empty for ENCODING_NONE. */
struct span encoding_name(enum encoding encoding);

/* ".br", ".gz": what a file's name ends in if it is the encoded form of the one without it. */
struct span encoding_suffix(enum encoding encoding);

#endif
