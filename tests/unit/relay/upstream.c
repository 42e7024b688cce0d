/* Whom an upstream calls, and whom next. The calls themselves are the test's: backend_call_new only notes them. */
#include "websocket/fake.h"

#include "state.h"

#include <stdio.h>

enum { NODES = 3, CALLS = 64 };

struct backend_call {
    const struct backend *backend;
    const struct backend_call_user *on; /* NULL: answered or cancelled */
    void *user;
};

struct owner {
    struct counted counted;
    bool freed;
};

struct visitor {
    struct scene *scene;
    struct upstream_call *call;
};

struct scene {
    struct fake_world world;
    struct owner owner;
    struct backend backends[NODES];
    struct upstream_member members[NODES];
    struct upstream upstream;
    struct peer peer;
    struct backend_call calls[CALLS];
    size_t called;
    bool no_memory;
    int opened, failed;
    enum ending why;
    unsigned status;
    char detail[100];
    _Atomic uint64_t *sessions;     /* of the backend that opened last */
    struct visitor visitors[CALLS]; /* the latest, in a ring */
    size_t visits;
};

static struct scene *current;

struct backend_call *backend_call_new(struct loop *loop, const struct backend *backend, struct counted *owner,
                                      const struct backend_visitor *visitor, const struct backend_call_user *on,
                                      void *user)
{
    assert_ptr_equal(loop, &current->world.loop);
    assert_ptr_equal(owner, &current->owner.counted);
    assert_ptr_equal(visitor->peer, &current->peer);
    assert_true(current->called < CALLS);
    if (current->no_memory)
        return NULL;
    struct backend_call *call = &current->calls[current->called++];
    *call = (struct backend_call){backend, on, user};
    return call;
}

void backend_call_cancel(struct backend_call *call)
{
    assert_non_null(call->on);
    call->on = NULL;
}

static void on_open(void *user, struct endpoint *back, const struct http_response *answer)
{
    struct visitor *visitor = user;
    (void)back;
    (void)answer;
    visitor->scene->opened++;
    visitor->scene->sessions = upstream_call_sessions(visitor->call);
}

static void on_fail(void *user, enum ending why, const struct http_response *answer, const char *detail)
{
    struct scene *t = ((struct visitor *)user)->scene;
    t->failed++;
    t->why = why;
    t->status = answer ? answer->status : 0;
    snprintf(t->detail, sizeof t->detail, "%s", detail ? detail : "");
}

static const struct backend_call_user user = {on_open, on_fail};

static void owner_free(struct counted *counted)
{
    CONTAINER_OF(counted, struct owner, counted)->freed = true;
}

static void scene_start(struct scene *t, size_t count)
{
    static const char *const names[NODES] = {"a", "b", "c"};
    *t = (struct scene){.upstream = {.members = t->members, .count = count}};
    t->upstream.settings =
        (struct upstream_settings){.timeout = 20000, .eject_after = 2, .eject_time = 1000, .eject_time_max = 3000};
    for (size_t i = 0; i < count; i++) {
        t->backends[i].name = names[i];
        t->members[i].backend = &t->backends[i];
    }
    fake_world_init(&t->world);
    counted_init(&t->owner.counted, owner_free);
    assert_true(upstream_bind(&t->upstream, &t->world.loop));
    current = t;
}

static void scene_stop(struct scene *t)
{
    fake_run(&t->world.loop);
    counted_unref(&t->owner.counted);
    assert_true(t->owner.freed); /* no call is left */
    upstream_unbind(&t->upstream);
    fake_world_deinit(&t->world);
}

static struct upstream_call *visit(struct scene *t)
{
    const struct backend_visitor about = {.peer = &t->peer};
    struct visitor *visitor = &t->visitors[t->visits++ % CALLS];
    int before = t->opened + t->failed;
    visitor->scene = t;
    visitor->call = upstream_call_new(&t->world.loop, &t->upstream, &t->owner.counted, &about, &user, visitor);
    assert_int_equal(t->opened + t->failed, before);
    return visitor->call;
}

/* Who is being called. */
static char callee(const struct scene *t)
{
    return t->calls[t->called - 1].backend->name[0];
}

static struct backend_call *take_call(struct scene *t)
{
    struct backend_call *call = &t->calls[t->called - 1];
    assert_non_null(call->on);
    return call;
}

