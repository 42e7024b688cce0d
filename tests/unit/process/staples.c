/* When OCSP responses are fetched, and what comes of a plan's certificates. */
#include "test.h"

#include "staples.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void pause_doubles_to_an_hour_a_quarter_more_or_less(void **state)
{
    const uint32_t expected[] = {60000, 120000, 240000, 480000, 960000, 1920000, 3600000, 3600000};
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(staples_pause(i + 1, 0), expected[i] / 4 * 3);
        assert_int_equal(staples_pause(i + 1, expected[i] / 2 - 1), expected[i] / 4 * 5 - 1);
        assert_int_equal(staples_pause(i + 1, expected[i] / 2), expected[i] / 4 * 3);
    }
    assert_int_equal(staples_pause(1000000, 0), 2700000);
}

static void refresh_is_half_way_a_tenth_earlier_or_later(void **state)
{
    const struct pki_ocsp week = {.begins = 1000000, .ends = 1000000 + 7 * 86400};
    int64_t half = 1000000 + 7 * 43200, tenth = 7 * 8640;
    (void)state;
    assert_true(staples_refresh(&week, 1000000, 0) == half - tenth);
    assert_true(staples_refresh(&week, 1000000, (uint32_t)(2 * tenth - 1)) == half + tenth - 1);
    assert_true(staples_refresh(&week, half + tenth, 0) == half + tenth + 3600);
    const struct pki_ocsp year = {.begins = 1000000, .ends = 1000000 + 365 * 86400};
    assert_true(staples_refresh(&year, 1000000, 0) == 1000000 + 7 * 86400);
}

static void refresh_of_one_that_soon_ends_is_soon_but_not_at_once(void **state)
{
    const struct pki_ocsp facts = {.begins = 0, .ends = 10000}, none = {.begins = 5, .ends = 5};
    (void)state;
    assert_true(staples_refresh(&facts, 9000, 7) == 9500);
    assert_true(staples_refresh(&facts, 9990, 7) == 10000);
    assert_true(staples_refresh(&facts, 20000, 7) == 20010);
    assert_true(staples_refresh(&none, 5, 7) == 15);
}

/* ---- a plan, and errands that are not let out */

struct world {
    struct log log;
    struct errands errands;
    struct staples staples;
    struct plan plan;
    struct tls_certificate certificates[2];
    struct plan_staple made[2];
    unsigned renewals;
};

static void count_renewal(void *user)
{
    struct world *world = user;
    world->renewals++;
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    log_init(&world->log, STDERR_FILENO, LOG_QUIET, "test");
    assert_true(errands_init(&world->errands, &world->log));
    staples_init(&world->staples, &world->log, &world->errands);
    world->staples.renew = count_renewal;
    world->staples.user = world;
    for (size_t i = 0; i < 2; i++) {
        world->certificates[i] = (struct tls_certificate){.path = "server.pem", .digest = {(uint8_t)(i + 1)}};
        world->made[i] = (struct plan_staple){.certificate = &world->certificates[i], .path = "/nowhere"};
    }
    world->made[0].next = &world->made[1];
    world->plan.staples = &world->made[0];
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    assert_int_equal(world->renewals, 0);
    staples_deinit(&world->staples);
    errands_deinit(&world->errands);
    free(world);
    return 0;
}

static const char *told(const struct world *world, size_t index)
{
    static char text[128];
    staples_print(&world->staples, world->certificates[index].digest, text, sizeof text);
    return text;
}

static void hold(struct world *world, size_t index, enum pki_ocsp_status status, int64_t left)
{
    int64_t now = (int64_t)time(NULL);
    world->made[index].is_sent = true;
    world->made[index].facts = (struct pki_ocsp){.status = status, .begins = now - 100, .ends = now + left};
}

static void what_is_sent_is_told(void **state)
{
    struct world *world = *state;
    assert_string_equal(told(world, 0), "");
    hold(world, 0, PKI_OCSP_GOOD, 1000);
    hold(world, 1, PKI_OCSP_REVOKED, 1000);
    staples_follow(&world->staples, &world->plan, 0);
    assert_int_equal(strncmp(told(world, 0), "good, until 20", 14), 0);
    assert_int_equal(strncmp(told(world, 1), "REVOKED, until 20", 17), 0);
    world->plan.staples = &world->made[1];
    staples_follow(&world->staples, &world->plan, 0);
    assert_string_equal(told(world, 0), "");
}

