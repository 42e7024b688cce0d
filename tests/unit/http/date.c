#include "test.h"

#include "crossgate/http.h"

#include <time.h>

static void dates_are_printed_as_the_rfc_shows_and_read_back(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},  {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},         {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"}, {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[HTTP_DATE];
        int64_t seconds;
        http_date_print(rows[i].seconds, text);
        assert_string_equal(text, rows[i].text);
        assert_true(http_date_parse(span_string(text), &seconds));
        assert_int_equal(seconds, rows[i].seconds);
    }
}

static void every_day_of_four_centuries_agrees_with_the_c_library(void **state)
{
    (void)state;
    for (time_t at = -62135596800 / 2; at < 13000000000; at += 86400 * 3 + 3661) {
        char ours[HTTP_DATE], theirs[HTTP_DATE];
        struct tm utc;
        int64_t back;
        http_date_print(at, ours);
        gmtime_r(&at, &utc);
        strftime(theirs, sizeof theirs, "%a, %d %b %Y %H:%M:%S GMT", &utc);
        if (utc.tm_year + 1900 >= 1000) /* strftime does not pad years */
            assert_string_equal(ours, theirs);
        assert_true(http_date_parse(span_string(ours), &back));
        assert_int_equal(back, at);
    }
}

static void what_is_not_such_a_date_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37",
        "Mon, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
    };
    int64_t seconds;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(http_date_parse(span_string(texts[i]), &seconds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_printed_as_the_rfc_shows_and_read_back),
        cmocka_unit_test(every_day_of_four_centuries_agrees_with_the_c_library),
        cmocka_unit_test(what_is_not_such_a_date_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
