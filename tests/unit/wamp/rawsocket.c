/* RawSocket sessions: frames both ways, limits, back-pressure, pings, and how they end. */
#include "websocket/ear.h"

#include "crossgate/limits.h"
#include "crossgate/wamp.h"

static const struct rawsocket_settings settings = {
    .serializers = WAMP_SERIALIZERS_USUAL, .max_message = 1 << 20, .send_timeout = 3000};

/* One session, whose peer is the test. */
struct single {
    struct fake_world world;
    struct fake fake;
    struct ear ear;
};

static void start_session(struct ear *ear, struct fake *fake, enum rawsocket_role role, unsigned serializer,
                          uint32_t accepts)
{
    const struct rawsocket_terms terms = {wamp_by_number(serializer), accepts};
    *ear = (struct ear){.endpoint = rawsocket_session_new(fake->loop, &fake->stream, role, &terms, &settings)};
    endpoint_attach(ear->endpoint, &ear_user, ear);
    fake_run(fake->loop);
}

static void single_start_with(struct single *t, unsigned serializer, uint32_t accepts)
{
    fake_world_init(&t->world);
    fake_init(&t->fake, &t->world.loop);
    start_session(&t->ear, &t->fake, RAWSOCKET_SERVER, serializer, accepts);
}

static void single_start(struct single *t)
{
    single_start_with(t, 3, 1 << 20);
}

static void single_stop(struct single *t)
{
    if (!t->ear.ended)
        endpoint_abort(t->ear.endpoint, ENDING_PEER_LEFT);
    fake_run(&t->world.loop);
    assert_true(t->ear.ended);
    assert_int_equal(t->world.counters->rawsockets_open, 0);
    free(t->ear.text.at);
    fake_deinit(&t->fake);
    fake_world_deinit(&t->world);
}

static void expect_sent(const struct fake *fake, struct span bytes)
{
    assert_int_equal(fake->sent_length, bytes.len);
    assert_memory_equal(fake->sent, bytes.at, bytes.len);
}

/* ---- messages */

static void messages_pass_both_ways_at_all_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 255, 256, 65535, 65536, 200000, 1 << 20};
    static uint8_t payload[1 << 20];
    struct fake_world world;
    struct fake server_fake, client_fake;
    struct ear server, client;
    fake_world_init(&world);
    fake_pair(&server_fake, &client_fake, &world.loop);
    start_session(&server, &server_fake, RAWSOCKET_SERVER, 3, 1 << 20);
    start_session(&client, &client_fake, RAWSOCKET_CLIENT, 3, 1 << 20);
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        server.text.length = client.text.length = 0;
        for (size_t sent = 0; sent < sizes[i]; sent += 10007) /* the server is given pieces */
            endpoint_send(server.endpoint, MESSAGE_BINARY, span_head(span_of(payload + sent, sizes[i] - sent), 10007),
                          false);
        endpoint_send(server.endpoint, MESSAGE_BINARY, span_of(NULL, 0), true);
        endpoint_send(client.endpoint, MESSAGE_BINARY, span_of(payload, sizes[i]), true);
        fake_run(&world.loop);
        assert_int_equal(server.text.length, sizes[i]);
        assert_int_equal(client.text.length, sizes[i]);
        assert_memory_equal(server.text.at, payload, sizes[i]);
        assert_memory_equal(client.text.at, payload, sizes[i]);
        assert_int_equal(server.messages, i + 1);
        assert_int_equal(client.messages, i + 1);
    }
    assert_int_equal(world.counters->messages_in, sizeof sizes / sizeof *sizes);
    assert_int_equal(world.counters->messages_out, sizeof sizes / sizeof *sizes);
    assert_int_equal(world.counters->rawsockets_opened, 1);
    endpoint_close(client.endpoint, 1000, SPAN(""));
    fake_run(&world.loop);
    assert_true(server.ended && client.ended);
    assert_int_equal(client.why, ENDING_DONE);
    assert_int_equal(server.why, ENDING_PEER_LEFT);
    assert_int_equal(server.closes, 0);
    free(server.text.at);
    free(client.text.at);
    fake_deinit(&server_fake);
    fake_deinit(&client_fake);
    fake_world_deinit(&world);
}

