/* What a session does in time: back-pressure, closing, deadlines, and what it keeps while idle. */
#include "ear.h"

#include "codec.h"

static const struct websocket_settings settings = {.close_timeout = 1000, .send_timeout = 3000};

static void feed_frame(struct fake *fake, uint8_t first, bool masked, struct span payload)
{
    struct frame_text text = {0};
    frame_put(&text, first, masked, payload);
    fake_feed(fake, span_of(text.at, text.length));
    free(text.at);
}

/* One session, whose peer is the test. */
struct single {
    struct fake_world world;
    struct fake fake;
    struct ear ear;
};

static void single_start(struct single *t, enum websocket_role role)
{
    fake_world_init(&t->world);
    fake_init(&t->fake, &t->world.loop);
    ear_start(&t->ear, &t->fake, role, &settings);
}

static void single_stop(struct single *t)
{
    if (!t->ear.ended)
        endpoint_abort(t->ear.endpoint, ENDING_PEER_LEFT);
    fake_run(&t->world.loop);
    assert_true(t->ear.ended);
    free(t->ear.text.at);
    fake_deinit(&t->fake);
    fake_world_deinit(&t->world);
}

/* The only frame that was sent. */
static struct frame_seen only_sent(const struct fake *fake)
{
    uint8_t *at = fake->sent;
    size_t left = fake->sent_length;
    struct frame_seen seen, more;
    assert_true(frame_cut(&at, &left, &seen));
    assert_false(frame_cut(&at, &left, &more));
    assert_int_equal(left, 0);
    return seen;
}

static unsigned close_code_of(struct frame_seen seen)
{
    assert_int_equal(seen.first, 0x88);
    assert_true(seen.payload.len >= 2);
    return (unsigned)(seen.payload.at[0] << 8 | seen.payload.at[1]);
}

/* Two sessions back to back. */
struct both {
    struct fake_world world;
    struct fake server_fake, client_fake;
    struct ear server, client;
};

static void both_start(struct both *t)
{
    fake_world_init(&t->world);
    fake_pair(&t->server_fake, &t->client_fake, &t->world.loop);
    ear_start(&t->server, &t->server_fake, WEBSOCKET_SERVER, &settings);
    ear_start(&t->client, &t->client_fake, WEBSOCKET_CLIENT, &settings);
}

static void both_stop(struct both *t)
{
    assert_true(t->server.ended && t->client.ended);
    free(t->server.text.at);
    free(t->client.text.at);
    fake_deinit(&t->server_fake);
    fake_deinit(&t->client_fake);
    fake_world_deinit(&t->world);
}

/* ---- messages */

static void messages_pass_both_ways_at_all_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 125, 126, 4090, 4096, 65535, 65536, 200000};
    static uint8_t payload[200000];
    struct both t;
    both_start(&t);
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        t.server.text.length = t.client.text.length = 0;
        endpoint_send(t.client.endpoint, MESSAGE_BINARY, span_of(payload, sizes[i]), true);
        endpoint_send(t.server.endpoint, MESSAGE_BINARY, span_of(payload, sizes[i]), true);
        fake_run(&t.world.loop);
        assert_int_equal(t.server.text.length, sizes[i]);
        assert_int_equal(t.client.text.length, sizes[i]);
        assert_memory_equal(t.server.text.at, payload, sizes[i]);
        assert_memory_equal(t.client.text.at, payload, sizes[i]);
        assert_int_equal(t.server.messages, i + 1);
    }
    assert_int_equal(t.world.counters->messages_in, sizeof sizes / sizeof *sizes);
    assert_int_equal(t.world.counters->messages_out, sizeof sizes / sizeof *sizes);
    assert_int_equal(t.world.counters->websockets_open, 1);
    endpoint_close(t.client.endpoint, 1000, SPAN(""));
    fake_run(&t.world.loop);
    assert_int_equal(t.world.counters->websockets_open, 0);
    assert_int_equal(t.world.counters->websockets_opened, 1);
    both_stop(&t);
}

