/* Every way in which an open stream ends, and what is told to whom by then. */
#include "world.h"

static void finish_says_close_notify_and_the_peer_may_still_write(void **state)
{
    (void)state;
    open_default();
    stream_write(world.client.stream, SPAN("last words"));
    stream_finish(world.client.stream);
    stream_write(world.client.stream, SPAN("too late"));
    run();
    expect_got(&world.server, SPAN("last words"));
    assert_int_equal(world.server.eofs, 1);
    assert_int_equal(world.server.ends, 0);
    assert_int_equal(world.client.ends, 1);
    assert_int_equal(world.client.why, ENDING_DONE);
    assert_true(stream_write(world.server.stream, SPAN("answer")));
    stream_finish(world.server.stream);
    size_t before = world.below[0].sent;
    run();
    assert_true(world.below[0].sent > before + 6);
    assert_int_equal(world.server.why, ENDING_DONE);
}

static void end_without_close_notify_is_truncation(void **state)
{
    (void)state;
    open_default();
    world.below[0].eof_due = true;
    run();
    assert_int_equal(world.server.why, ENDING_PEER_TRUNCATED);
    assert_int_equal(world.server.eofs, 0);
    assert_int_equal(world.server.ends, 1);
}

static void truncation_waits_for_what_is_held_back(void **state)
{
    (void)state;
    open_default();
    world.server.pauses = true;
    world.server.take = 3;
    stream_write(world.client.stream, SPAN("hello"));
    turn();
    wire_deliver(&world.below[0]);
    world.below[0].stream.on->on_eof(world.below[0].stream.user);
    run();
    expect_got(&world.server, SPAN("hel"));
    assert_int_equal(world.server.ends, 0);
    world.server.pauses = false;
    stream_pause(world.server.stream, false);
    run();
    expect_got(&world.server, SPAN("hello"));
    assert_int_equal(world.server.why, ENDING_PEER_TRUNCATED);
}

static void close_notify_waits_for_what_is_held_back(void **state)
{
    (void)state;
    open_default();
    world.server.take = 3;
    stream_write(world.client.stream, SPAN("hello"));
    stream_finish(world.client.stream);
    run();
    expect_got(&world.server, SPAN("hel"));
    assert_int_equal(world.server.eofs, 0);
    stream_pause(world.server.stream, false);
    run();
    expect_got(&world.server, SPAN("hello"));
    assert_int_equal(world.server.eofs, 1);
    assert_false(world.below[0].paused);
    assert_int_equal(world.server.ends, 0);
}

static void abort_within_on_bytes_is_the_end(void **state)
{
    (void)state;
    open_default();
    world.server.aborts = true;
    uint8_t much[50000] = {0};
    stream_write(world.client.stream, span_of(much, sizeof much));
    run();
    assert_int_equal(world.server.calls, 1);
    assert_int_equal(world.server.why, ENDING_BAD_REQUEST);
    assert_int_equal(world.server.ends, 1);
    assert_true(world.below[0].aborted);
}

static void garbage_after_the_handshake_is_answered_with_an_alert(void **state)
{
    (void)state;
    open_default();
    static const uint8_t garbage[] = {23, 3,  3,  0,  32, 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,
                                      15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
    wire_append(&world.below[0].in, &world.below[0].in_length, span_of(garbage, sizeof garbage));
    run();
    assert_int_equal(world.server.why, ENDING_TLS_BROKEN);
    assert_false(world.below[0].aborted);
    assert_int_equal(world.client.why, ENDING_BACKEND_TLS);
    assert_non_null(strstr(world.client.detail, "alert bad record mac"));
}

static void abort_after_a_failure_ends_at_once_with_the_first_ending(void **state)
{
    (void)state;
    open_default();
    world.below[0].clogged = true;
    wire_append(&world.below[0].in, &world.below[0].in_length, SPAN("this is no record at all"));
    run();
    assert_int_equal(world.server.ends, 0); /* the alert is still on its way */
    stream_abort(world.server.stream, ENDING_GOING_AWAY);
    run();
    assert_int_equal(world.server.why, ENDING_TLS_BROKEN);
    assert_true(world.below[0].aborted);
}

static void ending_of_the_stream_below_is_passed_on(void **state)
{
    (void)state;
    open_default();
    stream_abort(&world.below[0].stream, ENDING_PEER_RESET);
    run();
    assert_int_equal(world.server.why, ENDING_PEER_RESET);
    assert_int_equal(world.server.ends, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(abort_after_a_failure_ends_at_once_with_the_first_ending),
        TEST(finish_says_close_notify_and_the_peer_may_still_write),
        TEST(end_without_close_notify_is_truncation),
        TEST(truncation_waits_for_what_is_held_back),
        TEST(close_notify_waits_for_what_is_held_back),
        TEST(abort_within_on_bytes_is_the_end),
        TEST(garbage_after_the_handshake_is_answered_with_an_alert),
        TEST(ending_of_the_stream_below_is_passed_on),
    };
    return run_over_records_and_versions(tests, sizeof tests / sizeof tests[0]);
}
