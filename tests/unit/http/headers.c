#include "test.h"

#include "headers.h"

static struct http_header fields[] = {
    {{(const uint8_t *)"Connection", 10}, {(const uint8_t *)"keep-alive , ,Upgrade", 21}},
    {{(const uint8_t *)"X", 1}, {(const uint8_t *)"1", 1}},
    {{(const uint8_t *)"connection", 10}, {(const uint8_t *)"Close", 5}},
    {{(const uint8_t *)"x", 1}, {(const uint8_t *)"2", 1}},
};
static const struct http_headers headers = {fields, 4};

static void names_are_found_in_any_case_and_the_first_wins(void **state)
{
    (void)state;
    struct span value;
    assert_true(http_header_find(&headers, SPAN("x"), &value));
    assert_true(span_equal(value, SPAN("1")));
    assert_int_equal(http_header_count(&headers, SPAN("X")), 2);
    assert_int_equal(http_header_count(&headers, SPAN("Y")), 0);
    assert_false(http_header_find(&headers, SPAN("Y"), &value));
}

static void tokens_are_found_in_all_fields_and_only_whole(void **state)
{
    (void)state;
    assert_true(http_header_has_token(&headers, SPAN("Connection"), SPAN("upgrade")));
    assert_true(http_header_has_token(&headers, SPAN("Connection"), SPAN("close")));
    assert_false(http_header_has_token(&headers, SPAN("Connection"), SPAN("up")));
    assert_false(http_header_has_token(&headers, SPAN("X"), SPAN("close")));
}

static void fields_are_named_by_connection_in_any_case(void **state)
{
    (void)state;
    struct http_header some[] = {
        {SPAN("a"), SPAN("1")},  {SPAN("Connection"), SPAN(",, b ,,A")},
        {SPAN("B"), SPAN("2")},  {SPAN("connection"), SPAN(" , c, ")},
        {SPAN("ab"), SPAN("3")}, {SPAN("C"), SPAN("4")},
        {SPAN("A"), SPAN("5")},
    };
    const bool wanted[] = {true, false, true, false, false, true, true};
    bool named[HTTP_FIELDS_MAX] = {[4] = true};
    http_headers_named_by_connection(&(struct http_headers){some, 7}, named);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        assert_true(named[i] == wanted[i]);
}

static void a_name_is_a_token_and_a_value_ends_no_line(void **state)
{
    (void)state;
    assert_true(headers_is_token(SPAN("X-!#$%&'*+.^_`|~9")));
    assert_false(headers_is_token(SPAN("")));
    assert_false(headers_is_token(SPAN("Host ")));
    assert_false(headers_is_token(SPAN("a:b")));
    assert_false(headers_is_token(SPAN("a\0b")));
    assert_false(headers_is_token(SPAN("\x80")));
    assert_true(http_value_is_valid(SPAN("a\tb \x80")));
    assert_false(http_value_is_valid(SPAN("a\r\nb")));
    assert_false(http_value_is_valid(SPAN("a\0")));
}

static void reasons_are_those_of_the_rfc(void **state)
{
    (void)state;
    assert_string_equal(http_reason(404), "Not Found");
    assert_string_equal(http_reason(426), "Upgrade Required");
    assert_string_equal(http_reason(299), "Unknown");
}

static void every_status_of_the_endings_has_a_reason(void **state)
{
    (void)state;
    for (enum ending why = 0; why < ENDING_COUNT; why++) {
        if (ending_row(why)->http != 0)
            assert_string_not_equal(http_reason(ending_row(why)->http), "Unknown");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_in_any_case_and_the_first_wins),
        cmocka_unit_test(tokens_are_found_in_all_fields_and_only_whole),
        cmocka_unit_test(fields_are_named_by_connection_in_any_case),
        cmocka_unit_test(a_name_is_a_token_and_a_value_ends_no_line),
        cmocka_unit_test(reasons_are_those_of_the_rfc),
        cmocka_unit_test(every_status_of_the_endings_has_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