static void open_call(struct backend_call *call)
{
    const struct backend_call_user *on = call->on;
    call->on = NULL;
    on->on_open(call->user, NULL, NULL);
}

static void fail_call(struct backend_call *call, enum ending why, unsigned status)
{
    struct http_response answer = {.status = status};
    const struct backend_call_user *on = call->on;
    call->on = NULL;
    on->on_fail(call->user, why, status ? &answer : NULL, call->backend->name);
}

static void opens(struct scene *t)
{
    open_call(take_call(t));
}

static void fails(struct scene *t, enum ending why, unsigned status)
{
    fail_call(take_call(t), why, status);
}

static void refuses(struct scene *t)
{
    fails(t, ENDING_BACKEND_REFUSED, 0);
}

/* Visitors in a row, each of whom is served by the backend that is called first. */
static void assert_served_by(struct scene *t, const char *names)
{
    for (; *names; names++) {
        visit(t);
        assert_int_equal(callee(t), *names);
        opens(t);
    }
    t->called = 0;
}

/* Has one fail until it is ejected; all others work. */
static void eject(struct scene *t, char name)
{
    unsigned before = (unsigned)t->world.counters->backend_ejections;
    while (t->world.counters->backend_ejections == before) {
        visit(t);
        if (callee(t) == name)
            refuses(t);
        opens(t);
        t->called = 0;
    }
}

static void each_has_its_turn(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 3);
    assert_served_by(&t, "abcabc");
    scene_stop(&t);
}

static void a_failure_goes_on_to_the_next_without_a_word(void **state)
{
    (void)state;
    static const enum ending failures[] = {ENDING_BACKEND_NAME, ENDING_BACKEND_REFUSED, ENDING_BACKEND_UNREACHABLE,
                                           ENDING_BACKEND_LATE, ENDING_BACKEND_TLS,     ENDING_BACKEND_BROKEN,
                                           ENDING_BACKEND_LOST};
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct scene t;
        scene_start(&t, 2);
        visit(&t);
        assert_int_equal(callee(&t), 'a');
        fails(&t, failures[i], 0);
        assert_int_equal(t.failed, 0);
        assert_int_equal(callee(&t), 'b');
        assert_int_equal(t.world.counters->backend_retries, 1);
        assert_int_equal(t.world.counters->endings[failures[i]], 1);
        opens(&t);
        assert_int_equal(t.opened, 1);
        scene_stop(&t);
    }
}

static void a_gateway_error_of_the_backend_is_a_failure_and_its_own_verdict_is_not(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        bool retried;
    } rows[] = {{400, false}, {401, false}, {403, false}, {404, false}, {426, false}, {429, false}, {500, false},
                {501, false}, {502, true},  {503, true},  {504, true},  {505, false}, {200, false}, {302, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene t;
        scene_start(&t, 2);
        visit(&t);
        fails(&t, ENDING_BACKEND_DENIED, rows[i].status);
        assert_int_equal(t.called, rows[i].retried ? 2 : 1);
        if (rows[i].retried)
            fails(&t, ENDING_BACKEND_DENIED, rows[i].status);
        assert_int_equal(t.failed, 1);
        assert_int_equal(t.status, rows[i].status);
        assert_int_equal(t.members[0].state->counts->failures, rows[i].retried);
        scene_stop(&t);
    }
}

static void what_is_our_own_fault_is_nobodys_failure(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 2);
    visit(&t);
    fails(&t, ENDING_DESCRIPTORS, 0);
    assert_int_equal(t.called, 1);
    assert_int_equal(t.why, ENDING_DESCRIPTORS);
    assert_int_equal(t.members[0].state->counts->failures, 0);
    scene_stop(&t);
}

static void each_is_tried_once_and_the_last_failure_is_told(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 3);
    visit(&t);
    refuses(&t);
    fails(&t, ENDING_BACKEND_LATE, 0);
    assert_int_equal(t.failed, 0);
    fails(&t, ENDING_BACKEND_NAME, 0);
    assert_int_equal(t.called, 3);
    assert_int_equal(t.failed, 1);
    assert_int_equal(t.why, ENDING_BACKEND_NAME);
    assert_string_equal(t.detail, "c");
    assert_int_equal(t.world.counters->backend_retries, 2);
    scene_stop(&t);
}

