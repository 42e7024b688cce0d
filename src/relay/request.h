/* What a backend is sent: the client's opening handshake in the visitor's name. Engine without I/O. */
#ifndef CROSSGATE_RELAY_REQUEST_H
#define CROSSGATE_RELAY_REQUEST_H

#include "crossgate/relay.h"

struct handshake_request {
    char *text; /* on the heap */
    size_t length;
    struct span offered; /* the subprotocols in it, separated by commas */
};

/* `key` is the value for Sec-WebSocket-Key. False when memory is out. */
bool handshake_request_init(struct handshake_request *request, const struct backend *backend,
                            const struct backend_visitor *visitor, const char *key) __attribute__((warn_unused_result));
void handshake_request_deinit(struct handshake_request *request);

#endif
