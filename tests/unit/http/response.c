#include "test.h"

#include "crossgate/http.h"

static enum http_progress feed(struct http_response_reader *reader, const char *text, size_t step, size_t *total)
{
    enum http_progress progress = HTTP_MORE;
    size_t length = strlen(text);
    *total = 0;
    while (progress == HTTP_MORE && *total < length) {
        size_t taken;
        size_t n = length - *total < step ? length - *total : step;
        progress = http_response_read(reader, span_of(text + *total, n), &taken);
        *total += taken;
    }
    return progress;
}

static void a_head_is_read_to_its_end_and_interim_answers_are_skipped(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t rest; /* bytes behind the head */
        unsigned status;
        size_t fields;
    } rows[] = {
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x05hello", 7, 101,
         2},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nbody", 4, 200,
         0},
        {"HTTP/1.0 404 Not Found\r\nContent-Length: 3\r\n\r\nabc", 3, 404, 1},
        {"HTTP/1.1 101 \r\nA: b\r\n\r\n", 0, 101, 1},
        {"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 503, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t step = 1; step <= strlen(rows[i].text); step++) {
            struct http_response_reader *reader = http_response_reader_new();
            size_t taken;
            assert_int_equal(feed(reader, rows[i].text, step, &taken), HTTP_HEAD_DONE);
            assert_int_equal(taken, strlen(rows[i].text) - rows[i].rest);
            assert_int_equal(http_response_of(reader)->status, rows[i].status);
            assert_int_equal(http_response_of(reader)->headers.count, rows[i].fields);
            assert_int_equal(http_response_read(reader, SPAN("more"), &taken), HTTP_HEAD_DONE);
            assert_int_equal(taken, 0);
            http_response_reader_free(reader);
        }
    }
}

static void what_is_no_answer_is_broken(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "SSH-2.0-x\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 200 OK\nA: b\n\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nnothing\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "\x15\x03\x03",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t step = 1; step <= strlen(texts[i]); step++) {
            struct http_response_reader *reader = http_response_reader_new();
            size_t taken;
            assert_int_equal(feed(reader, texts[i], step, &taken), HTTP_BROKEN);
            http_response_reader_free(reader);
        }
    }
}

static void interim_answers_without_end_are_broken(void **state)
{
    (void)state;
    struct http_response_reader *reader = http_response_reader_new();
    enum http_progress progress = HTTP_MORE;
    size_t taken, rounds = 0;
    while (progress == HTTP_MORE && rounds++ < 10000)
        progress = http_response_read(reader, SPAN("HTTP/1.1 100 Continue\r\n\r\n"), &taken);
    assert_int_equal(progress, HTTP_BROKEN);
    http_response_reader_free(reader);
}

static void a_reader_that_is_given_up_leaves_nothing(void **state)
{
    (void)state;
    size_t taken;
    struct http_response_reader *reader = http_response_reader_new();
    assert_int_equal(http_response_read(reader, SPAN("HTTP/1.1 200 OK\r\nA:"), &taken), HTTP_MORE);
    http_response_reader_free(reader);
    http_response_reader_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_read_to_its_end_and_interim_answers_are_skipped),
        cmocka_unit_test(what_is_no_answer_is_broken),
        cmocka_unit_test(interim_answers_without_end_are_broken),
        cmocka_unit_test(a_reader_that_is_given_up_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
