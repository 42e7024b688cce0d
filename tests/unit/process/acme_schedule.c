/* When an authority is asked, by a clock that the test turns. */
#include "test.h"

#include "acme_schedule.h"

enum { NOW = 1800000000, DAY = 86400, LIFETIME = 90 * DAY };

static const uint32_t chances[] = {0, 1, UINT32_MAX / 2, UINT32_MAX};
enum { CHANCES = sizeof chances / sizeof chances[0] };

static void what_is_missing_is_ordered_at_once(void **state)
{
    struct acme_schedule schedule = {0};
    (void)state;
    acme_schedule_at_once(&schedule, NOW);
    assert_int_equal(schedule.order, NOW);
    assert_true(schedule.ask == INT64_MAX);
    schedule.not_before = NOW + 1000; /* the authority has said so, and a reload does not change that */
    acme_schedule_at_once(&schedule, NOW);
    assert_int_equal(schedule.order, NOW + 1000);
}

static void a_renewal_comes_when_two_thirds_are_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHANCES; i++) {
        struct acme_schedule schedule = {.failures = 3};
        acme_schedule_renewal(&schedule, NOW - DAY, NOW - DAY + LIFETIME, NOW, chances[i]);
        assert_in_range(schedule.order, NOW - DAY + LIFETIME / 3 * 2, NOW - DAY + LIFETIME / 3 * 2 + LIFETIME / 48);
        assert_in_range(schedule.ask, NOW, NOW + ACME_ASK_WITHIN);
        assert_int_equal(schedule.failures, 0);
    }
}

static void machines_do_not_come_together(void **state)
{
    struct acme_schedule first = {0}, last = {0};
    (void)state;
    acme_schedule_renewal(&first, NOW, NOW + LIFETIME, NOW, 0);
    acme_schedule_renewal(&last, NOW, NOW + LIFETIME, NOW, UINT32_MAX);
    assert_true(last.order - first.order > DAY && last.ask - first.ask > 60);
}

static void an_expired_certificate_is_renewed_at_once(void **state)
{
    struct acme_schedule schedule = {0};
    (void)state;
    acme_schedule_renewal(&schedule, NOW - LIFETIME, NOW - DAY, NOW, 77);
    assert_int_equal(schedule.order, NOW);
    acme_schedule_renewal(&schedule, NOW, NOW - DAY, NOW, 77); /* nonsense is no trap */
    assert_int_equal(schedule.order, NOW);
}

static void the_authority_chooses_a_window_and_we_a_moment_in_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHANCES; i++) {
        struct acme_schedule schedule = {0};
        acme_schedule_renewal(&schedule, NOW - DAY, NOW + LIFETIME, NOW, 5);
        acme_schedule_window(&schedule, NOW + 5 * DAY, NOW + 6 * DAY, 0, NOW, chances[i]);
        assert_in_range(schedule.order, NOW + 5 * DAY, NOW + 6 * DAY);
        assert_int_equal(schedule.ask, NOW + ACME_ASK_EVERY);
        /* The same window again does not move it; another one does. */
        int64_t chosen = schedule.order;
        acme_schedule_window(&schedule, NOW + 5 * DAY, NOW + 6 * DAY, 3600, NOW + DAY, ~chances[i]);
        assert_int_equal(schedule.order, chosen);
        assert_int_equal(schedule.ask, NOW + DAY + 3600);
        acme_schedule_window(&schedule, NOW - 2 * DAY, NOW - DAY, 0, NOW + DAY, chances[i]);
        assert_int_equal(schedule.order, NOW + DAY); /* revoked: at once */
    }
}

/* An authority that wants each new certificate to be renewed at once would be asked for one after another. */
static void a_new_certificate_is_kept_for_a_while(void **state)
{
    struct acme_schedule schedule = {0};
    (void)state;
    acme_schedule_renewal(&schedule, NOW - 3600, NOW + LIFETIME, NOW, 5);
    acme_schedule_window(&schedule, NOW - 2 * DAY, NOW - DAY, 1, NOW, 9);
    assert_int_equal(schedule.order, NOW - 3600 + ACME_KEPT_LEAST);
    assert_int_equal(schedule.ask, NOW + ACME_ASK_LEAST);
}

