/* A visitor and a node on both sides of a relay, all in memory:
 *
 *     visitor (client) ── front (server) ── relay ── back (client) ── node (server) */
#include "websocket/ear.h"

#include "crossgate/relay.h"

static const struct websocket_settings settings = {.close_timeout = 1000, .send_timeout = 3000};

struct owner {
    struct counted counted;
    bool freed;
};

static void owner_free(struct counted *counted)
{
    CONTAINER_OF(counted, struct owner, counted)->freed = true;
}

struct scene {
    struct fake_world world;
    struct fake visitor_fake, front_fake, back_fake, node_fake;
    struct ear visitor, node;
    struct owner owner;
    _Atomic uint64_t sessions;
    bool echo;
};

static const struct peer peer = {.family = PEER_IPV4, .port = 1234, .ip = {192, 0, 2, 1}};

static void scene_start(struct scene *t, bool echo)
{
    struct endpoint *front, *back;
    fake_world_init(&t->world);
    struct loop *loop = &t->world.loop;
    t->echo = echo;
    t->owner = (struct owner){.freed = false};
    t->sessions = 7;
    counted_init(&t->owner.counted, owner_free);
    fake_pair(&t->visitor_fake, &t->front_fake, loop);
    ear_start(&t->visitor, &t->visitor_fake, WEBSOCKET_CLIENT, &settings);
    front = websocket_session_new(loop, &t->front_fake.stream, WEBSOCKET_SERVER, &settings, NULL);
    if (echo) {
        back = echo_new(loop);
        t->node = (struct ear){.ended = true};
    } else {
        fake_pair(&t->back_fake, &t->node_fake, loop);
        ear_start(&t->node, &t->node_fake, WEBSOCKET_SERVER, &settings);
        back = websocket_session_new(loop, &t->back_fake.stream, WEBSOCKET_CLIENT, &settings, NULL);
    }
    assert_true(relay_new(loop, front, back, &t->owner.counted, &t->sessions, &peer));
    counted_unref(&t->owner.counted); /* the plan is superseded: the relay alone holds it */
    assert_false(t->owner.freed);
    assert_int_equal(t->sessions, 8);
    fake_run(loop);
}

/* All is over by itself; the relay has reported `why`, once. */
static void scene_stop(struct scene *t, enum ending why)
{
    assert_true(t->visitor.ended && t->node.ended);
    assert_true(t->owner.freed);
    assert_int_equal(t->sessions, 7);
    for (int i = 0; i < ENDING_COUNT; i++)
        assert_int_equal(t->world.counters->endings[i], i == (int)why);
    free(t->visitor.text.at);
    free(t->node.text.at);
    fake_deinit(&t->visitor_fake);
    fake_deinit(&t->front_fake);
    if (!t->echo) {
        fake_deinit(&t->back_fake);
        fake_deinit(&t->node_fake);
    }
    fake_world_deinit(&t->world);
}

static void say(struct scene *t, struct ear *from, const char *text)
{
    endpoint_send(from->endpoint, MESSAGE_TEXT, span_string(text), true);
    fake_run(&t->world.loop);
}

static void hang_up(struct scene *t)
{
    endpoint_close(t->visitor.endpoint, 1000, SPAN(""));
    fake_run(&t->world.loop);
}

static void messages_pass_both_ways(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, false);
    say(&t, &t.visitor, "hello");
    say(&t, &t.node, "welcome");
    say(&t, &t.visitor, "!");
    assert_true(heard(&t.node, "hello!"));
    assert_true(heard(&t.visitor, "welcome"));
    assert_int_equal(t.node.messages, 2);
    hang_up(&t);
    scene_stop(&t, ENDING_DONE);
}

static void a_message_passes_before_it_is_complete(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, false);
    endpoint_send(t.visitor.endpoint, MESSAGE_TEXT, SPAN("first "), false);
    fake_run(&t.world.loop);
    assert_true(heard(&t.node, "first "));
    assert_int_equal(t.node.messages, 0);
    endpoint_send(t.visitor.endpoint, MESSAGE_TEXT, SPAN("second"), true);
    fake_run(&t.world.loop);
    assert_true(heard(&t.node, "first second"));
    assert_int_equal(t.node.messages, 1);
    hang_up(&t);
    scene_stop(&t, ENDING_DONE);
}

