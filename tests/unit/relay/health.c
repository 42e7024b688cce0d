/* Health checks whose connections are the test's: net_connect and backend_call_new only note them. */
#include "websocket/fake.h"

#include "state.h"

enum { CHECKS = 32 };

struct backend_call {
    const struct backend_call_user *on; /* NULL: answered or cancelled */
    void *user;
};

struct session {
    struct endpoint endpoint;
    uint16_t code; /* of our Close */
};

struct owner {
    struct counted counted;
    bool freed;
};

struct scene {
    struct fake_world world;
    struct owner owner;
    struct backend backend;
    struct health_check check;
    struct upstream_member member;
    struct upstream upstream;
    struct health *health;
    struct fake streams[CHECKS];
    struct backend_call calls[CHECKS];
    struct session session;
    size_t begun;
    bool no_memory;
};

static struct scene *current;

struct stream *net_connect(struct loop *loop, const struct net_target *target)
{
    assert_ptr_equal(target, &current->check.backend.target);
    assert_true(current->begun < CHECKS);
    if (current->no_memory)
        return NULL;
    fake_init(&current->streams[current->begun], loop);
    return &current->streams[current->begun++].stream;
}

struct backend_call *backend_call_new(struct loop *loop, const struct backend *backend, struct counted *owner,
                                      const struct backend_visitor *visitor, const struct backend_call_user *on,
                                      void *user)
{
    (void)loop;
    struct span offered;
    assert_ptr_equal(backend, &current->check.backend);
    assert_ptr_equal(owner, &current->owner.counted);
    assert_true(http_header_find(&visitor->request->headers, SPAN("Sec-WebSocket-Protocol"), &offered));
    assert_true(current->begun < CHECKS);
    if (current->no_memory)
        return NULL;
    current->calls[current->begun] = (struct backend_call){on, user};
    return &current->calls[current->begun++];
}

void backend_call_cancel(struct backend_call *call)
{
    assert_non_null(call->on);
    call->on = NULL;
}

static void session_close(struct endpoint *endpoint, uint16_t code, struct span reason)
{
    (void)reason;
    CONTAINER_OF(endpoint, struct session, endpoint)->code = code;
}

static const struct endpoint_ops session_ops = {.close = session_close};

static void owner_free(struct counted *counted)
{
    CONTAINER_OF(counted, struct owner, counted)->freed = true;
}

static void scene_start(struct scene *t, enum health_type type)
{
    *t = (struct scene){
        .backend = {.name = "ws://node:80", .target = {.timeout = 10000}},
        .check = {.type = type, .interval = 800, .rise = 2, .fall = 3, .backend.target = {.timeout = 500}},
        .upstream = {.members = &t->member, .count = 1},
        .session.endpoint.ops = &session_ops,
    };
    t->member = (struct upstream_member){.backend = &t->backend, .check = &t->check};
    fake_world_init(&t->world);
    counted_init(&t->owner.counted, owner_free);
    assert_true(upstream_bind(&t->upstream, &t->world.loop));
    current = t;
    t->health = health_start(&t->world.loop, &t->upstream, &t->owner.counted);
    assert_non_null(t->health);
    assert_int_equal(t->member.state->counts->condition, BACKEND_UP);
}

static void scene_stop(struct scene *t)
{
    health_stop(t->health);
    fake_run(&t->world.loop);
    for (size_t i = 0; i < t->begun; i++) {
        if (t->check.type == HEALTH_TCP)
            fake_deinit(&t->streams[i]);
    }
    counted_unref(&t->owner.counted);
    assert_true(t->owner.freed); /* no check is left */
    assert_int_equal(deadlines_next(&t->world.loop.deadlines), UINT64_MAX);
    upstream_unbind(&t->upstream);
    fake_world_deinit(&t->world);
}

/* Until the next check begins. */
static void wait_for_check(struct scene *t)
{
    size_t before = t->begun;
    fake_wait(&t->world.loop, t->check.interval);
    assert_int_equal(t->begun, before + 1);
}

