/* The client's opening handshake of WebSocket, RFC 6455 section 4.1. */
#include "call.h"

#include <stdio.h>

/* A RawSocket visitor, who asks for nothing but a serializer, as a request: for the root, of the backend's own name. */
static bool prepare_plainly(struct backend_call *call, const struct backend_visitor *visitor)
{
    const struct net_target *target = &call->backend->target;
    char host[300] = "localhost";
    if (target->kind == NET_TCP) {
        const char *format = strchr(target->host, ':') ? "[%s]:%u" : "%s:%u";
        snprintf(host, sizeof host, format, target->host, (unsigned)target->port);
    }
    struct http_header offered = {SPAN("Sec-WebSocket-Protocol"), span_string(visitor->serializer->subprotocol)};
    const struct http_request request = {
        .target = SPAN("/"),
        .raw_path = SPAN("/"),
        .path = SPAN("/"),
        .host = span_string(host),
        .headers = {&offered, 1},
    };
    struct backend_visitor asking = *visitor;
    asking.request = &request;
    call->websocket.protocol_needed = true;
    return handshake_request_init(&call->websocket.request, call->backend, &asking, call->websocket.key);
}

static bool prepare(struct backend_call *call, const struct backend_visitor *visitor)
{
    struct websocket_call *ws = &call->websocket;
    ws->reader = http_response_reader_new(&call->loop->arenas);
    if (!ws->reader || !websocket_key_new(ws->key))
        return false;
    if (!visitor->request)
        return prepare_plainly(call, visitor);
    return handshake_request_init(&ws->request, call->backend, visitor, ws->key);
}

static void greet(struct backend_call *call)
{
    stream_write(call->stream, span_of(call->websocket.request.text, call->websocket.request.length));
}

/* `deflate`: what was offered. False: the answer is none to that. */
static bool agree(struct websocket_call *ws, const struct http_response *response,
                  const struct websocket_deflate_settings *deflate)
{
    enum websocket_extensions chosen = websocket_deflate_check(&response->headers, deflate, &ws->agreed);
    ws->compresses = chosen == EXTENSIONS_DEFLATE;
    return chosen != EXTENSIONS_BROKEN;
}

static enum ending judge(struct websocket_call *ws, const struct http_response *response,
                         const struct websocket_deflate_settings *deflate)
{
    struct span chosen;
    if (response->status != 101)
        return ENDING_BACKEND_DENIED;
    bool valid =
        websocket_response_check(response, span_string(ws->key), ws->request.offered, deflate != NULL, &chosen);
    if (deflate)
        valid = valid && agree(ws, response, deflate);
    return valid && (chosen.len > 0 || !ws->protocol_needed) ? ENDING_DONE : ENDING_BACKEND_BROKEN;
}

static size_t read_bytes(struct backend_call *call, struct span bytes)
{
    struct websocket_call *ws = &call->websocket;
    size_t taken = 0;
    switch (http_response_read(ws->reader, bytes, &taken)) {
    case HTTP_MORE:
        break;
    case HTTP_HEAD_DONE:
        call_decide(call, judge(ws, http_response_of(ws->reader), call->backend->settings.deflate));
        break;
    case HTTP_BROKEN:
        call_decide(call, ENDING_BACKEND_BROKEN);
        break;
    }
    return taken;
}

static struct endpoint *open_session(struct backend_call *call, struct stream *stream)
{
    return websocket_session_new(call->loop, stream, WEBSOCKET_CLIENT, &call->backend->settings,
                                 call->websocket.compresses ? &call->websocket.agreed : NULL);
}

static const struct http_response *response_of(const struct backend_call *call)
{
    return http_response_of(call->websocket.reader);
}

static void release(struct backend_call *call)
{
    http_response_reader_free(call->websocket.reader);
    handshake_request_deinit(&call->websocket.request);
}

const struct call_protocol call_websocket = {
    .prepare = prepare,
    .greet = greet,
    .read = read_bytes,
    .open = open_session,
    .response = response_of,
    .release = release,
};
