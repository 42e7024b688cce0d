/* The client's handshake of RawSocket. What the visitor offers as subprotocols decides on the serializer, so that both sides'
 * messages are the same bytes; and the visitor is told by a response as a WebSocket backend would have given it. */
#include "call.h"

const struct wamp_serializer *visitor_serializer(const struct http_headers *headers, wamp_serializers set)
{
    const struct wamp_serializer *chosen = NULL;
    for (size_t i = 0; i < headers->count && !chosen; i++) {
        if (span_equal_nocase(headers->at[i].name, SPAN("Sec-WebSocket-Protocol")))
            chosen = wamp_choose(headers->at[i].value, set);
    }
    return chosen;
}

static const struct wamp_serializer *choose(const struct backend *backend, const struct backend_visitor *visitor)
{
    wamp_serializers set = backend->rawsocket.serializers;
    if (visitor->request)
        return visitor_serializer(&visitor->request->headers, set);
    return wamp_has(set, visitor->serializer) ? visitor->serializer : NULL;
}

static bool prepare(struct backend_call *call, const struct backend_visitor *visitor)
{
    struct rawsocket_call *rs = &call->rawsocket;
    rs->terms.serializer = choose(call->backend, visitor);
    if (!rs->terms.serializer) {
        call_decide(call, ENDING_NO_SERIALIZER);
        return true;
    }
    struct span subprotocol = span_string(rs->terms.serializer->subprotocol);
    rs->subprotocol = (struct http_header){SPAN("Sec-WebSocket-Protocol"), subprotocol};
    rs->consent = (struct http_response){.status = 101, .headers = {&rs->subprotocol, 1}};
    return true;
}

static void greet(struct backend_call *call)
{
    uint8_t bytes[RAWSOCKET_HANDSHAKE];
    rawsocket_print(call->rawsocket.terms.serializer, call->backend->rawsocket.max_message, bytes);
    stream_write(call->stream, span_of(bytes, sizeof bytes));
}

/* Takes nothing beyond the answer. */
static size_t read_bytes(struct backend_call *call, struct span bytes)
{
    struct rawsocket_call *rs = &call->rawsocket;
    struct span part = span_head(bytes, sizeof rs->answer - rs->answer_length);
    if (part.len > 0)
        memcpy(rs->answer + rs->answer_length, part.at, part.len);
    rs->answer_length += part.len;
    if (rs->answer_length == sizeof rs->answer)
        call_decide(call, rawsocket_answer_check(rs->answer, rs->terms.serializer, &rs->terms, &call->cause));
    return part.len;
}

static struct endpoint *open_session(struct backend_call *call, struct stream *stream)
{
    return rawsocket_session_new(call->loop, stream, RAWSOCKET_CLIENT, &call->rawsocket.terms,
                                 &call->backend->rawsocket);
}

static const struct http_response *response_of(const struct backend_call *call)
{
    return call->why == ENDING_DONE ? &call->rawsocket.consent : NULL;
}

static void release(struct backend_call *call)
{
    (void)call;
}

const struct call_protocol call_rawsocket = {
    .prepare = prepare,
    .greet = greet,
    .read = read_bytes,
    .open = open_session,
    .response = response_of,
    .release = release,
};
