#include "test.h"

#include "crossgate/base/span.h"

static void list_items_are_trimmed_and_empty_ones_skipped(void **state)
{
    (void)state;
    struct span rest = SPAN(" a ,, b\t,c,,"), item;
    assert_true(span_next_item(&rest, &item) && span_equal(item, SPAN("a")));
    assert_true(span_next_item(&rest, &item) && span_equal(item, SPAN("b")));
    assert_true(span_next_item(&rest, &item) && span_equal(item, SPAN("c")));
    assert_false(span_next_item(&rest, &item));
}

static void numbers_are_digits_within_the_limit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
        bool good;
        uint64_t value;
    } cases[] = {
        {"0", 9, true, 0},
        {"65535", 65535, true, 65535},
        {"65536", 65535, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"", 9, false, 0},
        {"-1", 9, false, 0},
        {"+1", 9, false, 0},
        {"1 ", 9, false, 0},
        {"0x1", 99, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value = 0;
        assert_int_equal(span_to_uint(span_string(cases[i].text), cases[i].max, &value), cases[i].good);
        assert_int_equal(value, cases[i].value);
    }
}

static void cutting_never_leaves_the_span(void **state)
{
    (void)state;
    struct span s = SPAN("abc");
    assert_true(span_equal(span_head(s, 9), SPAN("abc")));
    assert_int_equal(span_tail(s, 9).len, 0);
    assert_true(span_equal(span_tail(s, 1), SPAN("bc")));
    assert_int_equal(span_tail(span_of(NULL, 0), 1).len, 0);
    assert_int_equal(span_trim(SPAN(" \t ")).len, 0);
}

static void field_names_are_compared_without_case(void **state)
{
    (void)state;
    assert_true(span_equal_nocase(SPAN("Upgrade"), SPAN("uPGRADE")));
    assert_false(span_equal_nocase(SPAN("Upgrade"), SPAN("Upgrades")));
    assert_false(span_equal(SPAN("a"), SPAN("A")));
    assert_true(span_equal(span_of(NULL, 0), SPAN("")));
}

/* Each byte at each place of texts around the width of a word, between bytes that may stand. */
static void a_run_of_text_ends_at_the_first_byte_that_may_not_stand(void **state)
{
    (void)state;
    enum { LONGEST = 25 };
    for (size_t length = 0; length <= LONGEST; length++) {
        for (size_t at = 0; at < length; at++) {
            for (unsigned c = 0; c <= UINT8_MAX; c++) {
                uint8_t text[LONGEST];
                memset(text, at % 2 ? 0xff : ' ', length);
                text[at] = (uint8_t)c;
                bool may_stand = c == '\t' || (c >= 0x20 && c != 0x7f);
                assert_int_equal(span_text_run(span_of(text, length)), may_stand ? length : at);
            }
        }
    }
    assert_int_equal(span_text_run(span_of(NULL, 0)), 0);
    assert_int_equal(span_text_run(SPAN("0123456789\x7f\n")), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_items_are_trimmed_and_empty_ones_skipped),
        cmocka_unit_test(numbers_are_digits_within_the_limit),
        cmocka_unit_test(cutting_never_leaves_the_span),
        cmocka_unit_test(field_names_are_compared_without_case),
        cmocka_unit_test(a_run_of_text_ends_at_the_first_byte_that_may_not_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
