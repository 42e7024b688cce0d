#include "queue.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

struct waiter {
    struct tls_turn turn;
    int again;            /* joins again this many times */
    bool burns;           /* takes a millisecond of CPU time */
    bool declines;        /* has nothing to do */
    unsigned ran_as;      /* place in the order of runs */
    unsigned finished_as; /* likewise of finishing */
    struct waiter *evicts;
    sem_t *holds; /* works until that is posted; NULL: does not wait */
    pthread_t worked_on;
};

static struct {
    struct log log;
    struct counters counters;
    struct loop loop;
    unsigned runs, finished;
    sem_t woken;
} world;

static uint64_t cpu_time(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static struct waiter *waiter_of(struct tls_turn *turn)
{
    return CONTAINER_OF(turn, struct waiter, turn);
}

static bool begin(struct tls_turn *turn)
{
    struct waiter *waiter = waiter_of(turn);
    waiter->ran_as = ++world.runs;
    return !waiter->declines;
}

static void work(struct tls_turn *turn)
{
    struct waiter *waiter = waiter_of(turn);
    waiter->worked_on = pthread_self();
    if (waiter->holds)
        sem_wait(waiter->holds);
    for (uint64_t start = cpu_time(); waiter->burns && cpu_time() - start < 1000000;)
        continue;
}

static void finish(struct tls_turn *turn)
{
    struct waiter *waiter = waiter_of(turn);
    assert_false(turn->is_out);
    waiter->finished_as = ++world.finished;
    if (waiter->again-- > 0)
        assert_true(tls_turn_wait(&waiter->turn));
    if (waiter->evicts)
        tls_turn_leave(&waiter->evicts->turn);
}

static const struct tls_turn_ops ops = {begin, work, finish};

static void wake(void *user)
{
    sem_post(user);
}

static int set_up_with(void (*waker)(void *user))
{
    world.runs = world.finished = 0;
    world.counters = (struct counters){0};
    log_init(&world.log, 2, LOG_ERROR, "test");
    sem_init(&world.woken, 0, 0);
    assert_true(loop_init(&world.loop, NULL, &world.log, &world.counters));
    world.loop.handshakes = tls_queue_new(waker, &world.woken);
    assert_non_null(world.loop.handshakes);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(NULL);
}

static int set_up_lane(void **state)
{
    (void)state;
    return set_up_with(wake);
}

static int tear_down(void **state)
{
    (void)state;
    tls_queue_free(world.loop.handshakes);
    assert_int_equal(world.counters.handshakes_waiting, 0);
    assert_int_equal(world.counters.handshakes_away, 0);
    loop_deinit(&world.loop);
    sem_destroy(&world.woken);
    return 0;
}

static void join(struct waiter *waiters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tls_turn_init(&waiters[i].turn, &world.loop, &ops, NULL);
        assert_true(tls_turn_wait(&waiters[i].turn));
    }
}

/* Of the host 192.0.2.`host`. */
static bool join_as(struct waiter *waiter, uint8_t host, bool heavy, bool medium)
{
    const struct peer peer = {.family = PEER_IPV4, .ip = {192, 0, 2, host}};
    tls_turn_init(&waiter->turn, &world.loop, &ops, &peer);
    waiter->turn.is_heavy = heavy;
    waiter->turn.is_medium = medium;
    return tls_turn_wait(&waiter->turn);
}

static bool join_light(struct waiter *waiter, uint8_t host)
{
    return join_as(waiter, host, false, false);
}

static bool join_heavy(struct waiter *waiter, uint8_t host)
{
    return join_as(waiter, host, true, false);
}

static bool join_medium(struct waiter *waiter, uint8_t host)
{
    return join_as(waiter, host, true, true);
}