static void connects(struct scene *t)
{
    wait_for_check(t);
    struct fake *fake = &t->streams[t->begun - 1];
    fake->stream.on->on_open(fake->stream.user);
    fake_run(&t->world.loop);
    assert_true(fake->ended);
}

static void refuses(struct scene *t)
{
    wait_for_check(t);
    struct fake *fake = &t->streams[t->begun - 1];
    fake->stream.detail = "connection refused";
    stream_abort(&fake->stream, ENDING_BACKEND_REFUSED);
    fake_run(&t->world.loop);
}

static const struct backend_call_user *take_call(struct scene *t, void **user)
{
    struct backend_call *call = &t->calls[t->begun - 1];
    const struct backend_call_user *on = call->on;
    assert_non_null(on);
    call->on = NULL;
    *user = call->user;
    return on;
}

static void answers(struct scene *t, enum ending why, unsigned status)
{
    void *user;
    struct http_response answer = {.status = status};
    wait_for_check(t);
    take_call(t, &user)->on_fail(user, why, status ? &answer : NULL, "ws://node:80: why");
}

static void opens(struct scene *t)
{
    void *user;
    wait_for_check(t);
    take_call(t, &user)->on_open(user, &t->session.endpoint, NULL);
    assert_int_equal(t->session.code, 1000);
}

static void ends_session(struct scene *t)
{
    t->session.endpoint.on->on_end(t->session.endpoint.user, ENDING_DONE);
}

static void it_falls_and_rises_by_checks_in_a_row(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, HEALTH_TCP);
    struct backend_state *node = t.member.state;
    refuses(&t);
    refuses(&t);
    connects(&t);
    refuses(&t);
    refuses(&t);
    assert_true(backend_state_may_be_tried(node));
    refuses(&t);
    assert_false(backend_state_may_be_tried(node));
    assert_int_equal(node->counts->condition, BACKEND_DOWN);
    assert_int_equal(node->counts->failed_by, ENDING_BACKEND_REFUSED);
    connects(&t);
    refuses(&t);
    connects(&t);
    assert_false(backend_state_may_be_tried(node));
    connects(&t);
    assert_true(backend_state_may_be_tried(node));
    assert_int_equal(node->counts->condition, BACKEND_UP);
    assert_int_equal(node->returned, t.world.loop.now); /* it starts slowly */
    assert_int_equal(t.world.counters->health_checks, 10);
    assert_int_equal(t.world.counters->health_checks_failed, 6);
    assert_int_equal(node->counts->failures, 6);
    scene_stop(&t);
}

static void who_rises_is_forgiven_what_visitors_saw(void **state)
{
    (void)state;
    const struct upstream_settings settings = {.eject_after = 1, .eject_time = 60000, .eject_time_max = 60000};
    struct scene t;
    scene_start(&t, HEALTH_TCP);
    backend_state_note_failure(t.member.state, ENDING_BACKEND_LOST, "why", &settings);
    for (int i = 0; i < 3; i++)
        refuses(&t);
    assert_int_equal(t.member.state->counts->condition, BACKEND_DOWN);
    connects(&t);
    connects(&t);
    assert_true(backend_state_may_be_tried(t.member.state));
    scene_stop(&t);
}

static void a_handshake_is_a_pass_and_is_closed(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, HEALTH_WEBSOCKET);
    for (int i = 0; i < 3; i++)
        answers(&t, ENDING_BACKEND_LATE, 0);
    assert_true(t.member.state->down);
    opens(&t);
    ends_session(&t);
    opens(&t);
    assert_false(t.member.state->down);
    wait_for_check(&t); /* the session of the last one is still being closed */
    ends_session(&t);
    scene_stop(&t);
}

