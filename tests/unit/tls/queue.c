#include "queue.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <time.h>

struct waiter {
    struct tls_turn turn;
    int again;       /* joins again this many times */
    bool burns;      /* takes a millisecond of CPU time */
    unsigned ran_as; /* place in the order of runs */
    struct waiter *evicts;
};

static struct {
    struct log log;
    struct counters counters;
    struct loop loop;
    unsigned runs;
} world;

static uint64_t cpu_time(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static void run(struct tls_turn *turn)
{
    struct waiter *waiter = CONTAINER_OF(turn, struct waiter, turn);
    waiter->ran_as = ++world.runs;
    for (uint64_t begin = cpu_time(); waiter->burns && cpu_time() - begin < 1000000;)
        continue;
    if (waiter->again-- > 0)
        tls_turn_wait(&waiter->turn);
    if (waiter->evicts)
        tls_turn_leave(&waiter->evicts->turn);
}

static int set_up(void **state)
{
    (void)state;
    world.runs = 0;
    log_init(&world.log, 2, LOG_ERROR, "test");
    assert_true(loop_init(&world.loop, NULL, &world.log, &world.counters));
    world.loop.handshakes = tls_queue_new();
    assert_non_null(world.loop.handshakes);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(world.counters.handshakes_waiting, 0);
    tls_queue_free(world.loop.handshakes);
    loop_deinit(&world.loop);
    return 0;
}

static void join(struct waiter *waiters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tls_turn_init(&waiters[i].turn, &world.loop, run);
        tls_turn_wait(&waiters[i].turn);
    }
}

static void runs_the_oldest_first_and_all_within_the_budget(void **state)
{
    (void)state;
    struct waiter waiters[3] = {0};
    join(waiters, 3);
    assert_int_equal(world.counters.handshakes_waiting, 3);
    tls_queue_spend(world.loop.handshakes, UINT64_MAX);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(waiters[i].ran_as, i + 1);
    assert_false(tls_queue_is_waiting(world.loop.handshakes));
}

static void runs_one_step_even_without_budget(void **state)
{
    (void)state;
    struct waiter waiters[2] = {0};
    join(waiters, 2);
    tls_queue_spend(world.loop.handshakes, 0);
    assert_int_equal(world.runs, 1);
    assert_true(tls_queue_is_waiting(world.loop.handshakes));
    tls_queue_spend(world.loop.handshakes, 0);
    assert_int_equal(world.runs, 2);
    tls_queue_spend(world.loop.handshakes, 0);
    assert_int_equal(world.runs, 2);
}

static void stops_when_the_budget_is_spent(void **state)
{
    (void)state;
    struct waiter waiters[4] = {{.burns = true}, {.burns = true}, {.burns = true}, {.burns = true}};
    join(waiters, 4);
    tls_queue_spend(world.loop.handshakes, 1500000);
    assert_int_equal(world.runs, 2);
    tls_queue_spend(world.loop.handshakes, UINT64_MAX);
}

static void lets_nobody_pass_who_joins_again(void **state)
{
    (void)state;
    struct waiter waiters[2] = {0};
    waiters[0].again = 1;
    join(waiters, 2);
    tls_queue_spend(world.loop.handshakes, UINT64_MAX);
    assert_int_equal(waiters[1].ran_as, 2);
    assert_int_equal(waiters[0].ran_as, 3);
}

static void keeps_the_place_of_one_who_waits_already(void **state)
{
    (void)state;
    struct waiter waiters[2] = {0};
    join(waiters, 2);
    tls_turn_wait(&waiters[0].turn);
    assert_int_equal(world.counters.handshakes_waiting, 2);
    tls_queue_spend(world.loop.handshakes, UINT64_MAX);
    assert_int_equal(waiters[0].ran_as, 1);
    assert_int_equal(world.runs, 2);
}

static void forgets_who_leaves_also_from_within_a_step(void **state)
{
    (void)state;
    struct waiter waiters[3] = {0};
    waiters[0].evicts = &waiters[1];
    join(waiters, 3);
    tls_queue_spend(world.loop.handshakes, UINT64_MAX);
    assert_int_equal(waiters[1].ran_as, 0);
    assert_int_equal(waiters[2].ran_as, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_the_oldest_first_and_all_within_the_budget, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_one_step_even_without_budget, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stops_when_the_budget_is_spent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lets_nobody_pass_who_joins_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_the_place_of_one_who_waits_already, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_who_leaves_also_from_within_a_step, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