static void pieces_become_frames_of_one_message(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_SERVER);
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("ab"), false);
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("c"), false);
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN(""), true);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("d"), true);
    fake_run(&t.world.loop);
    static const uint8_t expected[] = {0x01, 2, 'a', 'b', 0x00, 1, 'c', 0x80, 0, 0x82, 1, 'd'};
    assert_int_equal(t.fake.sent_length, sizeof expected);
    assert_memory_equal(t.fake.sent, expected, sizeof expected);
    single_stop(&t);
}

static void a_message_that_came_in_one_read_is_one_piece(void **state)
{
    (void)state;
    static const uint8_t payload[15000];
    struct single t;
    single_start(&t, WEBSOCKET_SERVER);
    feed_frame(&t.fake, 0x82, true, span_of(payload, sizeof payload));
    assert_int_equal(t.ear.pieces, 1);
    assert_int_equal(t.ear.messages, 1);
    single_stop(&t);
}

static void a_message_is_passed_on_before_it_is_complete(void **state)
{
    (void)state;
    struct single t;
    struct frame_text text = {0};
    single_start(&t, WEBSOCKET_SERVER);
    frame_put(&text, 0x81, true, SPAN("hello world"));
    fake_feed(&t.fake, span_of(text.at, text.length - 5));
    assert_true(heard(&t.ear, "hello "));
    assert_int_equal(t.ear.messages, 0);
    fake_feed(&t.fake, span_of(text.at + text.length - 5, 5));
    assert_true(heard(&t.ear, "hello world"));
    assert_int_equal(t.ear.messages, 1);
    free(text.at);
    single_stop(&t);
}

/* The roles share a writer; wslay's own masking would go on once it has masked. */
static void a_server_frame_after_a_client_frame_is_not_masked(void **state)
{
    (void)state;
    struct both t;
    both_start(&t);
    endpoint_send(t.client.endpoint, MESSAGE_TEXT, SPAN("from client"), true);
    endpoint_send(t.server.endpoint, MESSAGE_TEXT, SPAN("from server"), true);
    fake_run(&t.world.loop);
    assert_true(heard(&t.server, "from client"));
    assert_true(heard(&t.client, "from server"));
    endpoint_close(t.server.endpoint, 1000, SPAN(""));
    fake_run(&t.world.loop);
    both_stop(&t);
}

static void masks_are_fresh_for_each_frame(void **state)
{
    (void)state;
    enum { FRAMES = 200 };
    struct single t;
    single_start(&t, WEBSOCKET_CLIENT);
    for (int i = 0; i < FRAMES; i++)
        endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("x"), true);
    fake_run(&t.world.loop);
    assert_int_equal(t.fake.sent_length, FRAMES * 7);
    size_t same = 0;
    for (size_t i = 1; i < FRAMES; i++)
        same += memcmp(t.fake.sent + 7 * i + 2, t.fake.sent + 7 * (i - 1) + 2, 4) == 0;
    assert_true(same < 3);
    single_stop(&t);
}

/* ---- what an idle session keeps */

static void an_idle_session_keeps_no_receiver(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_SERVER);
    const struct websocket_codec *codec = t.world.loop.websockets;
    assert_int_equal(codec_lent(codec), 0);
    feed_frame(&t.fake, 0x81, true, SPAN("hello"));
    feed_frame(&t.fake, 0x89, true, SPAN("ping"));
    assert_int_equal(codec_lent(codec), 0);
    feed_frame(&t.fake, 0x01, true, SPAN("half"));
    assert_int_equal(codec_lent(codec), 1);
    feed_frame(&t.fake, 0x8A, true, SPAN("pong"));
    assert_int_equal(codec_lent(codec), 1);
    feed_frame(&t.fake, 0x80, true, SPAN("done"));
    assert_int_equal(codec_lent(codec), 0);
    fake_feed(&t.fake, SPAN("\x81")); /* the first byte of a head */
    assert_int_equal(codec_lent(codec), 1);
    single_stop(&t);
}