static void no_window_lets_a_certificate_end(void **state)
{
    struct acme_schedule schedule = {0};
    (void)state;
    acme_schedule_renewal(&schedule, NOW, NOW + LIFETIME, NOW, 5);
    acme_schedule_window(&schedule, NOW + LIFETIME, NOW + 2 * LIFETIME, 0, NOW, 9);
    assert_int_equal(schedule.order, NOW + LIFETIME - LIFETIME / 12);
    acme_schedule_window(&schedule, NOW + LIFETIME + DAY, NOW + 2 * LIFETIME, 0, NOW + LIFETIME, 9);
    assert_int_equal(schedule.order, NOW + LIFETIME);
    /* Of one that is kept for less than a day, its end comes before the time that others are kept for. */
    acme_schedule_renewal(&schedule, NOW, NOW + 3600, NOW, 5);
    acme_schedule_window(&schedule, NOW + 1800, NOW + 1801, 0, NOW, 9);
    assert_in_range(schedule.order, NOW, NOW + 3600 - 3600 / 12);
}

static void a_window_that_is_none_changes_nothing(void **state)
{
    struct acme_schedule schedule = {0};
    (void)state;
    acme_schedule_renewal(&schedule, NOW, NOW + LIFETIME, NOW, 5);
    int64_t chosen = schedule.order;
    acme_schedule_window(&schedule, NOW + DAY, NOW, UINT32_MAX, NOW, 9);
    assert_int_equal(schedule.order, chosen);
    assert_int_equal(schedule.ask, NOW + ACME_HOLD_MAX);
    acme_schedule_no_window(&schedule, NOW, 9);
    assert_int_equal(schedule.order, chosen);
    assert_in_range(schedule.ask, NOW + ACME_ASK_EVERY / 2, NOW + ACME_ASK_EVERY);
    /* One that came late for an order that has failed already does not undo its pause. */
    acme_schedule_failure(&schedule, false, 0, NOW, 0);
    chosen = schedule.order;
    acme_schedule_window(&schedule, NOW - 2, NOW - 1, 0, NOW, 9);
    assert_int_equal(schedule.order, chosen);
}

static void failures_are_followed_by_longer_and_longer_pauses(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHANCES; i++) {
        struct acme_schedule schedule = {0};
        for (unsigned n = 0; n < 100; n++) {
            int64_t pause = n < 11 ? (int64_t)ACME_PAUSE_FIRST << n : ACME_PAUSE_LAST;
            pause = pause < ACME_PAUSE_LAST ? pause : ACME_PAUSE_LAST;
            acme_schedule_failure(&schedule, false, 0, NOW, chances[i]);
            assert_in_range(schedule.order, NOW + pause * 3 / 4, NOW + pause * 5 / 4);
        }
        schedule.failures = UINT32_MAX - 1;
        acme_schedule_failure(&schedule, false, 0, NOW, chances[i]);
        assert_in_range(schedule.order, NOW + ACME_PAUSE_LAST / 4 * 3, NOW + ACME_PAUSE_LAST / 4 * 5);
    }
}

static void who_is_held_off_stays_away(void **state)
{
    struct acme_schedule schedule = {0};
    (void)state;
    acme_schedule_at_once(&schedule, NOW);
    acme_schedule_failure(&schedule, false, 5000, NOW, 0);
    assert_int_equal(schedule.order, NOW + 5000);
    acme_schedule_retry(&schedule, NOW + 10); /* an operator reloads */
    assert_int_equal(schedule.order, NOW + 5000);
    acme_schedule_retry(&schedule, NOW + 6000);
    assert_int_equal(schedule.order, NOW + 6000);
    acme_schedule_failure(&schedule, false, UINT32_MAX, NOW, 0);
    assert_int_equal(schedule.order, NOW + ACME_HOLD_MAX);
}

