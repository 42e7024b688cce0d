/* Checks on the characters of fields (RFC 9110 section 5.6). */
#ifndef CROSSGATE_HTTP_HEADERS_H
#define CROSSGATE_HTTP_HEADERS_H

#include "parse.h"

#include "crossgate/http.h"

bool headers_is_token(struct span name);

/* Copies the fields' spans (not their bytes). False when memory is out. */
bool headers_copy(struct arena *arena, const struct parsed *parsed, struct http_headers *headers)
    __attribute__((warn_unused_result));

/* Whether all names are tokens. */
bool headers_are_named(const struct http_headers *headers);

/* Each item of Connection is an option, or names a field of this message. Whoever passes fields on compares each with each:
 * a head of 16 KiB could hold eight thousand of them. */
bool headers_connection_is_short(const struct http_headers *headers);

#endif