static void a_receiver_serves_one_session_after_the_other(void **state)
{
    (void)state;
    struct fake_world world;
    struct fake one, two;
    struct ear first, second;
    fake_world_init(&world);
    fake_init(&one, &world.loop);
    fake_init(&two, &world.loop);
    ear_start(&first, &one, WEBSOCKET_SERVER, &settings);
    ear_start(&second, &two, WEBSOCKET_SERVER, &settings);
    for (int i = 0; i < 3; i++) {
        feed_frame(&one, 0x81, true, SPAN("1"));
        feed_frame(&two, 0x02, true, SPAN("2"));
        feed_frame(&one, 0x81, true, SPAN("1"));
        feed_frame(&two, 0x80, true, SPAN("2"));
    }
    assert_true(heard(&first, "111111"));
    assert_true(heard(&second, "222222"));
    assert_int_equal(second.messages, 3);
    fake_eof(&one);
    fake_eof(&two);
    assert_true(first.ended && second.ended);
    free(first.text.at);
    free(second.text.at);
    fake_deinit(&one);
    fake_deinit(&two);
    fake_world_deinit(&world);
}

/* ---- back-pressure */

static void a_paused_session_passes_nothing_on_and_loses_nothing(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_SERVER);
    t.ear.pause_at_once = true;
    struct frame_text text = {0};
    frame_put(&text, 0x81, true, SPAN("a"));
    frame_put(&text, 0x01, true, SPAN("b"));
    frame_put(&text, 0x89, true, SPAN("p"));
    frame_put(&text, 0x80, true, SPAN(""));
    frame_put(&text, 0x88, true, SPAN("\x03\xE8"));
    fake_feed(&t.fake, span_of(text.at, text.length));
    assert_true(heard(&t.ear, "a"));
    assert_int_equal(t.fake.sent_length, 0);
    endpoint_pause(t.ear.endpoint, false);
    fake_run(&t.world.loop);
    assert_true(heard(&t.ear, "ab"));
    assert_int_equal(t.ear.messages, 1);
    assert_int_equal(t.fake.sent_length, 0);
    endpoint_pause(t.ear.endpoint, false);
    fake_run(&t.world.loop);
    assert_int_equal(t.ear.messages, 2);
    assert_int_equal(t.ear.closes, 0);
    endpoint_pause(t.ear.endpoint, false);
    fake_run(&t.world.loop);
    assert_int_equal(t.ear.closes, 1);
    assert_true(t.ear.ended);
    free(text.at);
    single_stop(&t);
}

static void send_tells_when_to_wait_and_room_when_to_go_on(void **state)
{
    (void)state;
    static const uint8_t payload[16384];
    struct single t;
    single_start(&t, WEBSOCKET_SERVER);
    t.fake.stuck = true;
    size_t taken = 0;
    while (endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, sizeof payload), true))
        taken += sizeof payload;
    assert_true(taken <= STREAM_HIGH);
    fake_run(&t.world.loop);
    assert_int_equal(t.ear.rooms, 0);
    fake_unstick(&t.fake);
    assert_int_equal(t.ear.rooms, 1);
    single_stop(&t);
}

static void a_ping_flood_is_bounded_by_the_peers_own_reading(void **state)
{
    (void)state;
    static const uint8_t payload[125];
    struct single t;
    struct frame_text text = {0};
    single_start(&t, WEBSOCKET_SERVER);
    t.fake.stuck = true;
    for (int i = 0; i < 4000; i++)
        frame_put(&text, 0x89, true, span_of(payload, sizeof payload));
    frame_put(&text, 0x81, true, SPAN("end"));
    fake_feed(&t.fake, span_of(text.at, text.length));
    assert_true(t.fake.most_queued <= STREAM_HIGH + 127);
    assert_true(t.fake.in.length > 0);
    assert_int_equal(t.ear.messages, 0);
    fake_unstick(&t.fake);
    assert_int_equal(t.ear.messages, 1);
    assert_int_equal(t.fake.sent_length, 4000 * 127);
    free(text.at);
    single_stop(&t);
}