/* No errand can be begun: as if we were out of processes. */
static void what_cannot_be_fetched_is_tried_again_later_and_that_survives_reloads(void **state)
{
    struct world *world = *state;
    const struct account account = {.changes = false};
    world->errands.account = &account;
    world->errands.executable = -1;
    world->made[0].is_fetched = world->made[1].is_fetched = true;
    hold(world, 1, PKI_OCSP_GOOD, 10000000);
    staples_follow(&world->staples, &world->plan, 5000);
    assert_true(staples_next(&world->staples) == 5000);
    close(world->errands.events);
    world->errands.events = -1;
    staples_settle(&world->staples, 5000);
    assert_string_equal(told(world, 0), "missing: no process can be started");
    uint64_t next = staples_next(&world->staples);
    assert_in_range(next, 50000, 80000);
    staples_follow(&world->staples, &world->plan, 6000);
    assert_true(staples_next(&world->staples) == next);
    staples_settle(&world->staples, next);
    assert_in_range(staples_next(&world->staples), next + 90000, next + 150000);
    world->errands.account = NULL; /* we are stopping */
    assert_true(staples_next(&world->staples) == UINT64_MAX);
}

static void same_certificate_at_two_places_is_fetched_for_once(void **state)
{
    struct world *world = *state;
    const struct account account = {.changes = false};
    world->errands.account = &account;
    world->certificates[1] = world->certificates[0];
    world->made[1].is_fetched = true;
    staples_follow(&world->staples, &world->plan, 5000);
    assert_true(staples_next(&world->staples) == 5000);
    assert_ptr_equal(world->staples.entries.next, world->staples.entries.previous);
    world->made[1].is_fetched = false; /* by a reload */
    staples_follow(&world->staples, &world->plan, 5000);
    assert_true(staples_next(&world->staples) == UINT64_MAX);
}

static void end_of_a_response_is_noted(void **state)
{
    struct world *world = *state;
    const struct account account = {.changes = false};
    world->errands.account = &account;
    world->made[1].next = NULL;
    world->plan.staples = &world->made[1];
    hold(world, 1, PKI_OCSP_GOOD, 100);
    staples_follow(&world->staples, &world->plan, 5000);
    assert_in_range(staples_next(&world->staples), 5000 + 98000, 5000 + 100000);
    hold(world, 1, PKI_OCSP_GOOD, -1);
    staples_follow(&world->staples, &world->plan, 5000);
    assert_true(staples_next(&world->staples) == 5000);
    staples_settle(&world->staples, 5000);
    assert_true(staples_next(&world->staples) == UINT64_MAX);
    assert_string_equal(told(world, 1), "missing");
}

static void what_has_got_lost_is_fetched_again(void **state)
{
    struct world *world = *state;
    const struct account account = {.changes = false};
    world->errands.account = &account;
    world->plan.staples = &world->made[1];
    world->made[1].is_fetched = true;
    hold(world, 1, PKI_OCSP_GOOD, 10000000);
    staples_follow(&world->staples, &world->plan, 5000);
    assert_true(staples_next(&world->staples) == 5000 + 3600000);
    world->made[1].is_sent = false;
    staples_follow(&world->staples, &world->plan, 6000);
    assert_true(staples_next(&world->staples) == 6000);
    assert_string_equal(told(world, 1), "missing");
}

/* A responder is asked in the clear: whoever is on the way has kept what it said before. */
static void what_is_older_does_not_take_a_revocation_back(void **state)
{
    struct world *world = *state;
    world->plan.staples = &world->made[1];
    world->made[1].is_fetched = true;
    hold(world, 1, PKI_OCSP_REVOKED, 1000);
    staples_follow(&world->staples, &world->plan, 5000);
    hold(world, 1, PKI_OCSP_GOOD, 2000);
    world->made[1].facts.begins -= 50;
    staples_follow(&world->staples, &world->plan, 6000);
    assert_int_equal(strncmp(told(world, 1), "REVOKED, until 20", 17), 0);
    world->made[1].facts.begins += 100;
    staples_follow(&world->staples, &world->plan, 7000);
    assert_int_equal(strncmp(told(world, 1), "good, until 20", 14), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pause_doubles_to_an_hour_a_quarter_more_or_less),
        cmocka_unit_test(refresh_is_half_way_a_tenth_earlier_or_later),
        cmocka_unit_test(refresh_of_one_that_soon_ends_is_soon_but_not_at_once),
        TEST(what_is_sent_is_told),
        TEST(what_cannot_be_fetched_is_tried_again_later_and_that_survives_reloads),
        TEST(same_certificate_at_two_places_is_fetched_for_once),
        TEST(what_has_got_lost_is_fetched_again),
        TEST(end_of_a_response_is_noted),
        TEST(what_is_older_does_not_take_a_revocation_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
