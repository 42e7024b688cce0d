/* Crossbar's service types "websocket" and "websocket-reverseproxy": a visitor's WebSocket, relayed to a backend, or echoed.
 *
 * The visitor gets its 101 when the backend has said yes: what the backend refuses, the visitor hears as an HTTP status,
 * and the subprotocol is the backend's choice. */
#include "gate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct websocket_service {
    struct service service;
    struct websocket_service_settings settings;
};

/* A visitor who waits for the backend. */
struct dial {
    const struct websocket_service *service;
    struct exchange *exchange;
    struct upstream_call *call; /* NULL: it was answered */
    struct connection_facts facts;
    struct deadline deadline;
};

enum { FIELDS_MAX = HTTP_FIELDS_MAX + 5 };

struct fields {
    struct http_header at[FIELDS_MAX];
    size_t count;
};

static void put(struct fields *fields, struct span name, struct span value)
{
    assert(fields->count < FIELDS_MAX);
    fields->at[fields->count++] = (struct http_header){name, value};
}

static void put_all(struct fields *fields, const struct http_headers *from, struct span name)
{
    for (size_t i = 0; i < from->count; i++) {
        if (span_equal_nocase(from->at[i].name, name))
            put(fields, name, from->at[i].value);
    }
}

/* ---- extensions */

/* What has been agreed with the visitor. */
struct agreement {
    enum websocket_extensions extensions;
    struct websocket_deflate deflate;
    char text[WEBSOCKET_DEFLATE_TEXT]; /* the field of the 101 */
};

/* Asked twice: early, since a list that is broken needs no backend to be refused, and for the 101. */
static void agree(const struct websocket_service *service, const struct exchange *exchange, struct agreement *agreement)
{
    const struct websocket_deflate_settings *deflate = service->settings.front.deflate;
    const struct http_headers *headers = &exchange_request(exchange)->headers;
    agreement->extensions = EXTENSIONS_NONE;
    if (deflate)
        agreement->extensions = websocket_deflate_choose(headers, deflate, &agreement->deflate, agreement->text);
}

static bool extensions_are_broken(const struct websocket_service *service, const struct exchange *exchange)
{
    struct agreement agreement;
    agree(service, exchange, &agreement);
    return agreement.extensions == EXTENSIONS_BROKEN;
}

static struct endpoint *open_front(const struct websocket_service *service, struct loop *loop, struct stream *stream,
                                   const struct agreement *agreement)
{
    bool compresses = agreement->extensions == EXTENSIONS_DEFLATE;
    return websocket_session_new(loop, stream, WEBSOCKET_SERVER, &service->settings.front,
                                 compresses ? &agreement->deflate : NULL);
}

/* ---- yes */

/* Says 101. `answer`: the backend's, or NULL. NULL: no SHA-1, which has been answered. */
static struct stream *upgrade(struct exchange *exchange, struct span protocol, const struct http_response *answer,
                              const struct agreement *agreement)
{
    const struct http_request *request = exchange_request(exchange);
    struct span key = {0};
    char accept[WEBSOCKET_ACCEPT];
    if (!http_header_find(&request->headers, SPAN("Sec-WebSocket-Key"), &key) ||
        !websocket_accept(span_trim(key), accept)) {
        exchange_fail(exchange, ENDING_INTERNAL, "no SHA-1");
        return NULL;
    }
    struct fields fields = {.count = 0};
    put(&fields, SPAN("Upgrade"), SPAN("websocket"));
    put(&fields, SPAN("Sec-WebSocket-Accept"), span_string(accept));
    if (protocol.len > 0)
        put(&fields, SPAN("Sec-WebSocket-Protocol"), protocol);
    if (agreement->extensions == EXTENSIONS_DEFLATE)
        put(&fields, SPAN("Sec-WebSocket-Extensions"), span_string(agreement->text));
    if (answer)
        put_all(&fields, &answer->headers, SPAN("Set-Cookie"));
    return exchange_upgrade(exchange, &(struct http_answer){101, fields.at, fields.count});
}