static void a_peer_that_reads_nothing_is_dropped(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_SERVER);
    t.fake.stuck = true;
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("x"), true);
    fake_run(&t.world.loop);
    fake_wait(&t.world.loop, settings.send_timeout - 1);
    assert_false(t.ear.ended);
    fake_wait(&t.world.loop, 1);
    assert_true(t.ear.ended);
    assert_int_equal(t.ear.why, ENDING_WRITE_STALLED);
    single_stop(&t);
}

static void a_peer_that_reads_slowly_is_not_dropped(void **state)
{
    (void)state;
    static const uint8_t payload[16384];
    struct single t;
    single_start(&t, WEBSOCKET_SERVER);
    t.fake.stuck = true;
    for (int i = 0; i < 10; i++)
        endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, sizeof payload), true);
    for (int i = 0; i < 5; i++) {
        buffer_drop(&t.fake.out, 1000);
        fake_wait(&t.world.loop, settings.send_timeout);
        assert_false(t.ear.ended);
    }
    fake_wait(&t.world.loop, settings.send_timeout);
    assert_true(t.ear.ended);
    assert_int_equal(t.ear.why, ENDING_WRITE_STALLED);
    single_stop(&t);
}

static void a_peer_that_reads_while_more_is_written_is_not_dropped(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_SERVER);
    t.fake.stuck = true;
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("0123456789"), true);
    buffer_drop(&t.fake.out, 5);
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("0123456789"), true);
    fake_wait(&t.world.loop, settings.send_timeout);
    assert_false(t.ear.ended);
    single_stop(&t);
}

/* ---- closing */

static void a_server_closes_and_waits_for_the_answer(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_SERVER);
    endpoint_close(t.ear.endpoint, 4000, SPAN("bye"));
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("too late"), true);
    fake_run(&t.world.loop);
    struct frame_seen seen = only_sent(&t.fake);
    assert_int_equal(close_code_of(seen), 4000);
    assert_true(span_equal(span_tail(seen.payload, 2), SPAN("bye")));
    assert_false(t.fake.finished);
    feed_frame(&t.fake, 0x81, true, SPAN("nobody listens any more"));
    feed_frame(&t.fake, 0x89, true, SPAN("nor answers"));
    assert_int_equal(t.ear.messages, 0);
    only_sent(&t.fake);
    feed_frame(&t.fake, 0x88, true, SPAN("\x0F\xA0"));
    assert_true(t.fake.finished && t.ear.ended);
    assert_int_equal(t.ear.why, ENDING_DONE);
    assert_int_equal(t.ear.closes, 0);
    single_stop(&t);
}

static void a_close_that_is_not_answered_ends_in_time(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_CLIENT);
    endpoint_close(t.ear.endpoint, 0, SPAN(""));
    fake_wait(&t.world.loop, settings.close_timeout - 1);
    assert_int_equal(only_sent(&t.fake).payload.len, 0);
    assert_false(t.ear.ended);
    fake_wait(&t.world.loop, 1);
    assert_true(t.ear.ended);
    assert_int_equal(t.ear.why, ENDING_CLOSE_LATE);
    single_stop(&t);
}

static void a_paused_session_still_reads_the_answer_to_its_close(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_SERVER);
    endpoint_pause(t.ear.endpoint, true);
    feed_frame(&t.fake, 0x81, true, SPAN("kept"));
    endpoint_close(t.ear.endpoint, 1000, SPAN(""));
    feed_frame(&t.fake, 0x88, true, SPAN("\x03\xE8"));
    assert_true(t.ear.ended);
    assert_int_equal(t.ear.why, ENDING_DONE);
    assert_int_equal(t.ear.messages, 0);
    single_stop(&t);
}

