#include "moment.h"

#include "test.h"

static void test_moments(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2025-01-02T04:00:00Z", 1735790400},
        {"2025-01-02T04:00:00.123456789Z", 1735790400},
        {"2025-01-02T05:00:00+01:00", 1735790400},
        {"2025-01-01T22:30:00-05:30", 1735790400},
        {"2024-02-29T12:00:00Z", 1709208000},
        {"2016-12-31T23:59:60Z", 1483228799},
        {"9999-12-31T23:59:59Z", 253402300799},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t seconds = -1;
        if (!moment_read(span_string(good[i].text), &seconds) || seconds != good[i].seconds)
            fail_msg("%s: %lld", good[i].text, (long long)seconds);
    }
}

static void test_what_is_no_moment(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2025-01-02",
        "2025-01-02T04:00:00",
        "2025-01-02 04:00:00Z",
        "2025-1-02T04:00:00Z",
        "2025-13-02T04:00:00Z",
        "2025-00-02T04:00:00Z",
        "2025-02-29T04:00:00Z",
        "2025-04-31T04:00:00Z",
        "2025-01-00T04:00:00Z",
        "2025-01-02T24:00:00Z",
        "2025-01-02T04:60:00Z",
        "2025-01-02T04:00:61Z",
        "2025-01-02T04:00:00.Z",
        "2025-01-02T04:00:00Zjunk",
        "2025-01-02T04:00:00+01",
        "2025-01-02T04:00:00+24:00",
        "-025-01-02T04:00:00Z",
        "Thu, 02 Jan 2025 04:00:00 GMT",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t seconds = 0;
        if (moment_read(span_string(bad[i]), &seconds))
            fail_msg("%s is taken for %lld", bad[i], (long long)seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_what_is_no_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
