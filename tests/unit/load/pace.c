#include "test.h"

#include "pace.h"

#define SECOND UINT64_C(1000000000)

static void operations_are_spread_evenly(void **state)
{
    (void)state;
    struct pace pace = {.rate = 4, .start = 100, .end = 100 + SECOND};
    uint64_t intended;
    assert_int_equal(pace_next(&pace), 100);
    assert_false(pace_take(&pace, 99, &intended));
    for (uint64_t i = 0; i < 4; i++) {
        assert_true(pace_take(&pace, 100 + i * SECOND / 4, &intended));
        assert_int_equal(intended, 100 + i * SECOND / 4);
        assert_false(pace_take(&pace, 100 + (i + 1) * SECOND / 4 - 1, &intended));
    }
    assert_true(pace_next(&pace) == UINT64_MAX);
    assert_false(pace_take(&pace, UINT64_MAX, &intended));
}

static void a_stall_is_made_up_for_with_the_intended_times(void **state)
{
    (void)state;
    struct pace pace = {.rate = 1000, .start = 0, .end = 10 * SECOND};
    uint64_t intended, taken = 0;
    assert_int_equal(pace_owed(&pace, 2 * SECOND), 2001);
    while (pace_take(&pace, 2 * SECOND, &intended))
        assert_int_equal(intended, taken++ * SECOND / 1000);
    assert_int_equal(taken, 2001);
    assert_int_equal(pace_owed(&pace, 2 * SECOND), 0);
    assert_int_equal(pace_next(&pace), 2001 * SECOND / 1000);
}

static void what_was_never_sent_is_known(void **state)
{
    (void)state;
    struct pace pace = {.rate = 7, .start = 5, .end = 5 + 3 * SECOND};
    uint64_t intended;
    for (int i = 0; i < 6; i++)
        assert_true(pace_take(&pace, 2 * SECOND, &intended));
    assert_int_equal(pace_owed(&pace, 60 * SECOND), 15);
}

/* The count is the formula's inverse, whatever does not divide. */
static void due_and_owed_agree(void **state)
{
    (void)state;
    static const uint64_t rates[] = {1, 3, 7, 999, 1000003, PACE_MAX - 1, PACE_MAX};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct pace pace = {.rate = rates[i], .start = 17, .end = UINT64_MAX};
        uint64_t intended, now = 16;
        assert_int_equal(pace_owed(&pace, now), 0);
        for (int step = 0; step < 2000; step++) {
            now += 1 + (uint64_t)step % 3 * 333333333 / rates[i];
            uint64_t owed = pace_owed(&pace, now), taken = 0;
            while (pace_take(&pace, now, &intended))
                taken++;
            assert_int_equal(owed, taken);
        }
    }
}

static void a_year_does_not_overflow(void **state)
{
    (void)state;
    const uint64_t year = 365 * 24 * 3600 * SECOND;
    struct pace pace = {.rate = 1000000, .start = year, .end = UINT64_MAX};
    pace.taken = pace_owed(&pace, 2 * year);
    assert_int_equal(pace.taken, year / 1000 + 1);
    assert_int_equal(pace_next(&pace), 2 * year + 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_are_spread_evenly),
        cmocka_unit_test(a_stall_is_made_up_for_with_the_intended_times),
        cmocka_unit_test(what_was_never_sent_is_known),
        cmocka_unit_test(due_and_owed_agree),
        cmocka_unit_test(a_year_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