/* ---- back-pressure */

struct pump {
    struct ear ear;
    struct loop *loop;
    size_t left;
    size_t heard;
    size_t most_lent;
    bool full;
};

static void pump_on_message(void *user, enum message_kind kind, struct span piece, bool last)
{
    struct pump *pump = user;
    (void)kind;
    pump->heard += piece.len;
    pump->ear.messages += last;
    if (pump->loop->pool.lent > pump->most_lent)
        pump->most_lent = pump->loop->pool.lent;
}

static void pump_on_room(void *user)
{
    ((struct pump *)user)->full = false;
}

static const struct endpoint_user pump_user = {pump_on_message, pump_on_room, ear_on_close, ear_on_end};

static void a_message_of_64_MiB_passes_in_bounded_memory(void **state)
{
    (void)state;
    enum { PIECE = 65536, WHOLE = 64 * 1024 * 1024 };
    static uint8_t piece[PIECE];
    struct scene t;
    scene_start(&t, false);
    struct pump from = {.ear = t.visitor, .loop = &t.world.loop, .left = WHOLE};
    struct pump to = {.ear = t.node, .loop = &t.world.loop};
    endpoint_attach(t.visitor.endpoint, &pump_user, &from);
    endpoint_attach(t.node.endpoint, &pump_user, &to);
    while (to.heard < WHOLE) {
        bool wrote = false;
        while (from.left > 0 && !from.full) {
            from.left -= PIECE;
            from.full = !endpoint_send(t.visitor.endpoint, MESSAGE_BINARY, span_of(piece, PIECE), from.left == 0);
            wrote = true;
        }
        size_t before = to.heard;
        fake_run(&t.world.loop);
        assert_true(wrote || to.heard > before);
    }
    assert_int_equal(to.heard, WHOLE);
    assert_int_equal(to.ear.messages, 1);
    /* Four ways: each at most its mark, one piece over it, and what is on the way. */
    size_t bound = 2 * ((STREAM_HIGH + 2 * PIECE + FAKE_WAY) / POOL_BLOCK_BYTES + 4);
    assert_true(to.most_lent <= bound);
    endpoint_attach(t.visitor.endpoint, &ear_user, &t.visitor);
    endpoint_attach(t.node.endpoint, &ear_user, &t.node);
    hang_up(&t);
    scene_stop(&t, ENDING_DONE);
}

/* Until nothing more is taken. Returns how many messages were. */
static size_t send_until_full(struct scene *t, struct ear *from)
{
    static const uint8_t payload[16384];
    size_t sent = 0;
    bool room = true;
    while (room) {
        room = endpoint_send(from->endpoint, MESSAGE_BINARY, span_of(payload, sizeof payload), true);
        sent++;
        fake_run(&t->world.loop);
        assert_true(sent < 1000);
    }
    return sent;
}

static void a_side_that_does_not_read_stops_the_other(struct scene *t, struct ear *from, struct ear *to)
{
    endpoint_pause(to->endpoint, true);
    size_t sent = send_until_full(t, from);
    assert_true(sent * 16384 < 3 * (STREAM_HIGH + 2 * FAKE_WAY));
    assert_int_equal(to->messages, 0);
    assert_int_equal(from->rooms, 0);
    endpoint_pause(to->endpoint, false);
    fake_run(&t->world.loop);
    assert_int_equal(to->messages, sent);
    assert_true(from->rooms > 0);
    say(t, from, "goes on");
    assert_int_equal(to->messages, sent + 1);
}

static void a_node_that_does_not_read_stops_the_visitor(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, false);
    a_side_that_does_not_read_stops_the_other(&t, &t.visitor, &t.node);
    hang_up(&t);
    scene_stop(&t, ENDING_DONE);
}

static void a_visitor_that_does_not_read_stops_the_node(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, false);
    a_side_that_does_not_read_stops_the_other(&t, &t.node, &t.visitor);
    hang_up(&t);
    scene_stop(&t, ENDING_DONE);
}

