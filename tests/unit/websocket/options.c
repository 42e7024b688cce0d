/* What each of the settings changes, in both roles, and pings in time. */
#include "ear.h"

#include "codec.h"

/* One session, whose peer is the test. */
struct single {
    struct fake_world world;
    struct fake fake;
    struct ear ear;
};

static void single_start(struct single *t, enum websocket_role role, const struct websocket_settings *settings)
{
    fake_world_init(&t->world);
    fake_init(&t->fake, &t->world.loop);
    ear_start(&t->ear, &t->fake, role, settings);
}

static void single_stop(struct single *t)
{
    if (!t->ear.ended)
        endpoint_abort(t->ear.endpoint, ENDING_PEER_LEFT);
    fake_run(&t->world.loop);
    assert_true(t->ear.ended);
    assert_true(deadlines_next(&t->world.loop.deadlines) == UINT64_MAX);
    free(t->ear.text.at);
    fake_deinit(&t->fake);
    fake_world_deinit(&t->world);
}

static void feed(struct single *t, uint8_t first, bool masked, struct span payload)
{
    struct frame_text text = {0};
    frame_put(&text, first, masked, payload);
    fake_feed(&t->fake, span_of(text.at, text.length));
    free(text.at);
}

/* Cuts off what has been sent since `from`. Frames of it are unmasked in place, so each is looked at once. */
static struct frame_seen sent_frame(struct single *t, size_t *from)
{
    struct frame_seen seen;
    uint8_t *at = t->fake.sent + *from;
    size_t left = t->fake.sent_length - *from;
    assert_true(frame_cut(&at, &left, &seen));
    *from = t->fake.sent_length - left;
    return seen;
}

static struct frame_seen only_sent(struct single *t)
{
    size_t from = 0;
    struct frame_seen seen = sent_frame(t, &from);
    assert_int_equal(from, t->fake.sent_length);
    return seen;
}

/* ---- closes */

static void a_close_is_answered_with_1000(void **state)
{
    (void)state;
    static const struct websocket_settings settings = {.close_timeout = 1000};
    static const char *const closes[] = {"", "\x03\xE8", "\x03\xE9gone", "\x0F\xA1why"};
    for (size_t i = 0; i < sizeof closes / sizeof *closes; i++) {
        struct single t;
        single_start(&t, WEBSOCKET_SERVER, &settings);
        feed(&t, 0x88, true, span_string(closes[i]));
        struct frame_seen seen = only_sent(&t);
        assert_int_equal(seen.first, 0x88);
        assert_true(span_equal(seen.payload, SPAN("\x03\xE8")));
        single_stop(&t);
    }
}

static void a_close_may_be_answered_with_its_own_code_and_reason(void **state)
{
    (void)state;
    static const struct websocket_settings settings = {.close_timeout = 1000, .echo_close = true};
    static const char *const closes[] = {"", "\x03\xE8", "\x03\xE9gone", "\x0F\xA1\xE2\x82\xAC"};
    for (size_t i = 0; i < sizeof closes / sizeof *closes; i++) {
        for (int client = 0; client < 2; client++) {
            struct single t;
            single_start(&t, client ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER, &settings);
            feed(&t, 0x88, !client, span_string(closes[i]));
            struct frame_seen seen = only_sent(&t);
            assert_int_equal(seen.first, 0x88);
            assert_true(span_equal(seen.payload, span_string(closes[i])));
            fake_eof(&t.fake);
            single_stop(&t);
        }
    }
}

/* ---- frames that we send */

static void pieces_are_cut_into_fragments(void **state)
{
    (void)state;
    static const struct websocket_settings settings = {.max_fragment = 4};
    static const struct {
        uint8_t first;
        const char *payload;
    } expected[] = {
        {0x01, "abcd"}, {0x00, "efgh"}, {0x00, "i"}, {0x00, "jkl"}, {0x80, ""}, /* "abcdefghi" "jkl" "" */
        {0x82, "four"},                                                         /* whole */
        {0x02, "five"}, {0x80, "!"},    {0x81, ""},
    };
    struct single t;
    single_start(&t, WEBSOCKET_SERVER, &settings);
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("abcdefghi"), false);
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("jkl"), false);
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN(""), true);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("four"), true);
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("five!"), true);
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN(""), true);
    fake_run(&t.world.loop);
    size_t from = 0;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct frame_seen seen = sent_frame(&t, &from);
        assert_int_equal(seen.first, expected[i].first);
        assert_true(span_equal(seen.payload, span_string(expected[i].payload)));
    }
    assert_int_equal(from, t.fake.sent_length);
    assert_int_equal(t.world.counters->messages_out, 4);
    single_stop(&t);
}