/* Two messages, a ping between them, an empty one. */
static const uint8_t conversation[] = {0, 0, 0, 3,   'a', 'b', 'c', 1, 0,   0,   2, 'h', 'i', 2,
                                       0, 0, 1, 'x', 0,   0,   0,   2, 'd', 'e', 0, 0,   0,   0};

static void frames_may_be_cut_anywhere(void **state)
{
    (void)state;
    for (size_t chunk = 1; chunk <= sizeof conversation; chunk++) {
        struct single t;
        single_start(&t);
        t.fake.chunk = chunk;
        fake_feed(&t.fake, span_of(conversation, sizeof conversation));
        assert_true(heard(&t.ear, "abcde"));
        assert_int_equal(t.ear.messages, 3);
        expect_sent(&t.fake, SPAN("\x02\x00\x00\x02hi"));
        single_stop(&t);
    }
}

static void a_message_that_comes_whole_is_not_kept(void **state)
{
    (void)state;
    struct single t;
    single_start(&t);
    assert_true(endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("whole"), true));
    fake_run(&t.world.loop);
    expect_sent(&t.fake, SPAN("\x00\x00\x00\x05whole"));
    assert_int_equal(t.world.loop.pool.lent, 0);
    single_stop(&t);
}

static void pieces_are_sent_when_they_are_whole(void **state)
{
    (void)state;
    struct single t;
    single_start(&t);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("ab"), false);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("c"), false);
    fake_run(&t.world.loop);
    assert_int_equal(t.fake.sent_length, 0);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("d"), true);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("e"), true);
    fake_run(&t.world.loop);
    expect_sent(&t.fake, SPAN("\x00\x00\x00\x04"
                              "abcd\x00\x00\x00\x01"
                              "e"));
    single_stop(&t);
}

/* ---- text */

static void json_is_text_that_is_checked_across_pieces(void **state)
{
    (void)state;
    struct single t;
    single_start_with(&t, 1, 1 << 20);
    t.fake.chunk = 1;
    fake_feed(&t.fake, SPAN("\x00\x00\x00\x03\xE2\x82\xAC"));
    assert_int_equal(t.ear.messages, 1);
    assert_true(heard(&t.ear, "\xE2\x82\xAC"));
    fake_feed(&t.fake, SPAN("\x00\x00\x00\x02\xE2\x82")); /* cut off: the message ends within a character */
    assert_true(t.ear.ended);
    assert_int_equal(t.ear.why, ENDING_WS_BAD_TEXT);
    assert_int_equal(t.ear.messages, 1);
    single_stop(&t);
}

static void other_serializers_are_not_looked_at(void **state)
{
    (void)state;
    struct single t;
    single_start(&t);
    fake_feed(&t.fake, SPAN("\x00\x00\x00\x02\xFF\xFE"));
    assert_int_equal(t.ear.messages, 1);
    single_stop(&t);
}

static void a_message_of_the_wrong_kind_is_not_sent(void **state)
{
    (void)state;
    for (unsigned serializer = 1; serializer <= 2; serializer++) {
        struct single t;
        single_start_with(&t, serializer, 1 << 20);
        endpoint_send(t.ear.endpoint, serializer == 1 ? MESSAGE_BINARY : MESSAGE_TEXT, SPAN("x"), true);
        fake_run(&t.world.loop);
        assert_true(t.ear.ended);
        assert_int_equal(t.ear.why, ENDING_UNSENDABLE_KIND);
        assert_int_equal(t.fake.sent_length, 0);
        single_stop(&t);
    }
}

/* ---- limits */

static void what_we_announced_is_the_limit(void **state)
{
    (void)state;
    static uint8_t payload[4 + (1 << 20)] = {0, 0x10, 0, 0};
    struct single t;
    single_start(&t);
    fake_feed(&t.fake, span_of(payload, sizeof payload));
    assert_int_equal(t.ear.messages, 1);
    fake_feed(&t.fake, SPAN("\x00\x10\x00\x01"));
    assert_true(t.ear.ended);
    assert_int_equal(t.ear.why, ENDING_WS_TOO_LARGE);
    single_stop(&t);
}

