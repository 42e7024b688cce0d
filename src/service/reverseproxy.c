/* Crossbar's service type "reverseproxy", and those that only the node has: requests and answers are passed on as they come,
 * both ways, without what belongs to one hop only. */
#include "crossgate/fetch.h"
#include "crossgate/services.h"

struct reverseproxy_service {
    struct service service;
    struct reverseproxy_settings settings;
};

/* One request, in its arena. */
struct visit {
    struct exchange *exchange;
    struct fetch *fetch; /* NULL: it is over */
    struct connection_facts facts;
};

/* ---- the answer's head */

/* Of this hop only (RFC 9110 section 7.6.1), or said by ourselves. */
static bool is_not_passed(struct span name)
{
    static const char *const names[] = {
        "Connection", "Keep-Alive", "Upgrade", "TE", "Trailer", "Transfer-Encoding", "Content-Length", "Date", "Server",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (span_equal_nocase(name, span_string(names[i])))
            return true;
    }
    return span_equal_nocase(span_head(name, 6), SPAN("Proxy-"));
}

/* Two of these fields would contradict each other (RFC 6797 section 8.1). */
static bool is_hsts_of_the_transport(const struct http_site *site, struct span name)
{
    return site->hsts && site->secure && span_equal_nocase(name, SPAN("Strict-Transport-Security"));
}

static void on_answer(void *user, const struct http_response *response, uint64_t length)
{
    struct visit *visit = user;
    const struct http_headers *from = &response->headers;
    struct http_header fields[HTTP_FIELDS_MAX];
    struct http_answer answer = {.status = response->status, .headers = fields};
    bool named[HTTP_FIELDS_MAX];
    http_headers_named_by_connection(from, named);
    for (size_t i = 0; i < from->count; i++) {
        struct span name = from->at[i].name;
        if (!named[i] && !is_not_passed(name) && !is_hsts_of_the_transport(exchange_site(visit->exchange), name))
            fields[answer.header_count++] = from->at[i];
    }
    exchange_begin(visit->exchange, &answer, length);
}

/* ---- from the backend to the visitor */

static void on_answer_body(void *user, struct span bytes)
{
    struct visit *visit = user;
    if (!exchange_write(visit->exchange, bytes))
        fetch_pause(visit->fetch, true);
}

static void on_room(void *user)
{
    struct visit *visit = user;
    if (visit->fetch)
        fetch_pause(visit->fetch, false);
}

static void on_done(void *user)
{
    struct visit *visit = user;
    visit->fetch = NULL;
    exchange_end(visit->exchange);
}

static void on_fail(void *user, enum ending why, const char *detail)
{
    struct visit *visit = user;
    visit->fetch = NULL;
    exchange_fail(visit->exchange, why, detail);
}

/* ---- from the visitor to the backend */

static void receive(void *user)
{
    struct visit *visit = user;
    exchange_receive(visit->exchange, true);
}

static void on_request_body(void *user, struct span bytes, bool last)
{
    struct visit *visit = user;
    if (!visit->fetch)
        return;
    if (!fetch_write(visit->fetch, bytes))
        exchange_receive(visit->exchange, false);
    if (last)
        fetch_finish(visit->fetch);
}

static void on_end(void *user)
{
    struct visit *visit = user;
    if (visit->fetch)
        fetch_cancel(visit->fetch);
}

/* ---- the service */

static const struct fetch_user fetch_user = {
    .on_open = receive,
    .on_room = receive,
    .on_answer = on_answer,
    .on_body = on_answer_body,
    .on_done = on_done,
    .on_fail = on_fail,
};

static const struct exchange_user exchange_user = {.on_room = on_room, .on_body = on_request_body, .on_end = on_end};

static bool is_for_websocket(const struct reverseproxy_service *self, const struct exchange *exchange)
{
    const struct http_request *request = exchange_request(exchange);
    return self->settings.websocket && request->upgrade &&
           http_header_has_token(&request->headers, SPAN("Upgrade"), SPAN("websocket"));
}

/* NULL when memory is out. */
static struct visit *visit_new(const struct reverseproxy_service *self, struct exchange *exchange)
{
    const struct http_site *site = exchange_site(exchange);
    struct visit *visit = arena_alloc(exchange_request(exchange)->arena, sizeof *visit);
    if (!visit)
        return NULL;
    visit->facts.skips_local = !upstream_has_proxy_protocol(self->settings.upstream);
    if (!exchange_describe(exchange, &visit->facts))
        return NULL;
    const struct backend_visitor visitor = {
        .request = exchange_request(exchange),
        .tail = exchange_tail(exchange),
        .peer = exchange_peer(exchange),
        .secure = site->secure,
        .port = site->port,
        .facts = &visit->facts,
    };
    const struct fetch_settings settings = {
        .length = exchange_body_length(exchange),
        .answer_timeout = self->settings.answer_timeout,
    };
    visit->exchange = exchange;
    visit->fetch = fetch_new(exchange_loop(exchange), self->settings.upstream, site->owner, &visitor, &settings,
                             &fetch_user, visit);
    return visit->fetch ? visit : NULL;
}

/* TRACE would show a script what it must not see (RFC 9110 section 9.3.8); CONNECT never gets here. */
static void serve(const struct service *service, struct exchange *exchange)
{
    const struct reverseproxy_service *self = (const struct reverseproxy_service *)service;
    if (is_for_websocket(self, exchange)) {
        service_serve(self->settings.websocket, exchange);
        return;
    }
    if (span_equal(exchange_request(exchange)->method_name, SPAN("TRACE"))) {
        exchange_fail_method(exchange, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        return;
    }
    struct visit *visit = visit_new(self, exchange);
    if (visit)
        exchange_watch(exchange, &exchange_user, visit);
    else
        exchange_fail(exchange, ENDING_MEMORY, NULL);
}

static bool takes_body(const struct service *service, struct exchange *exchange)
{
    return !is_for_websocket((const struct reverseproxy_service *)service, exchange);
}

const struct service *reverseproxy_service_new(struct arena *arena, const struct reverseproxy_settings *settings)
{
    static const struct service_ops ops = {.type = "reverseproxy", .serve = serve, .takes_body = takes_body};
    struct reverseproxy_service *self = arena_alloc(arena, sizeof *self);
    if (!self)
        return NULL;
    *self = (struct reverseproxy_service){.service.ops = &ops, .settings = *settings};
    return &self->service;
}