static void control_frames_are_not_cut(void **state)
{
    (void)state;
    static const struct websocket_settings settings = {.max_fragment = 1, .close_timeout = 1};
    struct single t;
    single_start(&t, WEBSOCKET_SERVER, &settings);
    feed(&t, 0x89, true, SPAN("ping"));
    struct frame_seen seen = only_sent(&t);
    assert_int_equal(seen.first, 0x8A);
    assert_true(span_equal(seen.payload, SPAN("ping")));
    single_stop(&t);
}

static void a_server_may_mask(void **state)
{
    (void)state;
    static const struct websocket_settings settings = {.mask_server_frames = true, .close_timeout = 1};
    struct single t;
    size_t from = 0;
    single_start(&t, WEBSOCKET_SERVER, &settings);
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("hello"), true);
    feed(&t, 0x89, true, SPAN("ping"));
    feed(&t, 0x88, true, SPAN(""));
    static const uint8_t firsts[] = {0x81, 0x8A, 0x88};
    for (size_t i = 0; i < sizeof firsts; i++) {
        struct frame_seen seen = sent_frame(&t, &from);
        assert_int_equal(seen.first, firsts[i]);
        assert_true(seen.masked);
        if (i == 0)
            assert_true(span_equal(seen.payload, SPAN("hello")));
    }
    single_stop(&t);
}

/* ---- frames that are accepted */

/* What becomes of a text of that kind: DONE if it was heard. */
static enum ending after(const struct websocket_settings *settings, enum websocket_role role, bool masked,
                         const char *text)
{
    struct single t;
    single_start(&t, role, settings);
    feed(&t, 0x89, masked, SPAN("ping"));
    feed(&t, 0x81, masked, span_string(text));
    enum ending why = t.ear.ended ? t.ear.why : ENDING_DONE;
    assert_int_equal(t.ear.messages, why == ENDING_DONE);
    single_stop(&t);
    return why;
}

static void masks_are_accepted_as_the_settings_say(void **state)
{
    (void)state;
    static const struct websocket_settings standard = {0}, server = {.accept_unmasked = true},
                                           client = {.mask_server_frames = true};
    assert_int_equal(after(&standard, WEBSOCKET_SERVER, true, "x"), ENDING_DONE);
    assert_int_equal(after(&standard, WEBSOCKET_SERVER, false, "x"), ENDING_WS_PROTOCOL);
    assert_int_equal(after(&standard, WEBSOCKET_CLIENT, true, "x"), ENDING_WS_PROTOCOL);
    assert_int_equal(after(&server, WEBSOCKET_SERVER, true, "x"), ENDING_DONE);
    assert_int_equal(after(&server, WEBSOCKET_SERVER, false, "x"), ENDING_DONE);
    assert_int_equal(after(&server, WEBSOCKET_CLIENT, true, "x"), ENDING_WS_PROTOCOL);
    assert_int_equal(after(&client, WEBSOCKET_SERVER, false, "x"), ENDING_WS_PROTOCOL);
    assert_int_equal(after(&client, WEBSOCKET_CLIENT, true, "x"), ENDING_DONE);
    assert_int_equal(after(&client, WEBSOCKET_CLIENT, false, "x"), ENDING_DONE);
}

static void text_may_be_passed_on_unread(void **state)
{
    (void)state;
    static const struct websocket_settings standard = {0}, any = {.accept_any_text = true};
    for (int client = 0; client < 2; client++) {
        enum websocket_role role = client ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER;
        assert_int_equal(after(&standard, role, !client, "\xFF"), ENDING_WS_BAD_TEXT);
        assert_int_equal(after(&any, role, !client, "\xFF"), ENDING_DONE);
        assert_int_equal(after(&any, role, !client, "cut\xE2"), ENDING_DONE);
    }
}

static void a_reason_is_judged_even_so(void **state)
{
    (void)state;
    static const struct websocket_settings any = {.accept_any_text = true};
    struct single t;
    single_start(&t, WEBSOCKET_SERVER, &any);
    feed(&t, 0x88, true, SPAN("\x03\xE8\xFF"));
    assert_int_equal(t.ear.why, ENDING_WS_BAD_TEXT);
    single_stop(&t);
}

