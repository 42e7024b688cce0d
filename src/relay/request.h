/* What a backend is sent in the visitor's name: the head of a request, or the client's opening handshake. What frames the
 * request is ours, made anew; nothing of this hop passes. Engine without I/O. */
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

struct request_text {
    char *text; /* on the heap */
    size_t length;
};

/* The head of a request with the visitor's method. `length` of the body that follows; 0: none; HTTP_LENGTH_UNKNOWN: it is
 * chunked. False when memory is out. */
bool request_text_init(struct request_text *request, const struct backend *backend,
                       const struct backend_visitor *visitor, uint64_t length) __attribute__((warn_unused_result));
void request_text_deinit(struct request_text *request);

#endif