static void all_tries_together_have_a_limit(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 3);
    visit(&t);
    fake_wait(&t.world.loop, 12000);
    fails(&t, ENDING_BACKEND_LATE, 0);
    fake_wait(&t.world.loop, 7999);
    assert_int_equal(t.failed, 0);
    fake_wait(&t.world.loop, 1);
    assert_int_equal(t.failed, 1);
    assert_int_equal(t.why, ENDING_BACKEND_LATE);
    assert_string_equal(t.detail, "b");
    assert_int_equal(t.called, 2);
    assert_null(t.calls[1].on);
    assert_int_equal(t.members[1].state->counts->failures, 0); /* it has not had its own time */
    scene_stop(&t);
}

static void who_fails_in_a_row_is_left_out_for_a_time_that_grows(void **state)
{
    (void)state;
    static const unsigned lengths[] = {1000, 2000, 3000, 3000};
    struct scene t;
    scene_start(&t, 2);
    eject(&t, 'a');
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(t.members[0].state->counts->condition, BACKEND_EJECTED);
        fake_wait(&t.world.loop, lengths[i] - 1);
        assert_served_by(&t, "bbb");
        fake_wait(&t.world.loop, 1);
        eject(&t, 'a'); /* one more failure is enough */
    }
    assert_int_equal(t.world.counters->backend_ejections, 5);
    assert_int_equal(t.members[0].state->counts->failures, 6);
    scene_stop(&t);
}

static void a_success_between_failures_starts_the_count_anew(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 2);
    for (int i = 0; i < 5; i++) {
        visit(&t);
        assert_int_equal(callee(&t), 'a');
        refuses(&t);
        opens(&t);
        t.members[0].credit = t.members[1].credit = 0;
        assert_served_by(&t, "ab");
    }
    assert_int_equal(t.world.counters->backend_ejections, 0);
    scene_stop(&t);
}

static void calls_under_way_at_the_ejection_do_not_prolong_it(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 2);
    struct backend_call *first[8];
    size_t count = 0;
    for (int i = 0; i < 16; i++) {
        visit(&t);
        if (callee(&t) == 'a')
            first[count++] = take_call(&t);
        else
            opens(&t);
    }
    assert_int_equal(count, 8);
    for (size_t i = 0; i < count; i++) {
        fail_call(first[i], ENDING_BACKEND_REFUSED, 0);
        opens(&t); /* b */
    }
    assert_int_equal(t.world.counters->backend_ejections, 1);
    fake_wait(&t.world.loop, 1000);
    t.called = 0;
    bool tried = false;
    for (int i = 0; i < 3; i++) {
        visit(&t);
        tried |= callee(&t) == 'a';
        opens(&t);
    }
    assert_true(tried);
    scene_stop(&t);
}

static void who_was_ejected_is_tried_by_one_visitor_at_a_time_until_it_works(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 2);
    eject(&t, 'a');
    fake_wait(&t.world.loop, 1000);
    do {
        t.called = 0;
        visit(&t);
        if (callee(&t) == 'b')
            opens(&t);
    } while (callee(&t) == 'b');
    struct backend_call *trial = take_call(&t);
    for (int i = 0; i < 3; i++) {
        visit(&t);
        assert_int_equal(callee(&t), 'b');
        opens(&t);
    }
    open_call(trial);
    assert_int_equal(t.members[0].state->counts->condition, BACKEND_UP);
    t.called = 0;
    t.members[0].credit = t.members[1].credit = 0;
    assert_served_by(&t, "abab");
    scene_stop(&t);
}

static void when_all_fail_all_are_tried_the_oldest_failure_first(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 3);
    eject(&t, 'b');
    fake_wait(&t.world.loop, 10);
    eject(&t, 'a');
    fake_wait(&t.world.loop, 10);
    t.members[2].state->ejected_until = UINT64_MAX;
    t.members[2].state->failed = t.world.loop.now;
    int before = t.opened;
    visit(&t);
    assert_int_equal(callee(&t), 'b');
    refuses(&t);
    assert_int_equal(callee(&t), 'a');
    refuses(&t);
    assert_int_equal(callee(&t), 'c');
    opens(&t);
    assert_int_equal(t.opened, before + 1);
    scene_stop(&t);
}

