/* How long a place stays vacant. */
#include "test.h"

#include "crew.h"

static void first_death_is_replaced_at_once(void **state)
{
    (void)state;
    assert_int_equal(crew_pause(0), 0);
    assert_int_equal(crew_pause(1), 0);
}

static void further_early_deaths_wait_twice_as_long_each_up_to_a_bound(void **state)
{
    (void)state;
    assert_int_equal(crew_pause(2), 100);
    for (unsigned n = 2; n < 10; n++)
        assert_true(crew_pause(n + 1) == 2 * crew_pause(n));
    for (unsigned n = 11; n < 2000; n++)
        assert_int_equal(crew_pause(n), 30000);
    assert_int_equal(crew_pause(UINT32_MAX), 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_death_is_replaced_at_once),
        cmocka_unit_test(further_early_deaths_wait_twice_as_long_each_up_to_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
