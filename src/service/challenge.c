/* In front of all that a transport serves: the answers to an authority's http-01 challenges (RFC 8555 section 8.3). As long as
 * nobody asks for a token that we know, whatever is configured for the path decides: another client's webroot, for example. */
#include "crossgate/services.h"

struct challenge_service {
    struct service service;
    const struct service *next;
};

/* The proof that the request asks for, or NULL. */
static const struct challenge *asked_for(struct exchange *exchange)
{
    const struct span directory = SPAN("/.well-known/acme-challenge/");
    const struct challenges *table = exchange_loop(exchange)->challenges;
    const struct http_request *request = exchange_request(exchange);
    if (!table || (request->method != HTTP_GET && request->method != HTTP_HEAD) ||
        !span_starts(request->path, directory))
        return NULL;
    return challenges_by_token(table, span_tail(request->path, directory.len));
}

static void answer(struct exchange *exchange, const struct challenge *challenge)
{
    const struct http_header fields[] = {
        {SPAN("Content-Type"), SPAN("text/plain")},
        {SPAN("Cache-Control"), SPAN("no-store")},
        {SPAN("X-Content-Type-Options"), SPAN("nosniff")},
    };
    log_write(exchange_loop(exchange)->log, LOG_INFO, "the challenge http-01 for %s is answered", challenge->name);
    exchange_answer(exchange, &(struct http_answer){200, fields, sizeof fields / sizeof *fields},
                    span_string(challenge->proof));
}

static void serve(const struct service *service, struct exchange *exchange)
{
    const struct challenge_service *self = (const struct challenge_service *)service;
    const struct challenge *challenge = asked_for(exchange);
    if (challenge)
        answer(exchange, challenge);
    else
        service_serve(self->next, exchange);
}

static bool takes_body(const struct service *service, struct exchange *exchange)
{
    const struct challenge_service *self = (const struct challenge_service *)service;
    return !asked_for(exchange) && service_takes_body(self->next, exchange);
}

const struct service *challenge_service_new(struct arena *arena, const struct service *next)
{
    static const struct service_ops ops = {.type = "challenge", .serve = serve, .takes_body = takes_body};
    struct challenge_service *self = arena_alloc(arena, sizeof *self);
    if (!self)
        return NULL;
    *self = (struct challenge_service){.service.ops = &ops, .next = next};
    return &self->service;
}