static void frames_over_the_limit_end_the_session(void **state)
{
    (void)state;
    static const struct websocket_settings frames = {.max_frame = 5}, both = {.max_frame = 5, .max_message = 7};
    assert_int_equal(after(&frames, WEBSOCKET_SERVER, true, "12345"), ENDING_DONE);
    assert_int_equal(after(&frames, WEBSOCKET_SERVER, true, "123456"), ENDING_WS_TOO_LARGE);
    assert_int_equal(after(&frames, WEBSOCKET_CLIENT, false, "123456"), ENDING_WS_TOO_LARGE);
    for (size_t last = 2; last <= 3; last++) {
        struct single t;
        single_start(&t, WEBSOCKET_SERVER, &both);
        feed(&t, 0x01, true, SPAN("12345"));
        feed(&t, 0x80, true, span_head(SPAN("678"), last));
        assert_int_equal(t.ear.messages, last == 2);
        assert_int_equal(t.ear.ended, last == 3);
        single_stop(&t);
    }
}

static void the_limit_is_seen_at_the_head(void **state)
{
    (void)state;
    static const struct websocket_settings settings = {.max_frame = 200};
    struct single t;
    single_start(&t, WEBSOCKET_CLIENT, &settings);
    fake_feed(&t.fake, SPAN("\x82\x7E\x00\xC9"));
    assert_true(t.ear.ended);
    assert_int_equal(t.ear.why, ENDING_WS_TOO_LARGE);
    single_stop(&t);
}

/* ---- faults */

static void a_peer_may_be_dropped_without_a_close(void **state)
{
    (void)state;
    static const struct websocket_settings settings = {.max_message = 5, .drop_on_fault = true};
    static const struct {
        uint8_t first;
        const char *payload;
        enum ending why;
    } rows[] = {
        {0x83, "x", ENDING_WS_PROTOCOL},       {0x88, "x", ENDING_WS_PROTOCOL},
        {0x81, "\xFF", ENDING_WS_BAD_TEXT},    {0x88, "\x03\xE8\xFF", ENDING_WS_BAD_TEXT},
        {0x82, "123456", ENDING_WS_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int client = 0; client < 2; client++) {
            struct single t;
            single_start(&t, client ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER, &settings);
            feed(&t, rows[i].first, !client, span_string(rows[i].payload));
            assert_true(t.ear.ended && t.fake.aborted && !t.fake.finished);
            assert_int_equal(t.ear.why, rows[i].why);
            assert_int_equal(t.fake.sent_length, 0);
            single_stop(&t);
        }
    }
}

static void who_is_not_at_fault_is_told_even_so(void **state)
{
    (void)state;
    static const struct websocket_settings settings = {.drop_on_fault = true};
    struct single t;
    single_start(&t, WEBSOCKET_SERVER, &settings);
    endpoint_abort(t.ear.endpoint, ENDING_BACKEND_LOST);
    fake_run(&t.world.loop);
    assert_int_equal(only_sent(&t).first, 0x88);
    assert_true(t.fake.finished);
    single_stop(&t);
}

/* ---- pings */

static const struct websocket_settings pings = {
    .ping_interval = 10000, .ping_timeout = 2000, .ping_size = 12, .send_timeout = 60000, .close_timeout = 1000};
static const struct websocket_settings strict_pings = {
    .ping_interval = 10000, .ping_timeout = 2000, .ping_size = 125, .send_timeout = 60000, .only_pong_counts = true};

static void wait(struct single *t, uint64_t ms)
{
    fake_wait(&t->world.loop, ms);
}

/* The ping that was just sent; its payload as it was. */
static struct span sent_ping(struct single *t, size_t *from, const struct websocket_settings *settings)
{
    struct frame_seen seen = sent_frame(t, from);
    assert_int_equal(seen.first, 0x89);
    assert_int_equal(seen.payload.len, settings->ping_size);
    assert_int_equal(*from, t->fake.sent_length);
    return seen.payload;
}

static void answer(struct single *t, enum websocket_role role, struct span ping)
{
    uint8_t payload[125];
    memcpy(payload, ping.at, ping.len);
    feed(t, 0x8A, role == WEBSOCKET_SERVER, span_of(payload, ping.len));
}

