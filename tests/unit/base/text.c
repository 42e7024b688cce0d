#include "test.h"

#include "crossgate/base/text.h"

#include <stdlib.h>

static void what_is_put_stands_in_order(void **state)
{
    (void)state;
    struct text text = {0};
    text_put_string(&text, "GET / HTTP/1.1\r\n");
    text_put_field(&text, SPAN("Host"), SPAN("localhost"));
    text_put_field(&text, SPAN("Empty"), SPAN(""));
    text_put(&text, span_of(NULL, 0));
    assert_true(text_end(&text));
    assert_string_equal(text.at, "GET / HTTP/1.1\r\nHost: localhost\r\nEmpty: \r\n");
    assert_int_equal(text.length, strlen(text.at));
    text_deinit(&text);
    assert_null(text.at);
}

static void nothing_is_an_empty_string(void **state)
{
    (void)state;
    struct text text = {0};
    assert_true(text_end(&text));
    assert_string_equal(text.at, "");
    assert_int_equal(text.length, 0);
    text_deinit(&text);
    text_deinit(&text);
}

/* Zeros within are bytes as others are; the one behind always fits: lengths around each doubling are tried. */
static void it_grows_to_any_length(void **state)
{
    (void)state;
    for (size_t room = 1024; room <= 65536; room *= 2) {
        for (size_t length = room - 2; length <= room + 2; length++) {
            struct text text = {0};
            uint8_t *bytes = calloc(length, 1);
            bytes[length - 1] = 'x';
            text_put(&text, span_of(bytes, 3));
            text_put(&text, span_of(bytes + 3, length - 3));
            assert_true(text_end(&text));
            assert_int_equal(text.length, length);
            assert_memory_equal(text.at, bytes, length);
            assert_int_equal(text.at[length], 0);
            text_deinit(&text);
            free(bytes);
        }
    }
}

/* After a failure nothing is added, and nothing is left. */
static void what_has_failed_stays_failed(void **state)
{
    (void)state;
    struct text text = {0};
    text_put_string(&text, "half");
    text.failed = true;
    text_put_string(&text, "of it");
    assert_int_equal(text.length, 4);
    assert_false(text_end(&text));
    assert_null(text.at);
    assert_int_equal(text.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_stands_in_order),
        cmocka_unit_test(nothing_is_an_empty_string),
        cmocka_unit_test(it_grows_to_any_length),
        cmocka_unit_test(what_has_failed_stays_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
