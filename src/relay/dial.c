#include "dial.h"

#include <stdio.h>

void backend_detail_print(const struct backend *backend, const char *cause, char text[BACKEND_DETAIL])
{
    snprintf(text, BACKEND_DETAIL, "%s%s%s", backend->name, cause ? ": " : "", cause ? cause : "");
}

enum ending backend_ending(enum ending why)
{
    enum ending_fault fault = ending_row(why)->fault;
    if (fault == FAULT_BACKEND || fault == FAULT_US)
        return why;
    switch (why) {
    case ENDING_HANDSHAKE_LATE:
        return ENDING_BACKEND_LATE;
    case ENDING_HANDSHAKE_FAILED:
    case ENDING_CLIENT_CERTIFICATE:
    case ENDING_TLS_BROKEN:
        return ENDING_BACKEND_TLS;
    default:
        return ENDING_BACKEND_LOST;
    }
}

struct stream *backend_dial(struct loop *loop, const struct backend *backend, const struct backend_visitor *visitor)
{
    struct stream *stream = net_connect(loop, &backend->target);
    if (stream && backend->proxy_protocol) {
        uint8_t header[NET_PROXY_HEADER_MAX];
        size_t length = net_proxy_header_print(visitor->peer, visitor->facts, header);
        stream_write(stream, span_of(header, length));
    }
    if (stream && backend->tls)
        stream = tls_connect(loop, stream, backend->tls, backend->target.timeout);
    return stream;
}
