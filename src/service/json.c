#include "crossgate/services.h"

/* Crossbar's service type "json". */
struct json_service {
    struct service service;
    struct json_settings settings;
};

static void serve(const struct service *service, struct exchange *exchange)
{
    const struct json_service *self = (const struct json_service *)service;
    const struct http_request *request = exchange_request(exchange);
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        exchange_fail_method(exchange, "GET, HEAD");
        return;
    }
    struct http_header fields[4] = {
        {SPAN("Content-Type"), SPAN("application/json")},
        {SPAN("X-Content-Type-Options"), SPAN("nosniff")},
    };
    size_t count = 2;
    if (self->settings.allow_cross_origin)
        fields[count++] = (struct http_header){SPAN("Access-Control-Allow-Origin"), SPAN("*")};
    if (self->settings.discourage_caching)
        fields[count++] = (struct http_header){SPAN("Cache-Control"), SPAN("no-store")};
    exchange_answer(exchange, &(struct http_answer){200, fields, count}, self->settings.body);
}

const struct service *json_service_new(struct arena *arena, const struct json_settings *settings)
{
    static const struct service_ops ops = {.type = "json", .serve = serve};
    struct json_service *self = arena_alloc(arena, sizeof *self);
    if (!self)
        return NULL;
    *self = (struct json_service){.service.ops = &ops, .settings = *settings};
    return &self->service;
}