/* Says 101 and couples the visitor to `back`. `answer` and `sessions`: the backend's, or NULL for the echo. */
static void welcome(const struct websocket_service *service, struct exchange *exchange, struct endpoint *back,
                    struct span protocol, const struct http_response *answer, _Atomic uint64_t *sessions)
{
    struct loop *loop = exchange_loop(exchange);
    struct counted *owner = exchange_site(exchange)->owner;
    struct peer peer = *exchange_peer(exchange);
    struct agreement agreement;
    agree(service, exchange, &agreement);
    struct stream *stream = upgrade(exchange, protocol, answer, &agreement);
    if (!stream) {
        endpoint_abort(back, ENDING_INTERNAL);
        return;
    }
    struct endpoint *front = open_front(service, loop, stream, &agreement);
    if (!front) {
        loop_report(loop, ENDING_MEMORY, &peer, NULL);
        endpoint_abort(back, ENDING_MEMORY);
        return;
    }
    websocket_session_join(front, answer ? back : front);
    if (!relay_new(loop, front, back, owner, sessions, &peer))
        loop_report(loop, ENDING_MEMORY, &peer, NULL);
}

/* ---- by realm */

/* Says 101 with a subprotocol of ours; the backend is called when the first message has named the realm. */
static void serve_routed(const struct websocket_service *service, struct exchange *exchange)
{
    const struct http_site *site = exchange_site(exchange);
    struct loop *loop = exchange_loop(exchange);
    const struct routes *routes = service->settings.routes;
    struct routed_visitor visitor = {
        .owner = site->owner,
        .serializer = visitor_serializer(&exchange_request(exchange)->headers, routes->serializers),
        .peer = *exchange_peer(exchange),
        .secure = site->secure,
        .port = site->port,
        .hello_timeout = site->head_timeout,
    };
    if (!visitor.serializer) {
        exchange_fail(exchange, ENDING_NO_SERIALIZER, NULL);
        return;
    }
    visitor.facts.arena = arena_new();
    if (!visitor.facts.arena) {
        exchange_fail(exchange, ENDING_MEMORY, NULL);
        return;
    }
    struct agreement agreement;
    agree(service, exchange, &agreement);
    struct stream *stream = upgrade(exchange, span_string(visitor.serializer->subprotocol), NULL, &agreement);
    if (!stream) {
        arena_free(visitor.facts.arena);
        return;
    }
    bool described = stream_describe(stream, &visitor.facts);
    struct endpoint *front = open_front(service, loop, stream, &agreement);
    if (front && !described)
        endpoint_abort(front, ENDING_MEMORY);
    if (!front || !described)
        arena_free(visitor.facts.arena);
    if (!front || !described || !routed_new(loop, front, routes, &visitor))
        loop_report(loop, ENDING_MEMORY, &visitor.peer, NULL);
}

/* ---- echo */

static void serve_echo(const struct websocket_service *service, struct exchange *exchange)
{
    struct endpoint *back = echo_new(exchange_loop(exchange));
    if (!back) {
        exchange_fail(exchange, ENDING_MEMORY, NULL);
        return;
    }
    /* RFC 6455 section 1.9: the client lists its subprotocols in order of preference. */
    struct span offered = {0}, first = {0};
    if (http_header_find(&exchange_request(exchange)->headers, SPAN("Sec-WebSocket-Protocol"), &offered) &&
        !span_next_item(&offered, &first))
        first = span_of(NULL, 0);
    welcome(service, exchange, back, first, NULL, NULL);
}

/* ---- the backend's answer */

static void stop_waiting(struct dial *dial)
{
    dial->call = NULL;
    deadline_disarm(&dial->deadline);
}

static void on_open(void *user, struct endpoint *back, const struct http_response *answer)
{
    struct dial *dial = user;
    struct span protocol = {0};
    if (!http_header_find(&answer->headers, SPAN("Sec-WebSocket-Protocol"), &protocol))
        protocol = span_of(NULL, 0);
    _Atomic uint64_t *sessions = upstream_call_sessions(dial->call);
    stop_waiting(dial);
    const struct websocket_service *service = dial->service;
    struct exchange *exchange = dial->exchange;
    exchange_watch(exchange, NULL, NULL);
    free(dial);
    welcome(service, exchange, back, span_trim(protocol), answer, sessions);
}

