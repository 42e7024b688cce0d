/* The ring of ticket keys in the course of time. */
#include "test.h"

#include "tickets.h"

#include <string.h>
#include <unistd.h>

static const struct plan_process random_keys = {.session_tickets = true}, no_tickets = {0};

static struct log quiet;

static bool same_key(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, TLS_TICKET_KEY) == 0;
}

static void zeroed_ring_gives_no_tickets_and_waits_for_nothing(void **state)
{
    struct tickets tickets = {0};
    (void)state;
    assert_false(tickets_settle(&tickets, &quiet, UINT64_MAX - 1));
    assert_true(tickets_next(&tickets) == UINT64_MAX);
    assert_int_equal(tickets.ring.count, 0);
}

static void random_keys_move_from_next_to_current_to_previous_and_are_gone(void **state)
{
    struct tickets tickets = {0};
    uint64_t now = 5000;
    (void)state;
    tickets_adopt(&tickets, &random_keys, &quiet, now);
    assert_int_equal(tickets.ring.count, 2);
    assert_false(same_key(tickets.ring.keys[0], tickets.ring.keys[1]));
    for (int round = 0; round < 4; round++) {
        const struct tls_ticket_ring old = tickets.ring;
        assert_true(tickets_next(&tickets) == now + TICKETS_PERIOD);
        assert_false(tickets_settle(&tickets, &quiet, now + TICKETS_PERIOD - 1));
        now += TICKETS_PERIOD;
        assert_true(tickets_settle(&tickets, &quiet, now));
        assert_false(tickets_settle(&tickets, &quiet, now));
        assert_int_equal(tickets.ring.count, 3);
        assert_true(same_key(tickets.ring.keys[0], old.keys[1]));
        assert_true(same_key(tickets.ring.keys[2], old.keys[0]));
        assert_false(same_key(tickets.ring.keys[1], old.keys[0]) || same_key(tickets.ring.keys[1], old.keys[1]));
        for (size_t i = 0; old.count == 3 && i < sizeof tickets.ring - TLS_TICKET_KEY; i++)
            assert_memory_not_equal((const uint8_t *)&tickets.ring + i, old.keys[2], TLS_TICKET_KEY);
    }
    tickets_deinit(&tickets);
}

/* A ticket of the last moment before a change is still known for as long as it lives. */
static void each_key_is_kept_for_the_life_of_its_last_ticket(void **state)
{
    (void)state;
    assert_true(TICKETS_PERIOD >= (uint64_t)TLS_TICKET_LIFETIME * 1000);
}

static void after_a_long_sleep_keys_change_once(void **state)
{
    struct tickets tickets = {0};
    (void)state;
    tickets_adopt(&tickets, &random_keys, &quiet, 0);
    assert_true(tickets_settle(&tickets, &quiet, 10 * (uint64_t)TICKETS_PERIOD));
    assert_true(tickets_next(&tickets) == 11 * (uint64_t)TICKETS_PERIOD);
    tickets_deinit(&tickets);
}

static void reload_leaves_random_keys_as_they_are(void **state)
{
    struct tickets tickets = {0};
    (void)state;
    tickets_adopt(&tickets, &random_keys, &quiet, 0);
    const struct tickets before = tickets;
    tickets_adopt(&tickets, &random_keys, &quiet, 1000);
    assert_memory_equal(&tickets, &before, sizeof before);
    tickets_deinit(&tickets);
}

static void keys_of_a_file_stay_until_the_file_is_another(void **state)
{
    struct tls_ticket_ring ring = {.count = 2};
    const struct plan_process from_file = {.session_tickets = true, .ticket_keys = &ring};
    struct tickets tickets = {0};
    (void)state;
    memset(ring.keys, 'a', sizeof ring.keys);
    tickets_adopt(&tickets, &random_keys, &quiet, 0);
    tickets_adopt(&tickets, &from_file, &quiet, 1000);
    assert_memory_equal(&tickets.ring, &ring, sizeof ring);
    assert_true(tickets_next(&tickets) == UINT64_MAX);
    ring.keys[0][0] = 'b';
    tickets_adopt(&tickets, &from_file, &quiet, 2000);
    assert_memory_equal(&tickets.ring, &ring, sizeof ring);
    tickets_adopt(&tickets, &random_keys, &quiet, 3000);
    assert_int_equal(tickets.ring.count, 2);
    assert_false(same_key(tickets.ring.keys[0], ring.keys[0]) || same_key(tickets.ring.keys[1], ring.keys[1]));
    tickets_deinit(&tickets);
}

static void switched_off_nothing_is_left_of_the_keys(void **state)
{
    struct tickets tickets = {0};
    const struct tickets nothing = {0};
    (void)state;
    tickets_adopt(&tickets, &random_keys, &quiet, 0);
    tickets_adopt(&tickets, &no_tickets, &quiet, 1000);
    assert_memory_equal(&tickets.ring, &nothing.ring, sizeof nothing.ring);
    assert_true(tickets_next(&tickets) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_ring_gives_no_tickets_and_waits_for_nothing),
        cmocka_unit_test(random_keys_move_from_next_to_current_to_previous_and_are_gone),
        cmocka_unit_test(each_key_is_kept_for_the_life_of_its_last_ticket),
        cmocka_unit_test(after_a_long_sleep_keys_change_once),
        cmocka_unit_test(reload_leaves_random_keys_as_they_are),
        cmocka_unit_test(keys_of_a_file_stay_until_the_file_is_another),
        cmocka_unit_test(switched_off_nothing_is_left_of_the_keys),
    };
    log_init(&quiet, STDERR_FILENO, LOG_QUIET, "test");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
