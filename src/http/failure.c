#include "failure.h"

#include <stdio.h>

/* Programs get one line, browsers a page. */
static bool wants_html(const struct http_request *request)
{
    struct span accept;
    return http_header_find(&request->headers, SPAN("Accept"), &accept) &&
           memmem(accept.at, accept.len, "text/html", strlen("text/html")) != NULL;
}

static size_t print_page(char *page, size_t size, bool html, const struct ending_row *row)
{
    const char *form =
        html ? "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%u %s</title></head>\n"
               "<body><h1>%u %s</h1><p>%s</p></body></html>\n"
             : "%u %s\n";
    const char *reason = http_reason(row->http);
    int length = html ? snprintf(page, size, form, row->http, reason, row->http, reason, row->text)
                      : snprintf(page, size, form, row->http, row->text);
    return (size_t)length < size ? (size_t)length : size - 1;
}

void failure_answer(struct exchange *exchange, enum ending why, const char *allow)
{
    const struct ending_row *row = ending_row(why);
    bool html = wants_html(exchange_request(exchange));
    struct http_header fields[5] = {
        {SPAN("Content-Type"), html ? SPAN("text/html; charset=utf-8") : SPAN("text/plain; charset=utf-8")},
        {SPAN("Cache-Control"), SPAN("no-store")},
        {SPAN("X-Content-Type-Options"), SPAN("nosniff")},
    };
    size_t count = 3;
    if (row->http == 405) /* RFC 9110 section 15.5.6 */
        fields[count++] = (struct http_header){SPAN("Allow"), span_string(allow)};
    if (row->http == 426) { /* RFC 9110 section 15.5.22, RFC 6455 section 4.4 */
        fields[count++] = (struct http_header){SPAN("Upgrade"), SPAN("websocket")};
        fields[count++] = (struct http_header){SPAN("Sec-WebSocket-Version"), SPAN("13")};
    }
    char page[512];
    size_t length = print_page(page, sizeof page, html, row);
    exchange_answer(exchange, &(struct http_answer){row->http, fields, count}, span_of(page, length));
}
