#include "test.h"

#include "head.h"

#include "crossgate/http.h"

static enum head_progress feed(struct head *head, const char *text, size_t length, size_t step, size_t *total)
{
    enum head_progress progress = HEAD_MORE;
    *total = 0;
    while (progress == HEAD_MORE && *total < length) {
        size_t taken;
        size_t n = length - *total < step ? length - *total : step;
        progress = head_feed(head, span_of(text + *total, n), &taken);
        *total += taken;
    }
    return progress;
}

static void a_head_ends_at_the_empty_line_however_it_comes(void **state)
{
    (void)state;
    static const char text[] = "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nbytes that follow";
    const size_t end = strlen("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for (size_t step = 1; step < sizeof text; step++) {
        struct arena *arena = arena_new();
        struct head head;
        size_t taken;
        head_init(&head, arena);
        assert_true(head_is_blank(&head));
        assert_int_equal(feed(&head, text, sizeof text - 1, step, &taken), HEAD_COMPLETE);
        assert_int_equal(taken, end);
        assert_true(span_equal(head_first_line(&head), SPAN("GET / HTTP/1.1")));
        assert_true(span_equal(head_bytes(&head), span_of(text + 4, end - 4)));
        arena_free(arena);
    }
}

static void only_crlf_ends_a_line_and_no_line_is_folded(void **state)
{
    (void)state;
    static const struct span broken[] = {
        {(const uint8_t *)"GET / HTTP/1.1\nHost: a\n\n", 24},
        {(const uint8_t *)"A\rB", 3},
        {(const uint8_t *)"A\r\n folded\r\n", 12},
        {(const uint8_t *)"A\r\n\tfolded\r\n", 12},
        {(const uint8_t *)" A\r\n", 4},
        {(const uint8_t *)"A\0B", 3},
        {(const uint8_t *)"A\x7f", 2},
        {(const uint8_t *)"\x16\x03\x01\x02", 4},
        {(const uint8_t *)"A\r\nB: c\x1b[0m\r\n", 13},
        {(const uint8_t *)"\n", 1},
        {(const uint8_t *)"\r\r\n", 3},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        for (size_t step = 1; step <= broken[i].len; step++) {
            struct arena *arena = arena_new();
            struct head head;
            size_t taken;
            head_init(&head, arena);
            assert_int_equal(feed(&head, (const char *)broken[i].at, broken[i].len, step, &taken), HEAD_BROKEN);
            arena_free(arena);
        }
    }
}

static void a_head_has_at_most_its_limit(void **state)
{
    (void)state;
    char *text = test_malloc(HTTP_HEAD_MAX + 1);
    memset(text, 'a', HTTP_HEAD_MAX + 1);
    memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
    for (size_t step = 1; step <= HTTP_HEAD_MAX; step *= 128) {
        for (size_t over = 0; over < 2; over++) {
            struct arena *arena = arena_new();
            struct head head;
            size_t taken;
            head_init(&head, arena);
            if (over)
                memcpy(text + HTTP_HEAD_MAX - 4, "b\r\n\r\n", 5);
            else
                memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
            assert_int_equal(feed(&head, text, HTTP_HEAD_MAX + over, step, &taken),
                             over ? HEAD_TOO_LONG : HEAD_COMPLETE);
            assert_int_equal(taken, HTTP_HEAD_MAX);
            assert_true(arena_used(arena) < 4 * HTTP_HEAD_MAX);
            arena_free(arena);
        }
    }
    test_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_ends_at_the_empty_line_however_it_comes),
        cmocka_unit_test(only_crlf_ends_a_line_and_no_line_is_folded),
        cmocka_unit_test(a_head_has_at_most_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
