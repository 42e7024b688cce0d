#include "test.h"

#include "body.h"

#include <string.h>

static enum body_progress feed(struct body *body, const char *text, size_t length, size_t step, size_t *total)
{
    enum body_progress progress = BODY_MORE;
    *total = 0;
    while (progress == BODY_MORE && *total < length) {
        size_t taken;
        size_t n = length - *total < step ? length - *total : step;
        progress = body_feed(body, span_of(text + *total, n), &taken);
        *total += taken;
    }
    return progress;
}

static void a_body_of_known_length_ends_after_its_last_byte(void **state)
{
    (void)state;
    for (size_t step = 1; step < 20; step++) {
        struct body body;
        size_t taken;
        body_init_length(&body, 10);
        assert_int_equal(feed(&body, "0123456789GET / HTTP", 20, step, &taken), BODY_DONE);
        assert_int_equal(taken, 10);
        assert_int_equal(body.received, 10);
    }
}

static void chunks_end_where_the_last_trailer_line_ends(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "0\r\n\r\n",
        "000\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "A\r\n0123456789\r\n3;name=\"x y\"\r\nabc\r\n0\r\n\r\n",
        "1\r\n\r\r\n1\r\n\n\r\n0\r\nTrailer: a\r\nOther: b\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char text[128];
        size_t length = strlen(bodies[i]);
        memcpy(text, bodies[i], length);
        memcpy(text + length, "GET", 3);
        for (size_t step = 1; step <= length + 3; step++) {
            struct body body;
            size_t taken;
            body_init_chunked(&body);
            assert_int_equal(feed(&body, text, length + 3, step, &taken), BODY_DONE);
            assert_int_equal(taken, length);
            assert_int_equal(body.received, length);
        }
    }
}

static void chunks_that_two_readers_could_read_in_two_ways_are_broken(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "\r\n",         "5\nhello\r\n",        " 5\r\nhello\r\n", "5 \r\nhello\r\n", "0x5\r\nhello\r\n",
        "+5\r\nhello",  "5\r\nhelloX\r\n",     "5\r\nhello\n0",   "5\r\nhello\rX",   "g\r\n",
        "-1\r\n",       "123456789\r\n",       "5;a\nb\r\n",      "5;a\rb\r\n",      "0\r\nA: b\nC: d\r\n",
        "0\r\n folded", "0\r\nA: b\r\n\tfold", "0\r\nA: b\rC: d", ";x\r\n",          "0\r\n\rX",
        "5\rX",         "0\r\nA: \x01\r\n",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        size_t length = strlen(bodies[i]);
        for (size_t step = 1; step <= length; step++) {
            struct body body;
            size_t taken;
            body_init_chunked(&body);
            assert_int_equal(feed(&body, bodies[i], length, step, &taken), BODY_BROKEN);
        }
    }
}

/* The payload of all pieces, however the bytes are cut. */
static enum body_progress collect(struct body *body, const char *text, size_t length, size_t step, char *payload,
                                  size_t *payload_length)
{
    enum body_progress progress = BODY_MORE;
    size_t total = 0;
    *payload_length = 0;
    while (progress == BODY_MORE && total < length) {
        size_t taken, n = length - total < step ? length - total : step;
        struct span piece, in = span_of(text + total, n);
        progress = body_read(body, in, &taken, &piece);
        assert_true(taken > 0 && taken <= n);
        assert_true(piece.len == 0 || (piece.at >= in.at && piece.at + piece.len <= in.at + taken));
        memcpy(payload + *payload_length, piece.at, piece.len);
        *payload_length += piece.len;
        total += taken;
    }
    assert_true(progress != BODY_DONE || total == length);
    return progress;
}

static void pieces_are_the_payload_and_nothing_else(void **state)
{
    (void)state;
    static const char chunks[] = "5;a=b\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nA: b\r\n\r\n", plain[] = "hello world";
    for (size_t step = 1; step <= sizeof chunks; step++) {
        struct body body;
        char payload[64];
        size_t length;
        body_init_chunked(&body);
        assert_int_equal(collect(&body, chunks, sizeof chunks - 1, step, payload, &length), BODY_DONE);
        assert_int_equal(length, sizeof plain - 1);
        assert_memory_equal(payload, plain, length);
        body_init_length(&body, sizeof plain - 1);
        assert_int_equal(collect(&body, plain, sizeof plain - 1, step, payload, &length), BODY_DONE);
        assert_memory_equal(payload, plain, length);
        body_init_rest(&body);
        assert_int_equal(collect(&body, plain, sizeof plain - 1, step, payload, &length), BODY_MORE);
        assert_int_equal(length, sizeof plain - 1);
    }
}

static void an_empty_body_is_done_without_a_byte(void **state)
{
    (void)state;
    struct body body;
    struct span piece;
    size_t taken;
    body_init_length(&body, 0);
    assert_int_equal(body_read(&body, SPAN("GET"), &taken, &piece), BODY_DONE);
    assert_int_equal(taken, 0);
    assert_int_equal(piece.len, 0);
}

static void extensions_and_trailers_without_end_are_broken(void **state)
{
    (void)state;
    static const struct {
        const char *begin, *more;
    } rows[] = {{"5;", "abcdefghij"}, {"0\r\n", "A: bcdef\r\n"}};
    for (size_t i = 0; i < 2; i++) {
        struct body body;
        size_t taken, rounds = 0;
        body_init_chunked(&body);
        enum body_progress progress = body_feed(&body, span_string(rows[i].begin), &taken);
        while (progress == BODY_MORE && rounds++ < 100000)
            progress = body_feed(&body, span_string(rows[i].more), &taken);
        assert_int_equal(progress, BODY_BROKEN);
        assert_true(body.received > 16000 && body.received < 24000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_of_known_length_ends_after_its_last_byte),
        cmocka_unit_test(chunks_end_where_the_last_trailer_line_ends),
        cmocka_unit_test(chunks_that_two_readers_could_read_in_two_ways_are_broken),
        cmocka_unit_test(pieces_are_the_payload_and_nothing_else),
        cmocka_unit_test(an_empty_body_is_done_without_a_byte),
        cmocka_unit_test(extensions_and_trailers_without_end_are_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