static void a_peer_is_asked_after_each_interval(void **state)
{
    (void)state;
    for (int client = 0; client < 2; client++) {
        enum websocket_role role = client ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER;
        struct single t;
        uint8_t last[125] = {0};
        size_t from = 0;
        single_start(&t, role, &strict_pings);
        for (int i = 0; i < 20; i++) {
            wait(&t, 9999);
            assert_int_equal(t.fake.sent_length, from);
            wait(&t, 1);
            struct span ping = sent_ping(&t, &from, &strict_pings);
            assert_memory_not_equal(last, ping.at, ping.len);
            memcpy(last, ping.at, ping.len);
            wait(&t, 1999);
            answer(&t, role, ping);
            assert_false(t.ear.ended);
        }
        single_stop(&t);
    }
}

static void a_late_pong_ends_the_session(void **state)
{
    (void)state;
    const struct websocket_settings *both[] = {&pings, &strict_pings};
    for (size_t i = 0; i < 2; i++) {
        struct single t;
        single_start(&t, WEBSOCKET_SERVER, both[i]);
        wait(&t, 10000);
        wait(&t, 1999);
        assert_false(t.ear.ended);
        wait(&t, 1);
        assert_true(t.ear.ended && t.fake.aborted);
        assert_int_equal(t.ear.why, ENDING_PONG_LATE);
        single_stop(&t);
    }
}

static void only_the_pong_that_repeats_the_ping_counts(void **state)
{
    (void)state;
    struct single t;
    size_t from = 0;
    uint8_t wrong[125];
    single_start(&t, WEBSOCKET_SERVER, &strict_pings);
    feed(&t, 0x8A, true, SPAN("early"));
    wait(&t, 10000);
    struct span ping = sent_ping(&t, &from, &strict_pings);
    memcpy(wrong, ping.at, ping.len);
    wrong[124] ^= 1;
    feed(&t, 0x8A, true, span_of(wrong, 125));
    wrong[124] ^= 1;
    feed(&t, 0x8A, true, span_of(wrong, 124));
    feed(&t, 0x8A, true, SPAN(""));
    feed(&t, 0x81, true, SPAN("I am here"));
    wait(&t, 2000);
    assert_int_equal(t.ear.why, ENDING_PONG_LATE);
    single_stop(&t);
}

/* Else the next ping could be put off for ever. */
static void a_pong_that_nobody_asked_for_changes_nothing(void **state)
{
    (void)state;
    static const uint8_t zeros[125];
    struct single t;
    size_t from = 0;
    single_start(&t, WEBSOCKET_SERVER, &strict_pings);
    wait(&t, 9000);
    feed(&t, 0x8A, true, span_of(zeros, sizeof zeros));
    wait(&t, 1000);
    sent_ping(&t, &from, &strict_pings);
    single_stop(&t);
}

static void the_pong_of_an_earlier_ping_does_not_count(void **state)
{
    (void)state;
    struct single t;
    size_t from = 0;
    uint8_t first[125];
    single_start(&t, WEBSOCKET_SERVER, &strict_pings);
    wait(&t, 10000);
    struct span ping = sent_ping(&t, &from, &strict_pings);
    memcpy(first, ping.at, ping.len);
    answer(&t, WEBSOCKET_SERVER, ping);
    wait(&t, 10000);
    sent_ping(&t, &from, &strict_pings);
    feed(&t, 0x8A, true, span_of(first, 125));
    wait(&t, 2000);
    assert_int_equal(t.ear.why, ENDING_PONG_LATE);
    single_stop(&t);
}

/* Even bytes of a frame that takes longer than the timeout. */
static void anything_that_comes_shows_that_the_peer_is_there(void **state)
{
    (void)state;
    struct single t;
    size_t from = 0;
    single_start(&t, WEBSOCKET_SERVER, &pings);
    wait(&t, 10000);
    sent_ping(&t, &from, &pings);
    fake_feed(&t.fake, SPAN("\x82"));
    wait(&t, 2000);
    assert_false(t.ear.ended);
    wait(&t, 9999);
    assert_int_equal(t.fake.sent_length, from);
    wait(&t, 1);
    sent_ping(&t, &from, &pings);
    wait(&t, 2000);
    assert_int_equal(t.ear.why, ENDING_PONG_LATE);
    single_stop(&t);
}

