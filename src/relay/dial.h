/* What all that connect to a backend share. */
#ifndef CROSSGATE_RELAY_DIAL_H
#define CROSSGATE_RELAY_DIAL_H

#include "crossgate/relay.h"

/* A stream to the backend that is being connected, with a PROXY header for the visitor and TLS if the backend has them.
 * Without a PROXY header `visitor` may be NULL. NULL when memory is out. */
struct stream *backend_dial(struct loop *loop, const struct backend *backend, const struct backend_visitor *visitor);

/* In a stream's endings the peer is a client; here it is the backend. */
enum ending backend_ending(enum ending why);

/* Holds the longest name (PLAN_BACKEND_NAME_MAX) with a cause. */
enum { BACKEND_DETAIL = 320 };

/* What the log says behind the ending of a call: "name", or "name: cause". `cause` may be NULL. */
void backend_detail_print(const struct backend *backend, const char *cause, char text[BACKEND_DETAIL]);

#endif