static void the_only_one_is_never_left_out(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 1);
    for (int i = 0; i < 5; i++) {
        visit(&t);
        refuses(&t);
        assert_int_equal(t.failed, i + 1);
    }
    assert_int_equal(t.world.counters->backend_ejections, 0);
    assert_int_equal(t.world.counters->backend_retries, 0);
    assert_int_equal(t.members[0].state->counts->condition, BACKEND_UP);
    scene_stop(&t);
}

static void the_least_loaded_is_chosen(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 3);
    t.upstream.settings.policy = UPSTREAM_LEAST_CONNECTIONS;
    assert_served_by(&t, "abc"); /* in turn among equals; nobody holds these sessions */
    t.members[0].state->counts->sessions = 5;
    t.members[1].state->counts->sessions = 3;
    t.members[2].state->counts->sessions = 4;
    struct upstream_call *pending = visit(&t);
    assert_int_equal(callee(&t), 'b');
    t.members[1].state->counts->sessions++; /* its session, which is not yet taken off the calls */
    visit(&t);
    assert_int_equal(callee(&t), 'c');
    opens(&t);
    assert_ptr_equal(t.sessions, &t.members[2].state->counts->sessions);
    t.members[0].state->counts->sessions = 0;
    upstream_call_cancel(pending);
    assert_int_equal(t.members[1].state->calls, 0);
    t.called = 0;
    assert_served_by(&t, "aaa");
    for (size_t i = 0; i < 3; i++)
        t.members[i].state->counts->sessions = 0;
    scene_stop(&t);
}

static void a_drained_backend_gets_nobody(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 2);
    assert_true(backend_set_drained(&t.world.loop, "a", true));
    assert_false(backend_set_drained(&t.world.loop, "x", true));
    assert_served_by(&t, "bbb");
    visit(&t);
    refuses(&t); /* not even as the last resort */
    assert_int_equal(t.failed, 1);
    assert_true(backend_set_drained(&t.world.loop, "b", true));
    t.called = 0;
    visit(&t);
    fake_run(&t.world.loop);
    assert_int_equal(t.called, 0);
    assert_int_equal(t.failed, 2);
    assert_int_equal(t.why, ENDING_BACKEND_DRAINED);
    upstream_call_cancel(visit(&t));
    fake_run(&t.world.loop);
    assert_int_equal(t.failed, 2);
    assert_true(backend_set_drained(&t.world.loop, "a", false));
    assert_served_by(&t, "aa");
    scene_stop(&t);
}

static void cancelling_is_silent(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 2);
    struct upstream_call *call = visit(&t);
    refuses(&t);
    upstream_call_cancel(call);
    assert_null(t.calls[1].on);
    fake_wait(&t.world.loop, 30000);
    assert_int_equal(t.opened + t.failed, 0);
    assert_int_equal(t.members[1].state->calls, 0);
    scene_stop(&t);
}

static void without_memory_there_is_no_call(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 2);
    t.no_memory = true;
    assert_null(visit(&t));
    t.no_memory = false;
    visit(&t);
    t.no_memory = true;
    refuses(&t);
    assert_int_equal(t.failed, 1);
    assert_int_equal(t.why, ENDING_MEMORY);
    scene_stop(&t);
}

static void who_comes_back_starts_slowly(void **state)
{
    (void)state;
    static const struct {
        unsigned after; /* ms */
        unsigned share; /* percent */
    } rows[] = {{0, 5}, {100, 10}, {500, 50}, {999, 99}, {1000, 100}, {5000, 100}};
    struct scene t;
    scene_start(&t, 2);
    struct backend_state *back = t.members[0].state;
    t.upstream.settings.slow_start = 1000;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        back->returned = t.world.loop.now - rows[i].after;
        assert_int_equal(backend_state_share(back, 1000), rows[i].share);
        unsigned served = 0;
        for (int n = 0; n < 200; n++) {
            visit(&t);
            served += callee(&t) == 'a';
            opens(&t);
            t.called = 0;
        }
        unsigned fair = 200 * rows[i].share / (100 + rows[i].share);
        assert_in_range(served, fair - 2, fair + 2);
    }
    /* Likewise by load: at half of its share it carries half of what the other one does. */
    t.upstream.settings.policy = UPSTREAM_LEAST_CONNECTIONS;
    back->returned = t.world.loop.now - 500;
    for (int n = 0; n < 30; n++) {
        visit(&t);
        opens(&t);
        t.called = 0;
        counter_add(t.sessions, 1);
    }
    assert_int_equal(back->counts->sessions, 10);
    back->counts->sessions = t.members[1].state->counts->sessions = 0;
    scene_stop(&t);
}