static void a_client_waits_for_the_servers_end(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_CLIENT);
    feed_frame(&t.fake, 0x88, false, SPAN("\x03\xE9gone"));
    assert_int_equal(t.ear.code, 1001);
    assert_string_equal(t.ear.reason, "gone");
    assert_int_equal(close_code_of(only_sent(&t.fake)), 1000);
    assert_false(t.fake.finished);
    fake_eof(&t.fake);
    assert_true(t.fake.finished && t.ear.ended);
    assert_int_equal(t.ear.why, ENDING_DONE);
    single_stop(&t);
}

static void a_server_that_does_not_end_is_not_waited_for(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_CLIENT);
    feed_frame(&t.fake, 0x88, false, SPAN("\x03\xE9"));
    fake_wait(&t.world.loop, settings.close_timeout);
    assert_true(t.ear.ended);
    assert_int_equal(t.ear.why, ENDING_CLOSE_LATE);
    single_stop(&t);
}

static void closes_that_cross_are_answers(void **state)
{
    (void)state;
    struct both t;
    both_start(&t);
    endpoint_close(t.client.endpoint, 4001, SPAN(""));
    endpoint_close(t.server.endpoint, 4002, SPAN(""));
    fake_run(&t.world.loop);
    assert_int_equal(t.client.why, ENDING_DONE);
    assert_int_equal(t.server.why, ENDING_DONE);
    assert_int_equal(t.client.closes + t.server.closes, 0);
    both_stop(&t);
}

/* A reason of two, three and four byte characters, cut at each byte of the frame. */
static void a_reason_is_judged_as_a_whole_wherever_it_is_cut(void **state)
{
    (void)state;
    static const char payload[] = "\x0F\xA1\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80!";
    for (int masked = 0; masked < 2; masked++) {
        struct frame_text text = {0};
        frame_put(&text, 0x88, masked, span_string(payload));
        for (size_t cut = 1; cut < text.length; cut++) {
            struct single t;
            single_start(&t, masked ? WEBSOCKET_SERVER : WEBSOCKET_CLIENT);
            fake_feed(&t.fake, span_of(text.at, cut));
            assert_int_equal(t.ear.closes, 0);
            fake_feed(&t.fake, span_of(text.at + cut, text.length - cut));
            assert_int_equal(t.ear.closes, 1);
            assert_int_equal(t.ear.code, 4001);
            assert_string_equal(t.ear.reason, payload + 2);
            fake_eof(&t.fake);
            single_stop(&t);
        }
        free(text.at);
    }
}

static void abort_says_the_rows_code_and_lets_it_be_read(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_SERVER);
    endpoint_abort(t.ear.endpoint, ENDING_BACKEND_LOST);
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("too late"), true);
    endpoint_close(t.ear.endpoint, 1000, SPAN("too late"));
    endpoint_abort(t.ear.endpoint, ENDING_INTERNAL);
    fake_run(&t.world.loop);
    assert_int_equal(close_code_of(only_sent(&t.fake)), 1012);
    assert_true(t.fake.finished);
    assert_false(t.fake.aborted);
    assert_int_equal(t.ear.why, ENDING_BACKEND_LOST);
    single_stop(&t);
}

static void abort_without_a_code_says_nothing(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_SERVER);
    endpoint_abort(t.ear.endpoint, ENDING_WRITE_STALLED);
    fake_run(&t.world.loop);
    assert_int_equal(t.fake.sent_length, 0);
    assert_true(t.fake.aborted);
    assert_int_equal(t.ear.why, ENDING_WRITE_STALLED);
    single_stop(&t);
}

static void a_session_may_be_aborted_before_it_had_a_user(void **state)
{
    (void)state;
    struct fake_world world;
    struct fake fake;
    fake_world_init(&world);
    fake_init(&fake, &world.loop);
    endpoint_abort(websocket_session_new(&world.loop, &fake.stream, WEBSOCKET_SERVER, &settings, NULL), ENDING_MEMORY);
    fake_run(&world.loop);
    assert_int_equal(world.counters->websockets_open, 0);
    fake_deinit(&fake);
    fake_world_deinit(&world);
}

static void on_message_close(void *user, enum message_kind kind, struct span piece, bool last)
{
    struct ear *ear = user;
    ear_on_message(user, kind, piece, last);
    endpoint_close(ear->endpoint, 4003, SPAN(""));
}