/* The backend's own refusal is passed on as what it is, so that clients learn whether to authenticate or to come back. */
static void pass_refusal(struct exchange *exchange, const struct http_response *refusal, const char *detail)
{
    bool is_error = refusal->status >= 400 && refusal->status <= 599;
    unsigned status = is_error ? refusal->status : ending_row(ENDING_BACKEND_DENIED)->http;
    char page[128];
    int length = snprintf(page, sizeof page, "%u %s\n", status, http_reason(status));
    struct fields fields = {.count = 0};
    put(&fields, SPAN("Content-Type"), SPAN("text/plain; charset=utf-8"));
    put(&fields, SPAN("Cache-Control"), SPAN("no-store"));
    put_all(&fields, &refusal->headers, SPAN("WWW-Authenticate"));
    put_all(&fields, &refusal->headers, SPAN("Retry-After"));
    loop_report(exchange_loop(exchange), ENDING_BACKEND_DENIED, exchange_peer(exchange), detail);
    exchange_answer(exchange, &(struct http_answer){status, fields.at, fields.count},
                    span_of(page, length > 0 ? (size_t)length : 0));
}

static void on_fail(void *user, enum ending why, const struct http_response *answer, const char *detail)
{
    struct dial *dial = user;
    stop_waiting(dial);
    if (answer)
        pass_refusal(dial->exchange, answer, detail);
    else
        exchange_fail(dial->exchange, why, detail);
}

static void on_late(struct deadline *deadline)
{
    struct dial *dial = CONTAINER_OF(deadline, struct dial, deadline);
    upstream_call_cancel(dial->call);
    stop_waiting(dial);
    exchange_fail(dial->exchange, ENDING_BACKEND_LATE, "open_handshake_timeout");
}

static const struct backend_call_user call_user = {.on_open = on_open, .on_fail = on_fail};

/* ---- the visitor who waits */

static void on_room(void *user)
{
    (void)user;
}

static void on_end(void *user)
{
    struct dial *dial = user;
    if (dial->call)
        upstream_call_cancel(dial->call);
    stop_waiting(dial);
    free(dial);
}

static const struct exchange_user exchange_user = {.on_room = on_room, .on_end = on_end};

static void serve_backend(const struct websocket_service *service, struct exchange *exchange)
{
    const struct http_site *site = exchange_site(exchange);
    struct loop *loop = exchange_loop(exchange);
    struct dial *dial = calloc(1, sizeof *dial);
    if (!dial || !exchange_describe(exchange, &dial->facts)) {
        free(dial);
        exchange_fail(exchange, ENDING_MEMORY, NULL);
        return;
    }
    const struct backend_visitor visitor = {
        .request = exchange_request(exchange),
        .tail = exchange_tail(exchange),
        .peer = exchange_peer(exchange),
        .secure = site->secure,
        .port = site->port,
        .facts = &dial->facts,
    };
    dial->service = service;
    dial->exchange = exchange;
    deadline_init(&dial->deadline, on_late);
    dial->call = upstream_call_new(loop, service->settings.upstream, site->owner, &visitor, &call_user, dial);
    if (!dial->call) {
        free(dial);
        exchange_fail(exchange, ENDING_MEMORY, NULL);
        return;
    }
    deadline_arm(&loop->deadlines, &dial->deadline, service->settings.open_timeout, loop->now);
    exchange_watch(exchange, &exchange_user, dial);
}

/* ---- the service */

static void serve(const struct service *self, struct exchange *exchange)
{
    const struct websocket_service *service = CONTAINER_OF(self, const struct websocket_service, service);
    if (service->settings.show_version)
        exchange_show_version(exchange);
    if (!gate_admits(&service->settings.gate, exchange))
        return;
    if (extensions_are_broken(service, exchange))
        exchange_fail(exchange, ENDING_WS_BAD_HANDSHAKE, "Sec-WebSocket-Extensions");
    else if (exchange_loop(exchange)->leaving)
        exchange_fail(exchange, ENDING_GOING_AWAY, NULL);
    else if (service->settings.upstream)
        serve_backend(service, exchange);
    else if (service->settings.routes)
        serve_routed(service, exchange);
    else
        serve_echo(service, exchange);
}

static const struct service_ops ops = {.type = "websocket", .serve = serve};

const struct service *websocket_service_new(struct arena *arena, const struct websocket_service_settings *settings)
{
    struct websocket_service *service = arena_alloc(arena, sizeof *service);
    if (!service)
        return NULL;
    service->service.ops = &ops;
    service->settings = *settings;
    return &service->service;
}
