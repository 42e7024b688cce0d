/* How long a place stays vacant. */
#include "test.h"

#include "crew.h"

#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* A crew of one worker, which says that it leaves. */
static void leave(struct crew *crew, uint64_t started)
{
    struct child child = {.pid = INT_MAX, .state = CHILD_SERVING, .started = started};
    struct handover message = {.type = HANDOVER_LEAVING};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    child.control = pair[0];
    crew->places[0].child = &child;
    list_init(&child.link);
    assert_true(handover_send(pair[1], &message));
    crew_hear(crew, &child);
    assert_int_equal(child.state, CHILD_LEAVING);
    assert_ptr_equal(crew->leavers.next, &child.link);
    list_remove(&child.link);
    close(pair[0]);
    close(pair[1]);
}

static void who_comes_only_to_go_is_not_replaced_again_and_again(void **state)
{
    (void)state;
    struct plan plan = {0};
    struct edition edition = {.plan = &plan};
    struct crew_place place = {0};
    struct log log;
    struct crew crew = {
        .log = &log, .edition = &edition, .places = &place, .count = 1, .now = 100000, .has_served = true};
    log_init(&log, STDERR_FILENO, LOG_QUIET, "test");
    list_init(&crew.leavers);
    for (unsigned n = 1; n < 12; n++) {
        leave(&crew, crew.now);
        assert_null(place.child);
        assert_int_equal(place.restart, crew.now + crew_pause(n));
    }
    leave(&crew, crew.now - CREW_EARLY);
    assert_int_equal(place.restart, crew.now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_death_is_replaced_at_once),
        cmocka_unit_test(further_early_deaths_wait_twice_as_long_each_up_to_a_bound),
        cmocka_unit_test(who_comes_only_to_go_is_not_replaced_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