/* ---- by the visitor's address */

static char node_of(struct scene *t, unsigned visitor)
{
    t->peer = (struct peer){.family = PEER_IPV4, .port = (uint16_t)t->visits, .ip = {192, 0, 2, (uint8_t)visitor}};
    t->called = 0;
    visit(t);
    char name = callee(t);
    opens(t);
    return name;
}

enum { VISITORS = 256 };

static void note_nodes(struct scene *t, char nodes[VISITORS])
{
    for (unsigned i = 0; i < VISITORS; i++)
        nodes[i] = node_of(t, i);
}

static void each_address_has_its_backend_and_a_loss_moves_only_its_visitors(void **state)
{
    (void)state;
    struct scene t;
    char before[VISITORS], after[VISITORS];
    scene_start(&t, 3);
    t.upstream.settings.policy = UPSTREAM_SOURCE;
    note_nodes(&t, before);
    note_nodes(&t, after);
    assert_memory_equal(before, after, VISITORS); /* whatever the port */
    unsigned of_b = 0, moved_to_a = 0;
    for (unsigned i = 0; i < VISITORS; i++)
        of_b += before[i] == 'b';
    assert_in_range(of_b, VISITORS / 4, VISITORS / 2);
    backend_set_drained(&t.world.loop, "b", true);
    for (unsigned i = 0; i < VISITORS; i++) {
        char now = node_of(&t, i);
        assert_true(before[i] == 'b' ? now != 'b' : now == before[i]);
        moved_to_a += before[i] == 'b' && now == 'a';
    }
    assert_in_range(moved_to_a, of_b / 4, of_b * 3 / 4); /* they are spread over those that are left */
    backend_set_drained(&t.world.loop, "b", false);
    note_nodes(&t, after);
    assert_memory_equal(before, after, VISITORS);
    scene_stop(&t);
}

static void a_failure_goes_on_to_the_visitors_next_backend(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 3);
    t.upstream.settings.policy = UPSTREAM_SOURCE;
    t.upstream.settings.eject_after = 0;
    for (unsigned i = 0; i < 20; i++) {
        char first = node_of(&t, i), name[] = {first, '\0'};
        backend_set_drained(&t.world.loop, name, true);
        char second = node_of(&t, i);
        backend_set_drained(&t.world.loop, name, false);
        t.called = 0;
        visit(&t);
        assert_int_equal(callee(&t), first);
        refuses(&t);
        assert_int_equal(callee(&t), second);
        opens(&t);
    }
    scene_stop(&t);
}

/* All bytes count, also of IPv6; visitors without an address are one. */
static void addresses_of_both_families_are_spread(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 3);
    t.upstream.settings.policy = UPSTREAM_SOURCE;
    for (size_t byte = 0; byte < 16; byte++) {
        bool seen[NODES] = {false};
        for (unsigned value = 0; value < VISITORS; value++) {
            t.peer = (struct peer){.family = PEER_IPV6};
            t.peer.ip[byte] = (uint8_t)value;
            t.called = 0;
            visit(&t);
            seen[callee(&t) - 'a'] = true;
            opens(&t);
        }
        assert_true(seen[0] && seen[1] && seen[2]);
    }
    t.peer = (struct peer){.family = PEER_UNIX};
    visit(&t);
    char node = callee(&t);
    opens(&t);
    visit(&t);
    assert_int_equal(callee(&t), node);
    opens(&t);
    scene_stop(&t);
}