static void what_the_peer_announced_is_the_limit(void **state)
{
    (void)state;
    static const uint8_t payload[513];
    for (int pieces = 1; pieces <= 2; pieces++) {
        struct single t;
        single_start_with(&t, 3, 512);
        endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, 512), true);
        if (pieces == 2)
            endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, 500), false);
        endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, pieces == 2 ? 13 : 513), true);
        fake_run(&t.world.loop);
        assert_true(t.ear.ended);
        assert_int_equal(t.ear.why, ENDING_UNSENDABLE_SIZE);
        assert_int_equal(t.fake.sent_length, 4 + 512); /* what was sent before is not lost */
        single_stop(&t);
    }
}

/* Crossbar would not understand it. */
static void sixteen_mib_are_one_byte_too_many(void **state)
{
    (void)state;
    struct single t;
    uint8_t *payload = calloc(1, 1 << 24);
    single_start_with(&t, 3, 1 << 24);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, 1 << 24), true);
    fake_run(&t.world.loop);
    assert_int_equal(t.ear.why, ENDING_UNSENDABLE_SIZE);
    free(payload);
    single_stop(&t);
}

static void frames_that_are_not_valid_end_the_session(void **state)
{
    (void)state;
    static const uint8_t heads[][4] = {{0x10, 0, 0, 1}, {0x80, 0, 0, 1}, {3, 0, 0, 1}, {7, 0, 0, 0}, {8, 0, 0, 1}};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct single t;
        single_start(&t);
        fake_feed(&t.fake, span_of(heads[i], 4));
        assert_true(t.ear.ended);
        assert_int_equal(t.ear.why, ENDING_RS_PROTOCOL);
        single_stop(&t);
    }
}

/* ---- pings */

static void pings_are_answered_up_to_a_size(void **state)
{
    (void)state;
    static uint8_t ping[4 + 1024] = {1, 0, 4, 0};
    for (size_t chunk = 100; chunk <= sizeof ping; chunk += sizeof ping - 100) {
        struct single t;
        single_start(&t);
        t.fake.chunk = chunk;
        fake_feed(&t.fake, span_of(ping, sizeof ping));
        assert_int_equal(t.fake.sent_length, sizeof ping);
        assert_int_equal(t.fake.sent[0], 2);
        assert_memory_equal(t.fake.sent + 1, ping + 1, sizeof ping - 1);
        assert_int_equal(t.world.loop.pool.lent, 0);
        fake_feed(&t.fake, SPAN("\x01\x00\x04\x01"));
        assert_int_equal(t.ear.why, ENDING_WS_TOO_LARGE);
        single_stop(&t);
    }
}

static void a_ping_under_way_leaves_nothing_behind(void **state)
{
    (void)state;
    struct single t;
    single_start(&t);
    fake_feed(&t.fake, SPAN("\x01\x00\x00\x09"
                            "abc"));
    fake_eof(&t.fake);
    assert_int_equal(t.ear.why, ENDING_PEER_LEFT);
    single_stop(&t);
}

static void a_pong_never_cuts_a_message(void **state)
{
    (void)state;
    static uint8_t payload[600000];
    static const char after[] = "\x02\0\0\1p\2\0\0\1q\0\0\0\2ab";
    struct single t;
    single_start(&t);
    t.fake.stuck = true;
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, 300000), false);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, 300000), true);
    fake_feed(&t.fake, SPAN("\x01\x00\x00\x01p")); /* part of it waits for room */
    fake_unstick(&t.fake);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("a"), false);
    fake_feed(&t.fake, SPAN("\x01\x00\x00\x01q")); /* part of one is gathered */
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("b"), true);
    fake_run(&t.world.loop);
    assert_int_equal(t.fake.sent_length, 4 + sizeof payload + sizeof after - 1);
    assert_memory_equal(t.fake.sent + 4 + sizeof payload, after, sizeof after - 1);
    single_stop(&t);
}

static void a_peer_that_pings_and_does_not_read_is_not_read(void **state)
{
    (void)state;
    static uint8_t pings[2 * STREAM_HIGH];
    struct single t;
    single_start(&t);
    for (size_t i = 0; i < sizeof pings; i += 4)
        pings[i] = 1; /* without payload */
    t.fake.stuck = true;
    fake_feed(&t.fake, span_of(pings, sizeof pings));
    assert_true(t.fake.paused);
    assert_true(t.fake.most_queued <= STREAM_HIGH + 4);
    fake_unstick(&t.fake);
    assert_int_equal(t.fake.sent_length, sizeof pings);
    assert_false(t.fake.paused);
    single_stop(&t);
}

/* ---- back-pressure */

