#include "crossgate/services.h"

/* Crossbar's service type "redirect": 302 to one URL for all requests, whatever their path. */
struct redirect_service {
    struct service service;
    struct span url;
};

static void serve(const struct service *service, struct exchange *exchange)
{
    const struct redirect_service *self = (const struct redirect_service *)service;
    const struct http_request *request = exchange_request(exchange);
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        exchange_fail_method(exchange, "GET, HEAD");
        return;
    }
    const struct http_header location = {SPAN("Location"), self->url};
    exchange_answer(exchange, &(struct http_answer){.status = 302, .headers = &location, .header_count = 1}, SPAN(""));
}

static bool needs_escape(uint8_t c)
{
    return c <= 0x20 || c >= 0x7f;
}

/* Location holds a URI, so what a URI has no place for is escaped (RFC 3986 section 2.1; RFC 3987 section 3.1). */
static bool escape(struct arena *arena, struct span url, struct span *out)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t *to = arena_alloc(arena, 3 * url.len + 1);
    size_t length = 0;
    if (!to)
        return false;
    for (size_t i = 0; i < url.len; i++) {
        uint8_t c = url.at[i];
        if (needs_escape(c)) {
            to[length++] = '%';
            to[length++] = (uint8_t)digits[c >> 4];
            to[length++] = (uint8_t)digits[c & 15];
        } else {
            to[length++] = c;
        }
    }
    *out = span_of(to, length);
    return true;
}

const struct service *redirect_service_new(struct arena *arena, const struct redirect_settings *settings)
{
    static const struct service_ops ops = {.type = "redirect", .serve = serve};
    struct redirect_service *self = arena_alloc(arena, sizeof *self);
    if (!self || !escape(arena, span_string(settings->url), &self->url))
        return NULL;
    self->service.ops = &ops;
    return &self->service;
}