static void what_the_node_says_of_the_visitor_is_a_pass(void **state)
{
    (void)state;
    static const struct {
        enum ending why;
        unsigned status;
        bool passes;
    } rows[] = {{ENDING_BACKEND_DENIED, 400, true},  {ENDING_BACKEND_DENIED, 401, true},
                {ENDING_BACKEND_DENIED, 404, true},  {ENDING_BACKEND_DENIED, 500, true},
                {ENDING_BACKEND_DENIED, 502, false}, {ENDING_BACKEND_DENIED, 503, false},
                {ENDING_BACKEND_DENIED, 504, false}, {ENDING_BACKEND_BROKEN, 0, false},
                {ENDING_BACKEND_TLS, 0, false},      {ENDING_BACKEND_LOST, 0, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene t;
        scene_start(&t, HEALTH_WEBSOCKET);
        answers(&t, rows[i].why, rows[i].status);
        assert_int_equal(t.member.state->passes, rows[i].passes);
        assert_int_equal(t.member.state->misses, !rows[i].passes);
        scene_stop(&t);
    }
}

static void our_own_troubles_say_nothing_of_the_node(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, HEALTH_WEBSOCKET);
    answers(&t, ENDING_MEMORY, 0);
    answers(&t, ENDING_DESCRIPTORS, 0);
    assert_int_equal(t.member.state->passes + t.member.state->misses, 0);
    t.no_memory = true;
    fake_wait(&t.world.loop, 800);
    t.no_memory = false;
    opens(&t); /* it goes on */
    ends_session(&t);
    scene_stop(&t);
}

static void the_first_checks_are_spread_over_an_interval(void **state)
{
    (void)state;
    bool early = false, late = false;
    for (int i = 0; i < 200 && !(early && late); i++) {
        struct scene t;
        scene_start(&t, HEALTH_TCP);
        uint64_t wait = deadlines_next(&t.world.loop.deadlines) - t.world.loop.now;
        assert_in_range(wait, 100, 800);
        early |= wait <= 200;
        late |= wait >= 700;
        scene_stop(&t);
    }
    assert_true(early && late);
}

static void stopping_ends_what_is_under_way(void **state)
{
    (void)state;
    static const enum health_type types[] = {HEALTH_TCP, HEALTH_WEBSOCKET};
    for (size_t i = 0; i < 2; i++) {
        struct scene t;
        scene_start(&t, types[i]);
        wait_for_check(&t);
        scene_stop(&t);
        if (types[i] == HEALTH_WEBSOCKET)
            assert_null(t.calls[0].on);
    }
    struct scene t;
    scene_start(&t, HEALTH_WEBSOCKET);
    opens(&t);
    health_stop(t.health);
    t.health = NULL;
    ends_session(&t);
    scene_stop(&t);
}

static void who_is_not_asked_any_more_is_not_down_any_more(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, HEALTH_TCP);
    for (int i = 0; i < 3; i++)
        refuses(&t);
    /* The next plan asks, too, and begins before this one stops. */
    struct upstream_member member = {.backend = &t.backend, .check = &t.check};
    struct upstream next = {.members = &member, .count = 1};
    assert_true(upstream_bind(&next, &t.world.loop));
    struct health *health = health_start(&t.world.loop, &next, &t.owner.counted);
    health_stop(t.health);
    t.health = NULL;
    assert_true(t.member.state->down);
    health_stop(health);
    assert_false(t.member.state->down);
    assert_int_equal(t.member.state->counts->condition, BACKEND_UP);
    upstream_unbind(&next);
    scene_stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_falls_and_rises_by_checks_in_a_row),
        cmocka_unit_test(who_rises_is_forgiven_what_visitors_saw),
        cmocka_unit_test(a_handshake_is_a_pass_and_is_closed),
        cmocka_unit_test(what_the_node_says_of_the_visitor_is_a_pass),
        cmocka_unit_test(our_own_troubles_say_nothing_of_the_node),
        cmocka_unit_test(the_first_checks_are_spread_over_an_interval),
        cmocka_unit_test(stopping_ends_what_is_under_way),
        cmocka_unit_test(who_is_not_asked_any_more_is_not_down_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