static void one_direction_stops_without_the_other(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, false);
    endpoint_pause(t.node.endpoint, true);
    send_until_full(&t, &t.visitor);
    say(&t, &t.node, "still talking");
    assert_true(heard(&t.visitor, "still talking"));
    endpoint_pause(t.node.endpoint, false);
    fake_run(&t.world.loop);
    hang_up(&t);
    scene_stop(&t, ENDING_DONE);
}

/* A reader that is stuck must not keep the news from it that the other side is gone. */
static void a_stuck_node_is_closed_when_the_visitor_leaves(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, false);
    endpoint_pause(t.node.endpoint, true);
    send_until_full(&t, &t.visitor);
    stream_abort(&t.visitor_fake.stream, ENDING_PEER_RESET);
    fake_run(&t.world.loop);
    for (int i = 0; i < 10; i++)
        fake_wait(&t.world.loop, 1000);
    assert_true(t.owner.freed);
    endpoint_pause(t.node.endpoint, false);
    fake_run(&t.world.loop);
    assert_true(t.node.ended);
    scene_stop(&t, ENDING_BACKEND_LOST);
}

/* ---- endings */

static void a_close_passes_with_code_and_reason(struct scene *t, struct ear *from, struct ear *to, uint16_t code,
                                                const char *reason)
{
    endpoint_close(from->endpoint, code, span_string(reason));
    fake_run(&t->world.loop);
    assert_int_equal(to->closes, 1);
    assert_int_equal(to->code, code == 0 ? CLOSE_NO_CODE : code);
    assert_string_equal(to->reason, reason);
    assert_int_equal(from->why, ENDING_DONE);
    assert_int_equal(to->why, ENDING_DONE);
}

static const struct {
    uint16_t code;
    const char *reason;
} closes[] = {
    {1000, ""}, {1000, "wamp.close.normal"}, {1001, ""}, {1011, "\xE2\x82\xAC"}, {1013, "x"}, {3000, ""}, {4999, "y"},
    {0, ""}};

static void a_visitors_close_reaches_the_node(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof closes / sizeof *closes; i++) {
        struct scene t;
        scene_start(&t, false);
        a_close_passes_with_code_and_reason(&t, &t.visitor, &t.node, closes[i].code, closes[i].reason);
        scene_stop(&t, ENDING_DONE);
    }
}

static void a_nodes_close_reaches_the_visitor(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof closes / sizeof *closes; i++) {
        struct scene t;
        scene_start(&t, false);
        say(&t, &t.node, "last words");
        a_close_passes_with_code_and_reason(&t, &t.node, &t.visitor, closes[i].code, closes[i].reason);
        assert_true(heard(&t.visitor, "last words"));
        scene_stop(&t, ENDING_DONE);
    }
}

static void a_visitor_that_vanishes_is_1001_to_the_node(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, false);
    stream_abort(&t.visitor_fake.stream, ENDING_PEER_RESET);
    fake_run(&t.world.loop);
    assert_int_equal(t.node.code, 1001);
    assert_int_equal(t.node.why, ENDING_DONE);
    scene_stop(&t, ENDING_PEER_LEFT);
}

static void a_node_that_vanishes_is_1012_to_the_visitor(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, false);
    say(&t, &t.node, "last words");
    stream_abort(&t.node_fake.stream, ENDING_PEER_RESET);
    fake_run(&t.world.loop);
    assert_true(heard(&t.visitor, "last words"));
    assert_int_equal(t.visitor.code, 1012);
    scene_stop(&t, ENDING_BACKEND_LOST);
}

static void a_visitor_that_breaks_the_protocol_is_told_and_the_node_is_left(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, false);
    stream_write(&t.visitor_fake.stream, SPAN("\x83\x80\x01\x02\x03\x04"));
    fake_run(&t.world.loop);
    assert_int_equal(t.visitor.code, 1002);
    assert_int_equal(t.node.code, 1001);
    scene_stop(&t, ENDING_WS_PROTOCOL);
}

static void a_node_that_breaks_the_protocol_is_1012_to_the_visitor(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, false);
    stream_write(&t.node_fake.stream, SPAN("\x81\x01\xFF"));
    fake_run(&t.world.loop);
    assert_int_equal(t.node.code, 1007);
    assert_int_equal(t.visitor.code, 1012);
    scene_stop(&t, ENDING_BACKEND_LOST);
}