/* Ten years ahead at the start, for example, which fails since no certificate of the authority is valid then. */
static void a_clock_that_is_put_back_holds_nobody_up(void **state)
{
    struct acme_schedule schedule = {0};
    int64_t wrong = NOW + 3650 * (int64_t)DAY, order;
    (void)state;
    acme_schedule_at_once(&schedule, wrong);
    acme_schedule_bound(&schedule, NOW);
    assert_int_equal(schedule.order, NOW);
    acme_schedule_failure(&schedule, false, UINT32_MAX, wrong, 9);
    acme_schedule_bound(&schedule, NOW);
    assert_in_range(schedule.order, NOW, NOW + ACME_HOLD_MAX);
    acme_schedule_renewal(&schedule, NOW, NOW + LIFETIME, wrong, 9);
    acme_schedule_no_window(&schedule, wrong, 9);
    acme_schedule_bound(&schedule, NOW);
    assert_in_range(schedule.ask, NOW, NOW + ACME_HOLD_MAX);
    /* One that runs changes nothing. */
    acme_schedule_failure(&schedule, false, 3600, NOW, 9);
    order = schedule.order;
    acme_schedule_bound(&schedule, NOW);
    acme_schedule_bound(&schedule, NOW + DAY);
    assert_int_equal(schedule.order, order);
    acme_schedule_at_once(&schedule, NOW);
    acme_schedule_failure(&schedule, true, 0, NOW, 9);
    acme_schedule_bound(&schedule, NOW);
    assert_true(schedule.order == INT64_MAX);
    acme_schedule_renewal(&schedule, NOW, NOW + LIFETIME, NOW, 9);
    order = schedule.order;
    acme_schedule_bound(&schedule, NOW - DAY);
    assert_int_equal(schedule.order, order);
}

static void what_is_hopeless_waits_for_an_operator(void **state)
{
    struct acme_schedule schedule = {0};
    (void)state;
    acme_schedule_at_once(&schedule, NOW);
    acme_schedule_failure(&schedule, true, 0, NOW, 3);
    assert_true(schedule.order == INT64_MAX);
    acme_schedule_retry(&schedule, NOW + 5);
    assert_int_equal(schedule.order, NOW + 5);
}

/* An answer that was wrong must not let a certificate lapse. */
static void what_is_served_is_asked_for_once_a_day_whatever_is_hopeless(void **state)
{
    struct acme_schedule schedule = {0};
    (void)state;
    acme_schedule_renewal(&schedule, NOW, NOW + LIFETIME, NOW, 5);
    for (int64_t now = NOW; now < NOW + 3 * DAY; now = schedule.order) {
        acme_schedule_failure(&schedule, true, 0, now, 1u << 31);
        assert_int_equal(schedule.order, now + DAY);
    }
}

static void an_operator_does_not_move_what_is_well(void **state)
{
    struct acme_schedule schedule = {0};
    (void)state;
    acme_schedule_renewal(&schedule, NOW, NOW + LIFETIME, NOW, 5);
    int64_t chosen = schedule.order;
    acme_schedule_retry(&schedule, NOW + 5);
    assert_int_equal(schedule.order, chosen);
    assert_int_equal(schedule.ask, NOW + 5); /* but asks whether it still is */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_is_ordered_at_once),
        cmocka_unit_test(a_renewal_comes_when_two_thirds_are_over),
        cmocka_unit_test(machines_do_not_come_together),
        cmocka_unit_test(an_expired_certificate_is_renewed_at_once),
        cmocka_unit_test(the_authority_chooses_a_window_and_we_a_moment_in_it),
        cmocka_unit_test(a_new_certificate_is_kept_for_a_while),
        cmocka_unit_test(no_window_lets_a_certificate_end),
        cmocka_unit_test(a_window_that_is_none_changes_nothing),
        cmocka_unit_test(failures_are_followed_by_longer_and_longer_pauses),
        cmocka_unit_test(who_is_held_off_stays_away),
        cmocka_unit_test(a_clock_that_is_put_back_holds_nobody_up),
        cmocka_unit_test(what_is_hopeless_waits_for_an_operator),
        cmocka_unit_test(what_is_served_is_asked_for_once_a_day_whatever_is_hopeless),
        cmocka_unit_test(an_operator_does_not_move_what_is_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
