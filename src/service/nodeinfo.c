#include "crossgate/services.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Crossbar's service type "nodeinfo": what runs here, as a page or as JSON. The counters are those of the worker that
 * happens to answer. */
struct nodeinfo_service {
    struct service service;
    int64_t since; /* s on the clock that does not jump: when this configuration came into force */
};

enum { PAGE_BYTES = 4096 };

struct page {
    char *text;
    size_t length;
};

static int64_t clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

/* What does not fit is left out. */
__attribute__((format(printf, 2, 3))) static void print(struct page *page, const char *format, ...)
{
    va_list arguments;
    size_t room = PAGE_BYTES - page->length;
    va_start(arguments, format);
    int length = vsnprintf(page->text + page->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        page->length += (size_t)length < room ? (size_t)length : room - 1;
}

struct row {
    const char *name;
    const char *help;
    uint64_t value;
};

static size_t rows_of(const struct counters *counters, struct row *rows)
{
    size_t count = 0;
#define X(name, help) rows[count++] = (struct row){#name, help, counters->name};
    COUNTER_ROWS(X)
#undef X
    return count;
}

#define X(name, help) +1
enum { ROWS = 0 COUNTER_ROWS(X) };
#undef X

static void print_json(struct page *page, const struct counters *counters, int64_t age)
{
    struct row rows[ROWS];
    size_t count = rows_of(counters, rows);
    print(page, "{\"name\":\"crossgate\",\"version\":\"%s\",\"tls_library\":\"%s\",\"worker_pid\":%d,",
          CROSSGATE_VERSION, tls_library_version(), (int)getpid());
    print(page, "\"configuration_age\":%" PRId64 ",\"counters\":{", age);
    for (size_t i = 0; i < count; i++)
        print(page, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", rows[i].name, rows[i].value);
    print(page, "}}\n");
}

static void print_html(struct page *page, const struct counters *counters, int64_t age)
{
    struct row rows[ROWS];
    size_t count = rows_of(counters, rows);
    print(page,
          "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Crossgate</title></head>\n<body>\n"
          "<h1>Crossgate %s</h1>\n<table>\n",
          CROSSGATE_VERSION);
    print(page, "<tr><td>TLS library</td><td>%s</td></tr>\n", tls_library_version());
    print(page, "<tr><td>worker process</td><td>%d</td></tr>\n", (int)getpid());
    print(page, "<tr><td>seconds since the configuration came into force</td><td>%" PRId64 "</td></tr>\n", age);
    for (size_t i = 0; i < count; i++)
        print(page, "<tr><td>%s</td><td>%" PRIu64 "</td></tr>\n", rows[i].help, rows[i].value);
    print(page, "</table>\n</body></html>\n");
}

static void serve(const struct service *service, struct exchange *exchange)
{
    const struct nodeinfo_service *self = (const struct nodeinfo_service *)service;
    const struct http_request *request = exchange_request(exchange);
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        exchange_fail_method(exchange, "GET, HEAD");
        return;
    }
    char text[PAGE_BYTES];
    struct page page = {.text = text};
    const struct counters *counters = exchange_loop(exchange)->counters;
    int64_t age = clock_seconds() - self->since;
    bool json = http_header_has_token(&request->headers, SPAN("Accept"), SPAN("application/json"));
    if (json)
        print_json(&page, counters, age);
    else
        print_html(&page, counters, age);
    const struct http_header fields[] = {
        {SPAN("Content-Type"), json ? SPAN("application/json") : SPAN("text/html; charset=utf-8")},
        {SPAN("Cache-Control"), SPAN("no-store")},
        {SPAN("Vary"), SPAN("Accept")},
        {SPAN("X-Content-Type-Options"), SPAN("nosniff")},
    };
    const struct http_answer answer = {200, fields, sizeof fields / sizeof *fields};
    exchange_answer(exchange, &answer, span_of(text, page.length));
}

const struct service *nodeinfo_service_new(struct arena *arena)
{
    static const struct service_ops ops = {.type = "nodeinfo", .serve = serve};
    struct nodeinfo_service *self = arena_alloc(arena, sizeof *self);
    if (!self)
        return NULL;
    *self = (struct nodeinfo_service){.service.ops = &ops, .since = clock_seconds()};
    return &self->service;
}