static void a_worker_that_leaves_says_1001_to_both(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, false);
    struct guest *guest = CONTAINER_OF(t.world.loop.guests.next, struct guest, link);
    guest->leave(guest);
    fake_run(&t.world.loop);
    assert_int_equal(t.visitor.code, 1001);
    assert_int_equal(t.node.code, 1001);
    scene_stop(&t, ENDING_GOING_AWAY);
}

static void a_relay_made_while_the_worker_leaves_leaves_at_once(void **state)
{
    (void)state;
    struct scene t;
    fake_world_init(&t.world);
    struct loop *loop = &t.world.loop;
    t.echo = true;
    t.node = (struct ear){.ended = true};
    t.owner = (struct owner){.freed = false};
    counted_init(&t.owner.counted, owner_free);
    fake_pair(&t.visitor_fake, &t.front_fake, loop);
    ear_start(&t.visitor, &t.visitor_fake, WEBSOCKET_CLIENT, &settings);
    loop->leaving = true;
    assert_true(relay_new(loop, websocket_session_new(loop, &t.front_fake.stream, WEBSOCKET_SERVER, &settings, NULL),
                          echo_new(loop), &t.owner.counted, NULL, &peer));
    counted_unref(&t.owner.counted);
    t.sessions = 7;
    fake_run(loop);
    assert_int_equal(t.visitor.code, 1001);
    scene_stop(&t, ENDING_GOING_AWAY);
}

/* ---- echo */

static void the_echo_answers_piece_by_piece(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, true);
    endpoint_send(t.visitor.endpoint, MESSAGE_TEXT, SPAN("ab"), false);
    fake_run(&t.world.loop);
    assert_true(heard(&t.visitor, "ab"));
    assert_int_equal(t.visitor.messages, 0);
    say(&t, &t.visitor, "cd");
    say(&t, &t.visitor, "ef");
    assert_true(heard(&t.visitor, "abcdef"));
    assert_int_equal(t.visitor.messages, 2);
    hang_up(&t);
    scene_stop(&t, ENDING_DONE);
}

static void who_does_not_read_his_echo_is_not_read(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, true);
    endpoint_pause(t.visitor.endpoint, true);
    size_t sent = send_until_full(&t, &t.visitor);
    assert_true(t.front_fake.most_queued <= STREAM_HIGH + LOOP_MESSAGE_BYTES + 64);
    endpoint_pause(t.visitor.endpoint, false);
    fake_run(&t.world.loop);
    assert_int_equal(t.visitor.messages, sent);
    hang_up(&t);
    scene_stop(&t, ENDING_DONE);
}

static void the_echo_ends_with_its_visitor(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, true);
    stream_abort(&t.visitor_fake.stream, ENDING_PEER_RESET);
    fake_run(&t.world.loop);
    scene_stop(&t, ENDING_PEER_LEFT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_pass_both_ways),
        cmocka_unit_test(a_message_passes_before_it_is_complete),
        cmocka_unit_test(a_message_of_64_MiB_passes_in_bounded_memory),
        cmocka_unit_test(a_node_that_does_not_read_stops_the_visitor),
        cmocka_unit_test(a_visitor_that_does_not_read_stops_the_node),
        cmocka_unit_test(one_direction_stops_without_the_other),
        cmocka_unit_test(a_stuck_node_is_closed_when_the_visitor_leaves),
        cmocka_unit_test(a_visitors_close_reaches_the_node),
        cmocka_unit_test(a_nodes_close_reaches_the_visitor),
        cmocka_unit_test(a_visitor_that_vanishes_is_1001_to_the_node),
        cmocka_unit_test(a_node_that_vanishes_is_1012_to_the_visitor),
        cmocka_unit_test(a_visitor_that_breaks_the_protocol_is_told_and_the_node_is_left),
        cmocka_unit_test(a_node_that_breaks_the_protocol_is_1012_to_the_visitor),
        cmocka_unit_test(a_worker_that_leaves_says_1001_to_both),
        cmocka_unit_test(a_relay_made_while_the_worker_leaves_leaves_at_once),
        cmocka_unit_test(the_echo_answers_piece_by_piece),
        cmocka_unit_test(who_does_not_read_his_echo_is_not_read),
        cmocka_unit_test(the_echo_ends_with_its_visitor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
