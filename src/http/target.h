/* The request target (RFC 9112 section 3.2). */
#ifndef CROSSGATE_HTTP_TARGET_H
#define CROSSGATE_HTTP_TARGET_H

#include "crossgate/base/ending.h"
#include "crossgate/http.h"

/* Whether it is host [":" port] as in RFC 3986 section 3.2.2, without percent-encoding and sub-delimiters: no name that is
 * looked up has these. */
bool target_host_is_valid(struct span host);

/* From request->target as sent: target, path, raw_path, query, and for the absolute form host. The asterisk form gives an
 * empty path. */
enum ending target_read(struct http_request *request);

#endif
