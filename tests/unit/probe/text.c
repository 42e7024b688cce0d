#include "test.h"

#include "text.h"

static void what_could_act_on_a_terminal_becomes_a_question_mark(void **state)
{
    (void)state;
    const struct {
        struct span from;
        const char *to;
    } rows[] = {
        {SPAN("nginx/1.2"), "nginx/1.2"},
        {SPAN("M\xC3\xBCnchen \xF0\x9F\x94\x92"), "M\xC3\xBCnchen \xF0\x9F\x94\x92"},
        {SPAN("\x1B[31mred\r\n\t\x7F"), "?[31mred????"},
        {SPAN("a\0b"), "a?b"},
        {SPAN("\xC2\x9B"
              "31m"),
         "?31m"}, /* C1: the one-character form of ESC [ */
        {SPAN("a\xE2\x80\xAE"
              "b"),
         "a?b"}, /* right-to-left override */
        {SPAN("\xFF\xC3(\xE2\x82"), "?"
                                    "?(?"
                                    "?"}, /* not UTF-8 */
        {SPAN("\xF4\x90\x80\x80"), "?"
                                   "?"
                                   "?"
                                   "?"}, /* beyond Unicode */
        {SPAN("\xED\xA0\x80"), "?"
                               "?"
                               "?"},     /* a surrogate */
        {SPAN("\xF3\xA0\x81\x81"), "?"}, /* a tag */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        TEXT_COPY(text, rows[i].from);
        assert_string_equal(text, rows[i].to);
    }
}

static void characters_are_not_cut_in_two(void **state)
{
    (void)state;
    char four[4], five[5];
    TEXT_COPY(four, SPAN("ab\xC3\xBC"));
    assert_string_equal(four, "ab");
    TEXT_COPY(five, SPAN("ab\xC3\xBC"));
    assert_string_equal(five, "ab\xC3\xBC");
    TEXT_COPY(five, span_of(NULL, 0));
    assert_string_equal(five, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_could_act_on_a_terminal_becomes_a_question_mark),
        cmocka_unit_test(characters_are_not_cut_in_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
