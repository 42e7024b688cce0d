#include "test.h"

#include "crossgate/base/deadline.h"

struct entry {
    struct deadline deadline;
    int fired;
    struct deadlines *all;
    struct entry *other; /* disarmed when this one fires */
};

static void fire(struct deadline *deadline)
{
    struct entry *entry = CONTAINER_OF(deadline, struct entry, deadline);
    assert_false(deadline_is_armed(deadline));
    entry->fired++;
    if (entry->other)
        deadline_disarm(&entry->other->deadline);
}

static void they_expire_when_due_and_once(void **state)
{
    (void)state;
    struct deadlines all;
    struct entry a = {0}, b = {0};
    deadlines_init(&all);
    deadline_init(&a.deadline, fire);
    deadline_init(&b.deadline, fire);
    assert_true(deadlines_next(&all) == UINT64_MAX);
    deadline_arm(&all, &a.deadline, 100, 1000);
    deadline_arm(&all, &b.deadline, 50, 1000);
    assert_int_equal(deadlines_next(&all), 1050);
    deadlines_expire(&all, 1049);
    assert_int_equal(a.fired + b.fired, 0);
    deadlines_expire(&all, 1050);
    assert_int_equal(b.fired, 1);
    deadline_arm(&all, &a.deadline, 100, 1060); /* again: the wait starts anew */
    deadlines_expire(&all, 1159);
    assert_int_equal(a.fired, 0);
    deadlines_expire(&all, 5000);
    deadlines_expire(&all, 6000);
    assert_int_equal(a.fired, 1);
}

static void zero_means_no_limit(void **state)
{
    (void)state;
    struct deadlines all;
    struct entry a = {0};
    deadlines_init(&all);
    deadline_init(&a.deadline, fire);
    deadline_arm(&all, &a.deadline, 10, 0);
    deadline_arm(&all, &a.deadline, 0, 0);
    assert_false(deadline_is_armed(&a.deadline));
    assert_true(deadlines_next(&all) == UINT64_MAX);
}

static void one_may_disarm_another_while_expiring(void **state)
{
    (void)state;
    struct deadlines all;
    struct entry a = {0}, b = {0};
    deadlines_init(&all);
    deadline_init(&a.deadline, fire);
    deadline_init(&b.deadline, fire);
    a.other = &b;
    deadline_arm(&all, &a.deadline, 10, 0);
    deadline_arm(&all, &b.deadline, 10, 0);
    deadlines_expire(&all, 100);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 0);
}

static void more_lengths_than_lines_still_expire_in_order(void **state)
{
    (void)state;
    enum { COUNT = DEADLINE_LINES * 3 };
    struct deadlines all;
    static struct entry entries[COUNT];
    deadlines_init(&all);
    for (uint32_t i = 0; i < COUNT; i++) {
        deadline_init(&entries[i].deadline, fire);
        deadline_arm(&all, &entries[i].deadline, COUNT - i, 0);
    }
    for (uint64_t now = 1; now <= COUNT; now++) {
        assert_int_equal(deadlines_next(&all), now);
        deadlines_expire(&all, now);
        assert_int_equal(entries[COUNT - now].fired, 1);
    }
    assert_true(deadlines_next(&all) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_expire_when_due_and_once),
        cmocka_unit_test(zero_means_no_limit),
        cmocka_unit_test(one_may_disarm_another_while_expiring),
        cmocka_unit_test(more_lengths_than_lines_still_expire_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
