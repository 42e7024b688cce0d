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
            struct http_response_reader *reader = http_response_reader_new(NULL);
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
            struct http_response_reader *reader = http_response_reader_new(NULL);
            size_t taken;
            assert_int_equal(feed(reader, texts[i], step, &taken), HTTP_BROKEN);
            http_response_reader_free(reader);
        }
    }
}

static void interim_answers_without_end_are_broken(void **state)
{
    (void)state;
    struct http_response_reader *reader = http_response_reader_new(NULL);
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
    struct http_response_reader *reader = http_response_reader_new(NULL);
    assert_int_equal(http_response_read(reader, SPAN("HTTP/1.1 200 OK\r\nA:"), &taken), HTTP_MORE);
    http_response_reader_free(reader);
    http_response_reader_free(NULL);
}

/* What is read of a whole answer: the payload, and what follows it. */
struct read {
    bool framed;
    enum http_body_progress progress;
    uint64_t length;
    char payload[64];
    size_t payload_length;
    size_t rest;
    bool keep_alive;
    bool until_close;
};

static void read_answer(const char *text, bool to_head, size_t step, struct read *read)
{
    struct http_response_reader *reader = http_response_reader_new(NULL);
    size_t total, length = strlen(text);
    *read = (struct read){.progress = HTTP_BODY_MORE};
    assert_int_equal(feed(reader, text, step, &total), HTTP_HEAD_DONE);
    read->framed = http_response_frame(reader, to_head, &read->length);
    bool more = read->framed;
    while (more) {
        size_t taken, n = length - total < step ? length - total : step;
        struct span piece;
        read->progress = http_response_read_body(reader, span_of(text + total, n), &taken, &piece);
        memcpy(read->payload + read->payload_length, piece.at, piece.len);
        read->payload_length += piece.len;
        total += taken;
        more = read->progress == HTTP_BODY_MORE && total < length;
    }
    read->rest = length - total;
    read->keep_alive = http_response_of(reader)->keep_alive;
    read->until_close = read->framed && http_response_ends_with_connection(reader);
    http_response_reader_free(reader);
}

#define UNKNOWN HTTP_LENGTH_UNKNOWN

static void bodies_end_where_their_framing_says(void **state)
{
    (void)state;
    static const struct {
        const char *text, *payload;
        uint64_t length;
        size_t rest;
        bool to_head, keep_alive, until_close;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloX", "hello", 5, 1, false, true, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nX", "", 0, 1, false, true, false},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab", "ab", 2, 0, false, false, false},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab", "ab", 2, 0, false, false, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n0\r\nT: x\r\n\r\nX", "ab", UNKNOWN, 1, false,
         true, false},
        {"HTTP/1.1 200 OK\r\n\r\nhello", "hello", UNKNOWN, 0, false, false, true},
        {"HTTP/1.0 404 No\r\n\r\nhello", "hello", UNKNOWN, 0, false, false, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nX", "", 5, 1, true, true, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nX", "", UNKNOWN, 1, true, true, false},
        {"HTTP/1.1 200 OK\r\n\r\nX", "", UNKNOWN, 1, true, true, false},
        {"HTTP/1.1 204 No\r\n\r\nX", "", UNKNOWN, 1, false, true, false},
        {"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\nX", "", 0, 1, false, true, false},
        {"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nX", "", 5, 1, false, false, false},
        {"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\nX", "", UNKNOWN, 1, false, false, false},
        {"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\nX", "", 5, 1, false, true, false},
        {"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "a", 1, 0, false, true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t step = 1; step <= strlen(rows[i].text); step++) {
            struct read read;
            read_answer(rows[i].text, rows[i].to_head, step, &read);
            assert_true(read.framed);
            assert_int_equal(read.progress, rows[i].until_close ? HTTP_BODY_MORE : HTTP_BODY_DONE);
            assert_true(read.length == rows[i].length);
            assert_int_equal(read.payload_length, strlen(rows[i].payload));
            assert_memory_equal(read.payload, rows[i].payload, read.payload_length);
            assert_int_equal(read.rest, rows[i].rest);
            assert_int_equal(read.keep_alive, rows[i].keep_alive);
            assert_int_equal(read.until_close, rows[i].until_close);
        }
    }
}

static void answers_that_two_readers_could_read_in_two_ways_are_broken(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 600 What\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct http_response_reader *reader = http_response_reader_new(NULL);
        size_t total;
        uint64_t length;
        enum http_progress progress = feed(reader, texts[i], strlen(texts[i]), &total);
        assert_true(progress == HTTP_BROKEN || !http_response_frame(reader, false, &length));
        http_response_reader_free(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_read_to_its_end_and_interim_answers_are_skipped),
        cmocka_unit_test(what_is_no_answer_is_broken),
        cmocka_unit_test(interim_answers_without_end_are_broken),
        cmocka_unit_test(a_reader_that_is_given_up_leaves_nothing),
        cmocka_unit_test(bodies_end_where_their_framing_says),
        cmocka_unit_test(answers_that_two_readers_could_read_in_two_ways_are_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