/* As the loop does when it is called, until so many are finished. */
static void turn_until(unsigned finished)
{
    tls_queue_spend(world.loop.handshakes, UINT64_MAX);
    while (world.finished < finished) {
        sem_wait(&world.woken);
        tls_queue_spend(world.loop.handshakes, UINT64_MAX);
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
    assert_in_range(world.runs, 1, 2); /* one, if others had the core */
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
    assert_true(tls_turn_wait(&waiters[0].turn));
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

static void does_heavy_steps_elsewhere_and_light_ones_meanwhile(void **state)
{
    (void)state;
    sem_t hold;
    sem_init(&hold, 0, 0);
    struct waiter heavy = {.holds = &hold}, light = {0};
    assert_true(join_heavy(&heavy, 1));
    join(&light, 1);
    tls_queue_spend(world.loop.handshakes, UINT64_MAX);
    assert_true(heavy.turn.is_out);
    assert_int_equal(world.counters.handshakes_away, 1);
    assert_int_equal(light.finished_as, 1);
    assert_true(pthread_equal(light.worked_on, pthread_self()));
    assert_false(tls_queue_is_waiting(world.loop.handshakes)); /* so that the loop may sleep */
    sem_post(&hold);
    turn_until(2);
    assert_false(pthread_equal(heavy.worked_on, pthread_self()));
    sem_destroy(&hold);
}

static void prefers_heavy_handshakes_that_have_begun_and_serves_sources_in_turn(void **state)
{
    (void)state;
    struct waiter flood[3] = {{.again = 1}}, other = {0};
    for (size_t i = 0; i < 3; i++)
        assert_true(join_heavy(&flood[i], 1));
    assert_true(join_heavy(&other, 2));
    turn_until(5);
    assert_true(flood[0].finished_as <= 3); /* for the second time, directly after the first */
    assert_true(other.finished_as <= 3);
    assert_int_equal(flood[1].finished_as, 4);
    assert_int_equal(flood[2].finished_as, 5);
}

/* Of each kind: the other one comes last and is served second. */
static void serves_the_sources_of_light_and_medium_ones_in_turn(void **state)
{
    (void)state;
    static bool (*const kinds[])(struct waiter * waiter, uint8_t host) = {join_light, join_medium};
    for (size_t kind = 0; kind < 2; kind++) {
        struct waiter flood[100] = {0}, other = {0};
        unsigned before = world.finished;
        for (size_t i = 0; i < 100; i++)
            assert_true(kinds[kind](&flood[i], 1));
        assert_true(kinds[kind](&other, 2));
        turn_until(before + 101);
        assert_true(other.finished_as <= before + 2);
    }
}

static void serves_the_sources_of_those_who_have_begun_in_turn(void **state)
{
    (void)state;
    sem_t hold;
    sem_init(&hold, 0, 0);
    struct waiter flood[20] = {0}, other = {.again = 1}, last = {.holds = &hold};
    for (size_t i = 0; i < 20; i++) {
        assert_true(join_heavy(&flood[i], 1));
        turn_until((unsigned)i + 1);
    }
    assert_true(join_heavy(&last, 3)); /* until all others wait */
    tls_queue_spend(world.loop.handshakes, UINT64_MAX);
    for (size_t i = 0; i < 20; i++)
        assert_true(tls_turn_wait(&flood[i].turn));
    assert_true(join_heavy(&other, 2));
    sem_post(&hold);
    turn_until(43);
    assert_true(other.finished_as < 35);
    sem_destroy(&hold);
}

/* Whoever says what he has to say byte by byte. */
static void those_who_go_on_without_end_keep_nobody_out(void **state)
{
    (void)state;
    struct waiter endless[2] = {{.again = 1000}, {.again = 1000}}, heavy = {0}, medium = {0};
    assert_true(join_heavy(&endless[0], 1) && join_heavy(&endless[1], 1));
    turn_until(100);
    assert_true(join_heavy(&heavy, 2) && join_medium(&medium, 2));
    turn_until(2004);
    assert_true(heavy.finished_as < 150 && medium.finished_as < 150);
}

static void refuses_whom_it_could_not_serve_in_time(void **state)
{
    (void)state;
    struct waiter flood[TLS_HEAVY_PER_SOURCE + 1] = {0}, other = {0};
    for (size_t i = 0; i < TLS_HEAVY_PER_SOURCE; i++)
        assert_true(join_heavy(&flood[i], 1));
    assert_false(join_heavy(&flood[TLS_HEAVY_PER_SOURCE], 1));
    assert_true(join_heavy(&other, 2));
    tls_turn_leave(&flood[0].turn);
    assert_true(tls_turn_wait(&flood[TLS_HEAVY_PER_SOURCE].turn));
    turn_until(TLS_HEAVY_PER_SOURCE + 1);
    assert_int_equal(flood[0].finished_as, 0);
}

static void does_medium_and_heavy_steps_by_turns_and_refuses_no_medium_one(void **state)
{
    (void)state;
    static struct waiter medium[TLS_HEAVY_PER_SOURCE + 1], heavy[3];
    memset(medium, 0, sizeof medium);
    memset(heavy, 0, sizeof heavy);
    for (size_t i = 0; i <= TLS_HEAVY_PER_SOURCE; i++)
        assert_true(join_medium(&medium[i], 1));
    for (size_t i = 0; i < 3; i++)
        assert_true(join_heavy(&heavy[i], 1));
    turn_until(TLS_HEAVY_PER_SOURCE + 4);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(medium[i].finished_as, 2 * i + 1);
        assert_int_equal(heavy[i].finished_as, 2 * i + 2);
    }
    assert_false(pthread_equal(medium[0].worked_on, pthread_self()));
    assert_int_equal(medium[TLS_HEAVY_PER_SOURCE].finished_as, TLS_HEAVY_PER_SOURCE + 4);
}

static void is_pressed_while_light_or_medium_ones_are_under_way(void **state)
{
    (void)state;
    struct tls_queue *queue = world.loop.handshakes;
    sem_t hold;
    sem_init(&hold, 0, 0);
    struct waiter heavy = {.holds = &hold}, medium = {.holds = &hold}, light = {0};
    assert_true(join_heavy(&heavy, 1));
    tls_queue_spend(queue, UINT64_MAX);
    assert_true(heavy.turn.is_out);
    assert_false(tls_queue_is_pressed(queue)); /* who is cheap does not stand behind who is costly */
    join(&light, 1);
    assert_true(tls_queue_is_pressed(queue));
    tls_queue_spend(queue, UINT64_MAX);
    assert_false(tls_queue_is_pressed(queue));
    assert_true(join_medium(&medium, 1));
    assert_true(tls_queue_is_pressed(queue)); /* it waits */
    sem_post(&hold);
    turn_until(2);
    assert_true(medium.turn.is_out && tls_queue_is_pressed(queue));
    sem_post(&hold);
    turn_until(3);
    assert_false(tls_queue_is_pressed(queue));
    sem_destroy(&hold);
}

static void passes_over_heavy_ones_with_nothing_to_do(void **state)
{
    (void)state;
    struct waiter idle = {.declines = true}, busy = {0};
    assert_true(join_heavy(&idle, 1));
    assert_true(join_heavy(&busy, 1));
    turn_until(1);
    assert_int_equal(busy.finished_as, 1);
    assert_int_equal(idle.finished_as, 0);
}

/* As when a worker exits: tear_down asserts that nobody is away any more. */
static void waits_at_its_end_for_who_is_out(void **state)
{
    (void)state;
    static struct waiter heavy;
    heavy = (struct waiter){.burns = true};
    assert_true(join_heavy(&heavy, 1));
    tls_queue_spend(world.loop.handshakes, UINT64_MAX);
    tls_turn_leave(&heavy.turn);
    assert_true(heavy.turn.is_out);
}

/* On one core the lane gets nothing while the loop is busy; and if others have that core, it gets nothing from a loop that waits, either,
 * and the loop does not wait for good. */
static void stands_back_for_a_while_when_the_lane_gets_nothing(void **state)
{
    (void)state;
    sem_t hold;
    sem_init(&hold, 0, 0);
    struct waiter heavy = {.holds = &hold}, light = {.burns = true, .again = INT_MAX};
    assert_true(join_heavy(&heavy, 1));
    join(&light, 1);
    for (int i = 0; i < 100 && !tls_queue_stands_back(world.loop.handshakes); i++)
        tls_queue_spend(world.loop.handshakes, 0);
    assert_true(tls_queue_stands_back(world.loop.handshakes));
    unsigned runs = world.runs;
    while (tls_queue_stands_back(world.loop.handshakes)) {
        assert_int_equal(world.runs, runs);
        tls_queue_spend(world.loop.handshakes, 0);
    }
    tls_queue_spend(world.loop.handshakes, 0);
    assert_true(world.runs > runs);
    tls_turn_leave(&light.turn);
    sem_post(&hold);
    turn_until(world.finished + 1);
    assert_false(tls_queue_stands_back(world.loop.handshakes));
    sem_destroy(&hold);
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
        cmocka_unit_test_setup_teardown(does_heavy_steps_elsewhere_and_light_ones_meanwhile, set_up_lane, tear_down),
        cmocka_unit_test_setup_teardown(prefers_heavy_handshakes_that_have_begun_and_serves_sources_in_turn,
                                        set_up_lane, tear_down),
        cmocka_unit_test_setup_teardown(serves_the_sources_of_light_and_medium_ones_in_turn, set_up_lane, tear_down),
        cmocka_unit_test_setup_teardown(serves_the_sources_of_those_who_have_begun_in_turn, set_up_lane, tear_down),
        cmocka_unit_test_setup_teardown(those_who_go_on_without_end_keep_nobody_out, set_up_lane, tear_down),
        cmocka_unit_test_setup_teardown(refuses_whom_it_could_not_serve_in_time, set_up_lane, tear_down),
        cmocka_unit_test_setup_teardown(does_medium_and_heavy_steps_by_turns_and_refuses_no_medium_one, set_up_lane,
                                        tear_down),
        cmocka_unit_test_setup_teardown(is_pressed_while_light_or_medium_ones_are_under_way, set_up_lane, tear_down),
        cmocka_unit_test_setup_teardown(passes_over_heavy_ones_with_nothing_to_do, set_up_lane, tear_down),
        cmocka_unit_test_setup_teardown(waits_at_its_end_for_who_is_out, set_up_lane, tear_down),
        cmocka_unit_test_setup_teardown(stands_back_for_a_while_when_the_lane_gets_nothing, set_up_lane, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