static void on_message_abort(void *user, enum message_kind kind, struct span piece, bool last)
{
    struct ear *ear = user;
    ear_on_message(user, kind, piece, last);
    endpoint_abort(ear->endpoint, ENDING_INTERNAL);
}

static void closing_from_within_a_message_is_safe(void **state)
{
    (void)state;
    static const struct endpoint_user closer = {on_message_close, ear_on_room, ear_on_close, ear_on_end};
    static const struct endpoint_user aborter = {on_message_abort, ear_on_room, ear_on_close, ear_on_end};
    const struct endpoint_user *users[] = {&closer, &aborter};
    for (size_t i = 0; i < 2; i++) {
        struct single t;
        struct frame_text text = {0};
        single_start(&t, WEBSOCKET_SERVER);
        endpoint_attach(t.ear.endpoint, users[i], &t.ear);
        frame_put(&text, 0x81, true, SPAN("a"));
        frame_put(&text, 0x81, true, SPAN("b"));
        frame_put(&text, 0x88, true, SPAN("\x0F\xA3"));
        fake_feed(&t.fake, span_of(text.at, text.length));
        assert_true(heard(&t.ear, "a"));
        assert_true(t.ear.ended);
        assert_int_equal(t.ear.why, i == 0 ? ENDING_DONE : ENDING_INTERNAL);
        free(text.at);
        single_stop(&t);
    }
}

static void the_streams_end_is_passed_on(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_SERVER);
    feed_frame(&t.fake, 0x01, true, SPAN("half a message"));
    stream_abort(&t.fake.stream, ENDING_PEER_RESET);
    fake_run(&t.world.loop);
    assert_true(t.ear.ended);
    assert_int_equal(t.ear.why, ENDING_PEER_RESET);
    assert_int_equal(codec_lent(t.world.loop.websockets), 0);
    single_stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_pass_both_ways_at_all_sizes),
        cmocka_unit_test(pieces_become_frames_of_one_message),
        cmocka_unit_test(a_message_that_came_in_one_read_is_one_piece),
        cmocka_unit_test(a_message_is_passed_on_before_it_is_complete),
        cmocka_unit_test(a_server_frame_after_a_client_frame_is_not_masked),
        cmocka_unit_test(masks_are_fresh_for_each_frame),
        cmocka_unit_test(an_idle_session_keeps_no_receiver),
        cmocka_unit_test(a_receiver_serves_one_session_after_the_other),
        cmocka_unit_test(a_paused_session_passes_nothing_on_and_loses_nothing),
        cmocka_unit_test(send_tells_when_to_wait_and_room_when_to_go_on),
        cmocka_unit_test(a_ping_flood_is_bounded_by_the_peers_own_reading),
        cmocka_unit_test(a_peer_that_reads_nothing_is_dropped),
        cmocka_unit_test(a_peer_that_reads_slowly_is_not_dropped),
        cmocka_unit_test(a_peer_that_reads_while_more_is_written_is_not_dropped),
        cmocka_unit_test(a_server_closes_and_waits_for_the_answer),
        cmocka_unit_test(a_close_that_is_not_answered_ends_in_time),
        cmocka_unit_test(a_paused_session_still_reads_the_answer_to_its_close),
        cmocka_unit_test(a_client_waits_for_the_servers_end),
        cmocka_unit_test(a_server_that_does_not_end_is_not_waited_for),
        cmocka_unit_test(closes_that_cross_are_answers),
        cmocka_unit_test(a_reason_is_judged_as_a_whole_wherever_it_is_cut),
        cmocka_unit_test(abort_says_the_rows_code_and_lets_it_be_read),
        cmocka_unit_test(abort_without_a_code_says_nothing),
        cmocka_unit_test(a_session_may_be_aborted_before_it_had_a_user),
        cmocka_unit_test(closing_from_within_a_message_is_safe),
        cmocka_unit_test(the_streams_end_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