static void who_comes_back_gets_its_visitors_back_little_by_little(void **state)
{
    (void)state;
    struct scene t;
    char home[VISITORS], now[VISITORS];
    bool back[VISITORS] = {false};
    scene_start(&t, 3);
    t.upstream.settings.policy = UPSTREAM_SOURCE;
    t.upstream.settings.slow_start = 1000;
    note_nodes(&t, home);
    unsigned all = 0, returned = 0;
    for (unsigned age = 0; age <= 1000; age += 250) {
        t.members[1].state->returned = t.world.loop.now - age;
        unsigned before = returned;
        all = returned = 0;
        note_nodes(&t, now);
        for (unsigned i = 0; i < VISITORS; i++) {
            assert_true(now[i] == home[i] || home[i] == 'b');
            assert_true(now[i] == home[i] || !back[i]); /* who is back stays */
            back[i] |= home[i] == 'b' && now[i] == 'b';
            all += home[i] == 'b';
            returned += home[i] == 'b' && now[i] == 'b';
        }
        assert_true(returned >= before);
        assert_in_range(returned, all * age / 1000 * 6 / 10, all * (age + 250) / 1000);
    }
    assert_int_equal(returned, all);
    scene_stop(&t);
}

static void what_is_known_of_a_backend_outlives_the_plan(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 2);
    eject(&t, 'a');
    backend_set_drained(&t.world.loop, "b", true);
    t.members[1].state->counts->sessions = 7;
    struct upstream_member members[2] = {{.backend = &t.backends[1]}, {.backend = &t.backends[0]}};
    struct upstream next = {.members = members, .count = 2, .settings = t.upstream.settings};
    assert_true(upstream_bind(&next, &t.world.loop));
    upstream_unbind(&t.upstream);
    assert_true(members[0].state->drained);
    assert_int_equal(members[0].state->counts->sessions, 7);
    assert_int_equal(members[0].state->counts->key, backend_key("b"));
    assert_int_equal(members[1].state->ejections, 1);
    assert_int_equal(members[1].state->counts->condition, BACKEND_EJECTED);
    members[0].state->counts->sessions = 0;
    upstream_unbind(&next);
    for (size_t i = 0; i < COUNTERS_BACKENDS; i++)
        assert_int_equal(t.world.counters->backends[i].key, 0);
    assert_true(upstream_bind(&t.upstream, &t.world.loop)); /* and with the last one it is forgotten */
    assert_false(t.members[1].state->drained);
    assert_int_equal(t.members[0].state->ejections, 0);
    scene_stop(&t);
}

static void without_a_free_row_a_state_counts_for_itself(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 1);
    upstream_unbind(&t.upstream);
    for (size_t i = 0; i < COUNTERS_BACKENDS; i++)
        t.world.counters->backends[i].key = 1;
    assert_true(upstream_bind(&t.upstream, &t.world.loop));
    assert_served_by(&t, "aa");
    assert_int_equal(t.members[0].state->counts->opened, 2);
    scene_stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_turn),
        cmocka_unit_test(a_failure_goes_on_to_the_next_without_a_word),
        cmocka_unit_test(a_gateway_error_of_the_backend_is_a_failure_and_its_own_verdict_is_not),
        cmocka_unit_test(what_is_our_own_fault_is_nobodys_failure),
        cmocka_unit_test(each_is_tried_once_and_the_last_failure_is_told),
        cmocka_unit_test(all_tries_together_have_a_limit),
        cmocka_unit_test(who_fails_in_a_row_is_left_out_for_a_time_that_grows),
        cmocka_unit_test(a_success_between_failures_starts_the_count_anew),
        cmocka_unit_test(calls_under_way_at_the_ejection_do_not_prolong_it),
        cmocka_unit_test(who_was_ejected_is_tried_by_one_visitor_at_a_time_until_it_works),
        cmocka_unit_test(when_all_fail_all_are_tried_the_oldest_failure_first),
        cmocka_unit_test(the_only_one_is_never_left_out),
        cmocka_unit_test(the_least_loaded_is_chosen),
        cmocka_unit_test(a_drained_backend_gets_nobody),
        cmocka_unit_test(cancelling_is_silent),
        cmocka_unit_test(without_memory_there_is_no_call),
        cmocka_unit_test(who_comes_back_starts_slowly),
        cmocka_unit_test(each_address_has_its_backend_and_a_loss_moves_only_its_visitors),
        cmocka_unit_test(a_failure_goes_on_to_the_visitors_next_backend),
        cmocka_unit_test(addresses_of_both_families_are_spread),
        cmocka_unit_test(who_comes_back_gets_its_visitors_back_little_by_little),
        cmocka_unit_test(what_is_known_of_a_backend_outlives_the_plan),
        cmocka_unit_test(without_a_free_row_a_state_counts_for_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
