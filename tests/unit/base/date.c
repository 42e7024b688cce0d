/* Moments as text. */
#include "test.h"

#include "crossgate/base/date.h"

static void moments_are_printed_for_people_and_programs(void **state)
{
    static const struct {
        int64_t seconds;
        const char *people, *programs;
    } rows[] = {
        {0, "1970-01-01 00:00 UTC", "1970-01-01T00:00:00Z"},
        {1796119659, "2026-12-01 10:07 UTC", "2026-12-01T10:07:39Z"},
        {253402300799, "9999-12-31 23:59 UTC", "9999-12-31T23:59:59Z"},
        {-1, "1969-12-31 23:59 UTC", "1969-12-31T23:59:59Z"},
        {INT64_MAX, "an unknown time", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[DATE_TEXT];
        assert_string_equal(date_print(rows[i].seconds, text), rows[i].people);
        assert_string_equal(date_print_rfc3339(rows[i].seconds, text), rows[i].programs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(moments_are_printed_for_people_and_programs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