static void a_gathered_message_leaves_as_the_peer_reads(void **state)
{
    (void)state;
    static uint8_t payload[1 << 20];
    struct single t;
    single_start(&t);
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 11 + i / 512);
    t.fake.stuck = true;
    assert_true(endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, 600000), false));
    assert_false(
        endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload + 600000, sizeof payload - 600000), true));
    fake_run(&t.world.loop);
    assert_true(t.fake.most_queued <= STREAM_HIGH + POOL_BLOCK_BYTES);
    assert_int_equal(t.ear.rooms, 0);
    fake_unstick(&t.fake);
    assert_int_equal(t.ear.rooms, 1);
    assert_int_equal(t.fake.sent_length, 4 + sizeof payload);
    assert_memory_equal(t.fake.sent + 4, payload, sizeof payload);
    single_stop(&t);
}

static void who_has_gathered_for_longest_makes_room(void **state)
{
    (void)state;
    struct fake_world world;
    struct fake fakes[3];
    struct ear ears[3];
    fake_world_init(&world);
    for (int i = 0; i < 3; i++) {
        fake_init(&fakes[i], &world.loop);
        start_session(&ears[i], &fakes[i], RAWSOCKET_CLIENT, 3, 1 << 20);
    }
    world.loop.gathered = LIMIT_GATHERED - 8; /* as if by others */
    endpoint_send(ears[1].endpoint, MESSAGE_BINARY, SPAN("abc"), false);
    endpoint_send(ears[0].endpoint, MESSAGE_BINARY, SPAN("def"), false);
    endpoint_send(ears[2].endpoint, MESSAGE_BINARY, SPAN("whole"), true); /* is not kept */
    endpoint_send(ears[1].endpoint, MESSAGE_BINARY, SPAN("gh"), false);
    fake_run(&world.loop);
    assert_true(!ears[0].ended && !ears[1].ended && !ears[2].ended);
    endpoint_send(ears[0].endpoint, MESSAGE_BINARY, SPAN("i"), true);
    fake_run(&world.loop);
    assert_true(!ears[0].ended && ears[1].ended && !ears[2].ended);
    assert_int_equal(ears[1].why, ENDING_GATHERED_TOO_MUCH);
    expect_sent(&fakes[0], SPAN("\x00\x00\x00\x04"
                                "defi"));
    assert_int_equal(world.loop.gathered, LIMIT_GATHERED - 8);
    /* The only one goes itself. */
    endpoint_send(ears[2].endpoint, MESSAGE_BINARY, SPAN("nine byte"), false);
    fake_run(&world.loop);
    assert_true(!ears[0].ended && ears[2].ended);
    world.loop.gathered -= LIMIT_GATHERED - 8;
    endpoint_close(ears[0].endpoint, 1000, SPAN(""));
    fake_run(&world.loop);
    for (int i = 0; i < 3; i++) {
        free(ears[i].text.at);
        fake_deinit(&fakes[i]);
    }
    fake_world_deinit(&world);
}

static void who_does_not_wait_for_room_loses_nothing(void **state)
{
    (void)state;
    static uint8_t payload[600000];
    struct single t;
    single_start(&t);
    t.fake.stuck = true;
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, 300000), false);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, 300000), true);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("a"), false);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("b"), true);
    fake_unstick(&t.fake);
    assert_int_equal(t.fake.sent_length, 4 + sizeof payload + 4 + 2);
    assert_memory_equal(t.fake.sent + 4 + sizeof payload,
                        "\x00\x00\x00\x02"
                        "ab",
                        6);
    single_stop(&t);
}

static void a_paused_session_passes_nothing_on(void **state)
{
    (void)state;
    struct single t;
    single_start(&t);
    t.ear.pause_at_once = true;
    fake_feed(&t.fake, span_of(conversation, sizeof conversation));
    assert_true(heard(&t.ear, "abc"));
    t.ear.pause_at_once = false;
    endpoint_pause(t.ear.endpoint, false);
    fake_run(&t.world.loop);
    assert_true(heard(&t.ear, "abcde"));
    single_stop(&t);
}

static void a_peer_that_does_not_read_is_given_up(void **state)
{
    (void)state;
    struct single t;
    single_start(&t);
    t.fake.stuck = true;
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("x"), true);
    fake_run(&t.world.loop);
    for (int i = 0; i < 2; i++)
        fake_wait(&t.world.loop, 3000);
    assert_true(t.ear.ended);
    assert_int_equal(t.ear.why, ENDING_WRITE_STALLED);
    single_stop(&t);
}

