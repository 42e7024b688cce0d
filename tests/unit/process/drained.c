/* The names of drained backends. */
#include "test.h"

#include "drained.h"

#include <stdio.h>

static void names_are_kept_once(void **state)
{
    (void)state;
    struct drained drained = {.count = 0};
    assert_true(drained_add(&drained, "a"));
    assert_true(drained_add(&drained, "b"));
    assert_true(drained_add(&drained, "a"));
    assert_int_equal(drained.count, 2);
    assert_true(drained_has(&drained, "a") && drained_has(&drained, "b") && !drained_has(&drained, "c"));
    assert_true(drained_remove(&drained, "a"));
    assert_false(drained_remove(&drained, "a"));
    assert_true(!drained_has(&drained, "a") && drained_has(&drained, "b"));
    drained_deinit(&drained);
    assert_int_equal(drained.count, 0);
}

static void there_are_no_more_than_a_socket_takes(void **state)
{
    (void)state;
    struct drained drained = {.count = 0};
    char name[16];
    for (int i = 0; i < DRAINED_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_true(drained_add(&drained, name));
    }
    assert_false(drained_add(&drained, "one more"));
    assert_true(drained_add(&drained, "n7"));
    drained_deinit(&drained);
}

static void what_the_plan_names_can_be_drained(void **state)
{
    (void)state;
    const struct backend backends[] = {{.name = "a"}, {.name = "b"}, {.name = "c"}};
    struct upstream_member one[] = {{.backend = &backends[0]}},
                           two[] = {{.backend = &backends[1]}, {.backend = &backends[2]}};
    struct upstream second = {.members = two, .count = 2}, first = {.next = &second, .members = one, .count = 1};
    const struct plan plan = {.upstreams = &first};
    assert_true(drained_may_have(&plan, "a") && drained_may_have(&plan, "c"));
    assert_false(drained_may_have(&plan, "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_kept_once),
        cmocka_unit_test(there_are_no_more_than_a_socket_takes),
        cmocka_unit_test(what_the_plan_names_can_be_drained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