static void what_came_before_the_ping_does_not_count(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_SERVER, &pings);
    feed(&t, 0x81, true, SPAN("hello"));
    wait(&t, 10000);
    wait(&t, 2000);
    assert_int_equal(t.ear.why, ENDING_PONG_LATE);
    single_stop(&t);
}

static void without_a_timeout_pings_go_on_and_nobody_is_late(void **state)
{
    (void)state;
    static const struct websocket_settings settings = {
        .ping_interval = 1000, .ping_size = 12, .only_pong_counts = true};
    struct single t;
    size_t from = 0;
    single_start(&t, WEBSOCKET_CLIENT, &settings);
    for (int i = 0; i < 5; i++) {
        wait(&t, 1000);
        sent_ping(&t, &from, &settings);
    }
    assert_false(t.ear.ended);
    single_stop(&t);
}

static void who_is_not_read_is_not_late(void **state)
{
    (void)state;
    struct single t;
    size_t from = 0;
    single_start(&t, WEBSOCKET_SERVER, &strict_pings);
    endpoint_pause(t.ear.endpoint, true);
    wait(&t, 10000);
    struct span ping = sent_ping(&t, &from, &strict_pings);
    answer(&t, WEBSOCKET_SERVER, ping);
    for (int i = 0; i < 5; i++)
        wait(&t, 2000);
    assert_false(t.ear.ended);
    endpoint_pause(t.ear.endpoint, false);
    fake_run(&t.world.loop);
    for (int i = 0; i < 4; i++)
        wait(&t, 2000);
    assert_false(t.ear.ended);
    assert_int_equal(t.fake.sent_length, from);
    single_stop(&t);
}

static void a_ping_behind_what_a_slow_peer_takes_is_not_late(void **state)
{
    (void)state;
    static const uint8_t payload[65536];
    struct single t;
    single_start(&t, WEBSOCKET_SERVER, &strict_pings);
    t.fake.stuck = true;
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(payload, sizeof payload), true);
    wait(&t, 10000);
    for (int i = 0; i < 5; i++) {
        buffer_drop(&t.fake.out, 1000);
        wait(&t, 2000);
        assert_false(t.ear.ended);
    }
    /* Now it takes nothing any more. */
    wait(&t, 2000);
    assert_int_equal(t.ear.why, ENDING_PONG_LATE);
    single_stop(&t);
}

static void nobody_is_asked_while_closing(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_CLIENT, &pings);
    wait(&t, 9999);
    feed(&t, 0x88, false, SPAN(""));
    size_t length = t.fake.sent_length;
    wait(&t, 1);
    assert_int_equal(t.fake.sent_length, length);
    assert_false(t.ear.ended);
    single_stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_close_is_answered_with_1000),
        cmocka_unit_test(a_close_may_be_answered_with_its_own_code_and_reason),
        cmocka_unit_test(pieces_are_cut_into_fragments),
        cmocka_unit_test(control_frames_are_not_cut),
        cmocka_unit_test(a_server_may_mask),
        cmocka_unit_test(masks_are_accepted_as_the_settings_say),
        cmocka_unit_test(text_may_be_passed_on_unread),
        cmocka_unit_test(a_reason_is_judged_even_so),
        cmocka_unit_test(frames_over_the_limit_end_the_session),
        cmocka_unit_test(the_limit_is_seen_at_the_head),
        cmocka_unit_test(a_peer_may_be_dropped_without_a_close),
        cmocka_unit_test(who_is_not_at_fault_is_told_even_so),
        cmocka_unit_test(a_peer_is_asked_after_each_interval),
        cmocka_unit_test(a_late_pong_ends_the_session),
        cmocka_unit_test(only_the_pong_that_repeats_the_ping_counts),
        cmocka_unit_test(a_pong_that_nobody_asked_for_changes_nothing),
        cmocka_unit_test(the_pong_of_an_earlier_ping_does_not_count),
        cmocka_unit_test(anything_that_comes_shows_that_the_peer_is_there),
        cmocka_unit_test(what_came_before_the_ping_does_not_count),
        cmocka_unit_test(without_a_timeout_pings_go_on_and_nobody_is_late),
        cmocka_unit_test(who_is_not_read_is_not_late),
        cmocka_unit_test(a_ping_behind_what_a_slow_peer_takes_is_not_late),
        cmocka_unit_test(nobody_is_asked_while_closing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