static void an_idle_session_waits_for_nothing(void **state)
{
    (void)state;
    struct single t;
    single_start(&t);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("x"), true);
    fake_run(&t.world.loop);
    for (int i = 0; i < 3; i++)
        fake_wait(&t.world.loop, 3000);
    assert_false(t.ear.ended);
    assert_int_equal(deadlines_next(&t.world.loop.deadlines), UINT64_MAX);
    assert_int_equal(t.world.loop.pool.lent, 0);
    single_stop(&t);
}

/* ---- ends */

static void close_sends_what_is_whole_and_finishes(void **state)
{
    (void)state;
    static uint8_t payload[600000];
    struct single t;
    single_start(&t);
    t.fake.stuck = true;
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, 300000), false);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, 300000), true);
    endpoint_close(t.ear.endpoint, 1001, SPAN("going"));
    assert_true(t.fake.finished);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("late"), true);
    endpoint_close(t.ear.endpoint, 1001, SPAN(""));
    fake_unstick(&t.fake);
    assert_int_equal(t.ear.why, ENDING_DONE);
    assert_int_equal(t.fake.sent_length, 4 + sizeof payload);
    single_stop(&t);
}

static void abort_is_polite_where_the_row_speaks(void **state)
{
    (void)state;
    for (int polite = 0; polite < 2; polite++) {
        struct single t;
        single_start(&t);
        endpoint_abort(t.ear.endpoint, polite ? ENDING_BACKEND_LOST : ENDING_PEER_LEFT);
        assert_int_equal(t.fake.finished, polite);
        assert_int_equal(t.fake.aborted, !polite);
        endpoint_abort(t.ear.endpoint, ENDING_MEMORY);
        fake_run(&t.world.loop);
        assert_int_equal(t.ear.why, polite ? ENDING_BACKEND_LOST : ENDING_PEER_LEFT);
        single_stop(&t);
    }
}

static void an_end_of_the_stream_is_a_peer_that_left(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 8; bytes++) {
        struct single t;
        single_start(&t);
        fake_feed(&t.fake, span_of("\0\0\0\5hell", bytes));
        fake_eof(&t.fake);
        assert_true(t.ear.ended);
        assert_int_equal(t.ear.why, ENDING_PEER_LEFT);
        assert_int_equal(t.ear.closes, 0);
        single_stop(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_pass_both_ways_at_all_sizes),
        cmocka_unit_test(frames_may_be_cut_anywhere),
        cmocka_unit_test(a_message_that_comes_whole_is_not_kept),
        cmocka_unit_test(pieces_are_sent_when_they_are_whole),
        cmocka_unit_test(json_is_text_that_is_checked_across_pieces),
        cmocka_unit_test(other_serializers_are_not_looked_at),
        cmocka_unit_test(a_message_of_the_wrong_kind_is_not_sent),
        cmocka_unit_test(what_we_announced_is_the_limit),
        cmocka_unit_test(what_the_peer_announced_is_the_limit),
        cmocka_unit_test(sixteen_mib_are_one_byte_too_many),
        cmocka_unit_test(frames_that_are_not_valid_end_the_session),
        cmocka_unit_test(pings_are_answered_up_to_a_size),
        cmocka_unit_test(a_ping_under_way_leaves_nothing_behind),
        cmocka_unit_test(a_pong_never_cuts_a_message),
        cmocka_unit_test(a_peer_that_pings_and_does_not_read_is_not_read),
        cmocka_unit_test(a_gathered_message_leaves_as_the_peer_reads),
        cmocka_unit_test(who_has_gathered_for_longest_makes_room),
        cmocka_unit_test(who_does_not_wait_for_room_loses_nothing),
        cmocka_unit_test(a_paused_session_passes_nothing_on),
        cmocka_unit_test(a_peer_that_does_not_read_is_given_up),
        cmocka_unit_test(an_idle_session_waits_for_nothing),
        cmocka_unit_test(close_sends_what_is_whole_and_finishes),
        cmocka_unit_test(abort_is_polite_where_the_row_speaks),
        cmocka_unit_test(an_end_of_the_stream_is_a_peer_that_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
