/* How long a place stays vacant, and who is told what. */
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

/* The keys that one of the crew was told; none: it was told nothing. */
static uint32_t told(int socket)
{
    struct handover message;
    if (handover_receive(socket, &message) != HANDOVER_OK)
        return 0;
    assert_int_equal(message.type, HANDOVER_TICKETS);
    return message.tickets.count;
}

/* Who starts is told before it serves, with the rest of what it must know. */
static void all_who_serve_are_told_of_new_ticket_keys(void **state)
{
    (void)state;
    static const enum child_state states[] = {CHILD_STARTING, CHILD_SERVING, CHILD_PREPARING, CHILD_PREPARED,
                                              CHILD_SWITCHING};
    struct child children[5] = {0};
    struct crew_place places[6] = {0};
    int sockets[5];
    struct crew crew = {.places = places, .count = 6, .tickets.ring.count = 3};
    for (int i = 0; i < 5; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        children[i] = (struct child){.state = states[i], .control = pair[0]};
        sockets[i] = pair[1];
        places[i].child = &children[i];
    }
    crew_tell_tickets(&crew);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(told(sockets[i]), i == 0 ? 0 : 3);
        assert_int_equal(told(sockets[i]), 0);
        close(sockets[i]);
        close(children[i].control);
    }
}

/* ---- challenges */

struct small_crew {
    struct crew crew;
    struct crew_place places[2];
    struct child children[2];
    int workers[2]; /* their ends */
};

static void gather(struct small_crew *t)
{
    *t = (struct small_crew){.crew = {.places = t->places, .count = 2}};
    list_init(&t->crew.leavers);
    for (int i = 0; i < 2; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        t->children[i] = (struct child){.pid = INT_MAX, .state = CHILD_SERVING, .control = pair[0], .due = UINT64_MAX};
        t->places[i].child = &t->children[i];
        t->workers[i] = pair[1];
    }
}

static void disperse(struct small_crew *t)
{
    for (int i = 0; i < 2; i++) {
        close(t->workers[i]);
        close(t->children[i].control);
    }
    challenges_deinit(&t->crew.challenges);
}

static void expect(int worker, enum handover_type type, uint64_t number, const char *text)
{
    struct handover message;
    assert_int_equal(handover_receive(worker, &message), HANDOVER_OK);
    assert_int_equal(message.type, type);
    assert_int_equal(message.edition, number);
    assert_string_equal(message.text, text);
}

static void say(struct small_crew *t, int index, enum handover_type type, uint64_t number)
{
    const struct handover message = {.type = type, .edition = number};
    assert_true(handover_send(t->workers[index], &message));
    crew_hear(&t->crew, &t->children[index]);
}

static void an_edition_is_in_force_when_all_who_were_told_have_said_so(void **state)
{
    struct small_crew t;
    (void)state;
    gather(&t);
    for (int i = 0; i < 2; i++) {
        t.children[i].state = CHILD_PREPARED;
        t.children[i].asked = 7;
    }
    crew_switch(&t.crew);
    for (int i = 0; i < 2; i++) {
        expect(t.workers[i], HANDOVER_TICKETS, 0, "");
        expect(t.workers[i], HANDOVER_SWITCH, 7, "");
    }
    assert_int_equal(crew_in_state(&t.crew, CHILD_SWITCHING), 2);
    assert_int_equal(crew_next(&t.crew), CREW_READY_WITHIN);
    say(&t, 0, HANDOVER_SWITCHED, 6); /* of an edition before */
    say(&t, 0, HANDOVER_READY, 7);
    assert_int_equal(crew_in_state(&t.crew, CHILD_SWITCHING), 2);
    say(&t, 0, HANDOVER_SWITCHED, 7);
    assert_int_equal(t.children[0].state, CHILD_SERVING);
    assert_int_equal(crew_in_state(&t.crew, CHILD_SWITCHING), 1);
    say(&t, 1, HANDOVER_SWITCHED, 7);
    assert_int_equal(crew_in_state(&t.crew, CHILD_SERVING), 2);
    assert_int_equal(crew_next(&t.crew), UINT64_MAX);
    disperse(&t);
}

static void a_challenge_is_held_when_all_who_serve_have_said_so(void **state)
{
    static const char text[] = "http-01 a.example t t.p";
    struct small_crew t;
    struct challenge challenge;
    struct handover message;
    uint64_t number = 0;
    (void)state;
    gather(&t);
    assert_true(challenge_parse(span_string(text), &challenge));
    t.children[1].state = CHILD_STARTING;
    t.children[1].asked = 9;
    assert_true(crew_publish(&t.crew, &challenge, &number));
    expect(t.workers[0], HANDOVER_CHALLENGE, number, text);
    assert_int_equal(handover_receive(t.workers[1], &message), HANDOVER_NOTHING);
    assert_false(crew_holds(&t.crew, number));
    say(&t, 0, HANDOVER_HELD, number);
    assert_true(crew_holds(&t.crew, number));
    /* Who starts is told before it serves, and has to confirm it, too. */
    say(&t, 1, HANDOVER_READY, 9);
    expect(t.workers[1], HANDOVER_TICKETS, 0, "");
    expect(t.workers[1], HANDOVER_CHALLENGE, number, text);
    expect(t.workers[1], HANDOVER_SWITCH, 9, "");
    assert_false(crew_holds(&t.crew, number));
    say(&t, 1, HANDOVER_HELD, number);
    assert_true(crew_holds(&t.crew, number));
    /* An older answer is none to a newer question. */
    uint64_t newer = 0;
    assert_true(challenge_parse(SPAN("http-01 b.example u u.p"), &challenge));
    assert_true(crew_publish(&t.crew, &challenge, &newer));
    assert_false(crew_holds(&t.crew, newer));
    crew_withdraw(&t.crew, &challenge);
    for (int i = 0; i < 2; i++) {
        expect(t.workers[i], HANDOVER_CHALLENGE, newer, "http-01 b.example u u.p");
        assert_int_equal(handover_receive(t.workers[i], &message), HANDOVER_OK);
        assert_int_equal(message.type, HANDOVER_WITHDRAW);
    }
    t.places[0].child = t.places[1].child = NULL;
    assert_false(crew_holds(&t.crew, number)); /* nobody is not everybody */
    disperse(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_death_is_replaced_at_once),
        cmocka_unit_test(further_early_deaths_wait_twice_as_long_each_up_to_a_bound),
        cmocka_unit_test(who_comes_only_to_go_is_not_replaced_again_and_again),
        cmocka_unit_test(all_who_serve_are_told_of_new_ticket_keys),
        cmocka_unit_test(an_edition_is_in_force_when_all_who_were_told_have_said_so),
        cmocka_unit_test(a_challenge_is_held_when_all_who_serve_have_said_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
