#include "test.h"

#include "world.h"

/* Answers 200 to everything with what was understood of the request. */
static void serve(const struct service *service, struct exchange *exchange)
{
    (void)service;
    char text[4096];
    const struct http_request *r = exchange_request(exchange);
    int length = snprintf(text, sizeof text, "%.*s|%.*s|%.*s|%.*s", SPAN_ARGS(r->method_name), SPAN_ARGS(r->path),
                          SPAN_ARGS(r->query), SPAN_ARGS(r->host));
    exchange_answer(exchange, &(struct http_answer){.status = 200},
                    span_of(text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1));
}
static const struct service_ops ops = {.type = "test", .serve = serve};
static const struct service root = {&ops};

enum fate { STAYS, CLOSES };

#define H "Host: a.example\r\n"

static const struct row {
    int status;
    enum fate fate;
    const char *bytes;
    const char *says; /* what the answer must contain, or NULL */
} rows[] = {
    /* good */
    {200, STAYS, "GET / HTTP/1.1\r\n" H "\r\n", "GET|/||a.example"},
    {200, STAYS, "\r\nGET / HTTP/1.1\r\n" H "\r\n", "GET|/||a.example"},
    {200, STAYS, "\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", NULL},
    {200, STAYS, "GET /a/b?c HTTP/1.1\r\nhOsT:a.example\r\n\r\n", "GET|/a/b|c|a.example"},
    {200, STAYS, "GET / HTTP/1.1\r\nHost: \t a.example \t \r\n\r\n", "|a.example"},
    {200, STAYS, "GET / HTTP/1.1\r\nHost: a.example.:8443\r\n\r\n", "a.example.:8443"},
    {200, STAYS, "GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", "[::1]:8443"},
    {200, STAYS, "GET / HTTP/1.1\r\n" H "Empty:\r\nX: \x80\xff\tq\r\n\r\n", NULL},
    {200, CLOSES, "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "Connection: close"},
    {200, CLOSES, "GET / HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n", "Connection: close"},
    {200, CLOSES, "GET / HTTP/1.1\r\n" H "Connection: x\r\nConnection: close\r\n\r\n", NULL},
    {200, CLOSES, "GET / HTTP/1.0\r\n\r\n", "GET|/||"},
    {200, CLOSES, "GET / HTTP/1.0\r\nHost:\r\n\r\n", NULL},
    {200, STAYS, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "Connection: keep-alive"},
    {200, CLOSES, "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", NULL},
    {200, STAYS, "POST /p HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", "POST|/p"},
    {200, STAYS, "POST /p HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", NULL},
    {200, STAYS, "PUT /p HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: r\r\n\r\n",
     "PUT|/p"},
    {200, STAYS, "DELETE / HTTP/1.1\r\n" H "\r\n", "DELETE|/"},
    {200, STAYS, "TRACE / HTTP/1.1\r\n" H "\r\n", "TRACE|/"},
    {200, STAYS, "M-SEARCH / HTTP/1.1\r\n" H "\r\n", NULL},
    {200, STAYS, "GET http://b.example/x HTTP/1.1\r\n" H "\r\n", "GET|/x||b.example"},
    {200, STAYS, "GET https://b.example?q HTTP/1.1\r\n" H "\r\n", "GET|/|q|b.example"},
    {204, STAYS, "OPTIONS * HTTP/1.1\r\n" H "\r\n", "Allow: GET, HEAD, OPTIONS"},
    {200, STAYS, "OPTIONS /x HTTP/1.1\r\n" H "\r\n", "OPTIONS|/x"},
    {200, CLOSES, "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", NULL},
    {200, STAYS, "GET / HTTP/1.1\r\n" H "Expect: 100-Continue\r\n\r\n", NULL},
    {200, CLOSES, "GET / HTTP/1.0\r\nExpect: something\r\n\r\n", NULL},
    {200, CLOSES, "POST / HTTP/1.1\r\n" H "Content-Length: 65537\r\n\r\n", NULL},
    {200, CLOSES, "POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775807\r\n\r\n", NULL},
    {200, CLOSES, "POST / HTTP/1.1\r\n" H "Connection: close\r\nContent-Length: 5\r\n\r\n", NULL},
    {400, CLOSES, "GET /\\b.example/ HTTP/1.1\r\n" H "\r\n", NULL},
    {200, STAYS, "GET /a%5Cb?c\\d HTTP/1.1\r\n" H "\r\n", "GET|/a\\b|c\\d"},
    /* host */
    {400, CLOSES, "GET / HTTP/1.1\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\nHost:\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\n" H "Host: a.example\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.0\r\n" H "host: b\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\nHost: a:70000\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\nHost: a.example..\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\nHost: .a.example\r\n\r\n", NULL},
    {400, CLOSES, "GET https://a..example/ HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET http://b.example/x HTTP/1.1\r\n\r\n", NULL},
    {400, CLOSES, "GET http://u@b.example/x HTTP/1.1\r\n" H "\r\n", NULL},
    /* framing */
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nhello", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nhello", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nhello", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\nhello", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\nhello", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999\r\n\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n0\r\n\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nzz\r\n", NULL},
    {400, CLOSES, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloo\r\n0\r\n\r\n", NULL},
    /* lines and fields */
    {400, CLOSES, "GET / HTTP/1.1\n" H "\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\nHost: a\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\n" H "X: a\rY: b\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\n Host: a\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\n" H "X : a\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\n" H ": a\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\n" H "no colon\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\n" H "X(: a\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1\r\n" H "X\x80: a\r\n\r\n", NULL},
    {400, CLOSES, "\x16\x03\x01\x02", NULL},
    {400, CLOSES, " GET / HTTP/1.1\r\n" H "\r\n", NULL},
    {417, CLOSES, "GET / HTTP/1.1\r\n" H "Expect: more\r\n\r\n", NULL},
    {417, CLOSES, "GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", NULL},
    /* request line */
    {400, CLOSES, "GET  / HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET /  HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.1 \r\n" H "\r\n", NULL},
    {400, CLOSES, "GET /a b HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET\t/ HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET / http/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET / HTTP/1.10\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "SSH-2.0-OpenSSH_9.2\r\n", NULL},
    {400, CLOSES, "EHLO mail.example\r\n", NULL},
    {505, CLOSES, "GET /\r\n", NULL},
    {505, CLOSES, "GET / HTTP/2.0\r\n" H "\r\n", NULL},
    {505, CLOSES, "GET / HTTP/1.2\r\n" H "\r\n", NULL},
    {505, CLOSES, "POST /p HTTP/2.1\r\nHost: a\xff\nX", NULL}, /* the first line is judged first, however it comes */
    {505, CLOSES, "GET / HTTP/0.9\r\n\r\n", NULL},
    {505, CLOSES, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NULL},
    {501, CLOSES, "CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n", NULL},
    {501, CLOSES, "get / HTTP/1.1\r\n" H "\r\n", NULL},
    {501, CLOSES, "BREW / HTTP/1.1\r\n" H "\r\n", NULL},
    {501, CLOSES, "GETS / HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "DESCRIBE / HTTP/1.1\r\n" H "\r\n", NULL},
    /* target */
    {400, CLOSES, "GET * HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET a HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET a.example:80 HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET /../etc/passwd HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET /%2e%2e/etc/passwd HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET /a%2F..%2Fb HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET /a%00.html HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET /a%0d%0aX:y HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET //a HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET /a%g0 HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", NULL},
    {400, CLOSES, "GET /a#b HTTP/1.1\r\n" H "\r\n", NULL},
    /* not complete */
    {0, STAYS, "GET / HTTP/1.1\r\n" H, NULL},
    {0, STAYS, "GET / HTTP/1.1\r\n" H "\r", NULL},
    {0, STAYS, "\r\n\r\n", NULL},
    {0, STAYS, "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhell", NULL},
    {0, STAYS, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n", NULL},
};

static void check_row(const struct row *row, size_t step)
{
    struct world world;
    world_init(&world, &root);
    world_open(&world);
    world_feed(&world, row->bytes, strlen(row->bytes), step);
    if (world_status(&world) != row->status || world_closed(&world) != (row->fate == CLOSES))
        fail_msg("step %zu: status %d, %s, for: %s", step, world_status(&world),
                 world_closed(&world) ? "closed" : "open", row->bytes);
    if (row->says)
        assert_true(world_said(&world, row->says));
    if (world_status(&world) != 0)
        assert_int_equal(world_count(&world, "HTTP/1.1 "), 1);
    world_close(&world);
    world_deinit(&world);
}

static void requests_are_answered_as_the_table_says_whole_halved_and_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_row(&rows[i], 0);
        check_row(&rows[i], (strlen(rows[i].bytes) + 1) / 2);
        check_row(&rows[i], 1);
    }
}

static void repeat(char *to, char c, size_t count)
{
    memset(to, c, count);
    to[count] = 0;
}

static int status_of(const char *text, size_t step)
{
    struct world world;
    world_init(&world, &root);
    world_open(&world);
    world_feed(&world, text, strlen(text), step);
    int status = world_status(&world);
    assert_true(world_closed(&world) == (status != 200));
    world_close(&world);
    world_deinit(&world);
    return status;
}

static void targets_heads_and_field_counts_have_limits(void **state)
{
    (void)state;
    static char text[40000], filler[32000];
    static const size_t steps[] = {0, 1000, 1};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        repeat(filler, 'a', HTTP_TARGET_MAX - 1);
        snprintf(text, sizeof text, "GET /%s HTTP/1.1\r\n" H "\r\n", filler);
        assert_int_equal(status_of(text, steps[i]), 200);
        repeat(filler, 'a', HTTP_TARGET_MAX);
        snprintf(text, sizeof text, "GET /%s HTTP/1.1\r\n" H "\r\n", filler);
        assert_int_equal(status_of(text, steps[i]), 414);
        repeat(filler, 'a', 20000);
        snprintf(text, sizeof text, "GET /%s", filler);
        assert_int_equal(status_of(text, steps[i]), 414);
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" H "X: %s\r\n\r\n", filler);
        assert_int_equal(status_of(text, steps[i]), 431);
        repeat(filler, 'a', 16000);
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" H "X: %s\r\n\r\n", filler);
        assert_int_equal(status_of(text, steps[i]), 200);
    }
}

static void a_hundred_fields_are_taken_and_one_more_is_refused(void **state)
{
    (void)state;
    char text[2048];
    for (int over = 0; over < 2; over++) {
        size_t used = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" H);
        for (int i = 1; i < HTTP_FIELDS_MAX + over; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "a%d:b\r\n", i);
        snprintf(text + used, sizeof text - used, "\r\n");
        assert_int_equal(status_of(text, 0), over ? 431 : 200);
    }
}

static void a_hundred_items_of_connection_are_taken_and_one_more_is_refused(void **state)
{
    (void)state;
    char text[2048];
    for (int over = 0; over < 2; over++) {
        size_t used = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" H "Connection: x\r\nConnection: x");
        for (int i = 2; i < HTTP_FIELDS_MAX + over; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, ",x");
        snprintf(text + used, sizeof text - used, "\r\n\r\n");
        assert_int_equal(status_of(text, 0), over ? 431 : 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_as_the_table_says_whole_halved_and_byte_by_byte),
        cmocka_unit_test(targets_heads_and_field_counts_have_limits),
        cmocka_unit_test(a_hundred_fields_are_taken_and_one_more_is_refused),
        cmocka_unit_test(a_hundred_items_of_connection_are_taken_and_one_more_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
