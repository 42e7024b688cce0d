/* A collected head becomes a request, or an ending that says why not. Engine without I/O. */
#ifndef CROSSGATE_HTTP_REQUEST_H
#define CROSSGATE_HTTP_REQUEST_H

#include "body.h"
#include "head.h"

#include "crossgate/base/ending.h"
#include "crossgate/http.h"

/* Method and version are short: a longer line is the target's fault. */
enum { REQUEST_LINE_MAX = HTTP_TARGET_MAX + 64 };

/* Judges the request line as soon as it is complete, so that who speaks another protocol is told at once. */
enum ending request_line_check(struct span line);

/* For a head whose line has passed that check. ENDING_DONE: `request` is complete and `body` tells where it ends. */
enum ending request_read(struct arena *arena, const struct head *head, struct http_request *request, struct body *body);

#endif
