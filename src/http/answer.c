#include "answer.h"

#include <assert.h>
#include <time.h>

static_assert((int)LOOP_DATE_BYTES == (int)HTTP_DATE, "the loop has room for a date");

/* What is put before and behind the fields of the service fits into this. */
enum { OWN_FIELDS = 512 };

struct text {
    uint8_t *at;
    size_t length;
    size_t room;
};

static void put(struct text *text, struct span bytes)
{
    assert(bytes.len <= text->room - text->length);
    if (bytes.len > 0)
        memcpy(text->at + text->length, bytes.at, bytes.len);
    text->length += bytes.len;
}

static void put_number(struct text *text, uint64_t number)
{
    char digits[SPAN_DIGITS];
    put(text, span_print_uint(number, digits));
}

static void put_status_line(struct text *text, unsigned status)
{
    put(text, SPAN("HTTP/1.1 "));
    put_number(text, status);
    put(text, SPAN(" "));
    put(text, span_string(http_reason(status)));
    put(text, SPAN("\r\n"));
}

static void put_server(struct text *text, const struct exchange *exchange)
{
    put(text,
        exchange->shows_version ? SPAN("Server: Crossgate/" CROSSGATE_VERSION "\r\n") : SPAN("Server: Crossgate\r\n"));
}

/* Printed once a second. */
static void put_date(struct text *text, struct loop *loop)
{
    int64_t now = time(NULL);
    if (now != loop->date_second)
        http_date_print(now, loop->date);
    loop->date_second = now;
    put(text, SPAN("Date: "));
    put(text, span_of(loop->date, HTTP_DATE - 1));
    put(text, SPAN("\r\n"));
}

/* A value that would break the line is our own fault, since what peers send was checked when it came. */
static void put_field(struct text *text, const struct http_header *field)
{
    assert(http_value_is_valid(field->value));
    put(text, field->name);
    put(text, SPAN(": "));
    put(text, field->value);
    put(text, SPAN("\r\n"));
}

/* RFC 9110 sections 8.6 and 15.3.5: no length with 204 and 304; with HEAD the length that GET would have. */
static void put_framing(struct text *text, const struct exchange *exchange)
{
    if (exchange->framing == FRAMING_CHUNKED) {
        put(text, SPAN("Transfer-Encoding: chunked\r\n"));
    } else if (exchange->length != HTTP_LENGTH_UNKNOWN) {
        put(text, SPAN("Content-Length: "));
        put_number(text, exchange->length);
        put(text, SPAN("\r\n"));
    }
}

static void put_connection(struct text *text, const struct exchange *exchange, bool last)
{
    bool upgrade = exchange->status == 101 || exchange->status == 426;
    if (upgrade)
        put(text, last ? SPAN("Connection: Upgrade, close\r\n") : SPAN("Connection: Upgrade\r\n"));
    else if (last)
        put(text, SPAN("Connection: close\r\n"));
    else if (exchange->request.http_1_0)
        put(text, SPAN("Connection: keep-alive\r\n"));
}

static void put_hsts(struct text *text, const struct http_site *site)
{
    if (!site->hsts || !site->secure)
        return;
    put(text, SPAN("Strict-Transport-Security: max-age="));
    put_number(text, site->hsts_max_age);
    put(text, SPAN("\r\n"));
}

static size_t size_of(const struct http_answer *answer)
{
    size_t size = OWN_FIELDS;
    for (size_t i = 0; i < answer->header_count; i++)
        size += answer->headers[i].name.len + answer->headers[i].value.len + 4;
    return size;
}

struct span answer_compose(struct exchange *exchange, const struct http_answer *answer, struct span body, bool last)
{
    struct text text = {.room = size_of(answer) + body.len};
    text.at = arena_alloc(exchange->arena, text.room);
    if (!text.at)
        return (struct span){0};
    put_status_line(&text, answer->status);
    put_server(&text, exchange);
    put_date(&text, exchange->connection->loop);
    for (size_t i = 0; i < answer->header_count; i++)
        put_field(&text, &answer->headers[i]);
    put_framing(&text, exchange);
    put_connection(&text, exchange, last);
    put_hsts(&text, exchange->connection->site);
    put(&text, SPAN("\r\n"));
    put(&text, body);
    return span_of(text.at, text.length);
}
