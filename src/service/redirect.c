#include "crossgate/services.h"

/* Crossbar's service type "redirect". */
struct redirect_service {
    struct service service;
    struct span url;
    unsigned status;
    bool keep_path;
};

/* What was sent for the tail of the path: each byte of the decoded path before it is one byte, or an escape of three. */
static struct span raw_tail(const struct http_request *request, struct span tail)
{
    struct span raw = request->raw_path;
    for (size_t n = request->path.len - tail.len; n > 0; n--)
        raw = span_tail(raw, raw.at[0] == '%' ? 3 : 1);
    return raw;
}

static size_t put(uint8_t *to, size_t length, struct span bytes)
{
    if (bytes.len > 0)
        memcpy(to + length, bytes.at, bytes.len);
    return length + bytes.len;
}

/* One slash between the URL and the tail, which is empty or begins with one. */
static struct span without_slash(struct span url)
{
    return url.len > 0 && url.at[url.len - 1] == '/' ? span_head(url, url.len - 1) : url;
}

/* The URL, the rest of the path and the query as they were sent. Empty when memory is out. */
static struct span compose(const struct redirect_service *self, struct exchange *exchange)
{
    const struct http_request *request = exchange_request(exchange);
    struct span tail = raw_tail(request, exchange_tail(exchange));
    struct span url = tail.len > 0 ? without_slash(self->url) : self->url;
    uint8_t *to = arena_alloc(request->arena, url.len + tail.len + 1 + request->query.len);
    if (!to)
        return (struct span){0};
    size_t length = put(to, put(to, 0, url), tail);
    if (request->query.len > 0)
        length = put(to, put(to, length, SPAN("?")), request->query);
    return span_of(to, length);
}

static bool takes_all_methods(unsigned status)
{
    return status == 303 || status == 307 || status == 308;
}

static void serve(const struct service *service, struct exchange *exchange)
{
    const struct redirect_service *self = (const struct redirect_service *)service;
    const struct http_request *request = exchange_request(exchange);
    if (request->method != HTTP_GET && request->method != HTTP_HEAD && !takes_all_methods(self->status)) {
        exchange_fail_method(exchange, "GET, HEAD");
        return;
    }
    const struct http_header location = {SPAN("Location"), self->keep_path ? compose(self, exchange) : self->url};
    if (location.value.len > 0)
        exchange_answer(exchange, &(struct http_answer){self->status, &location, 1}, SPAN(""));
    else
        exchange_fail(exchange, ENDING_MEMORY, NULL);
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
    self->status = settings->status;
    self->keep_path = settings->keep_path;
    return &self->service;
}
