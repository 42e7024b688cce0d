/* Back-pressure, and the records and sends that writes become. */
#include "world.h"

enum { MUCH = 1024 * 1024 + 123 };

static uint8_t *make_much(void)
{
    uint8_t *much = malloc(MUCH);
    assert_non_null(much);
    for (uint32_t i = 0, x = 1; i < MUCH; i++, x = x * 1664525 + 1013904223)
        much[i] = (uint8_t)(x >> 24);
    return much;
}

static void mebibyte_passes_unchanged_through_a_reader_that_stops(void **state)
{
    (void)state;
    static const size_t pieces[] = {0, 4000, 17};
    uint8_t *much = make_much();
    for (size_t i = 0; i < 3; i++) {
        size_t length = i < 2 ? MUCH : 100000;
        open_default();
        world.below[0].piece = pieces[i];
        world.server.take = 5000;
        world.server.pauses = true;
        for (size_t at = 0; at < length;) {
            size_t part = 1 + at % 40000;
            part = part < length - at ? part : length - at;
            stream_write(world.client.stream, span_of(much + at, part));
            at += part;
        }
        run();
        while (world.server.got_length < length) {
            size_t before = world.server.got_length;
            stream_pause(world.server.stream, false);
            run();
            assert_true(world.server.got_length > before);
            assert_true(world.loop.pool.lent <= 1);
        }
        expect_got(&world.server, span_of(much, length));
        hang_up();
    }
    free(much);
}

static void reader_that_takes_nothing_stops_the_stream_below(void **state)
{
    (void)state;
    open_default();
    world.server.take = 0;
    uint8_t *much = make_much();
    stream_write(world.client.stream, span_of(much, 500000));
    run();
    assert_int_equal(world.server.calls, 1);
    assert_true(world.below[0].paused || world.below[0].stopped);
    assert_true(world.below[0].in_length > 400000);
    world.server.take = SIZE_MAX;
    stream_pause(world.server.stream, false);
    run();
    expect_got(&world.server, span_of(much, 500000));
    free(much);
}

static void writer_is_told_to_wait_and_when_there_is_room(void **state)
{
    (void)state;
    open_default();
    uint8_t *much = make_much();
    world.below[1].clogged = true;
    assert_true(stream_write(world.client.stream, span_of(much, 100000)));
    assert_false(stream_write(world.client.stream, span_of(much + 100000, 200000)));
    assert_true(stream_queued(world.client.stream) > 300000);
    run();
    assert_int_equal(world.client.rooms, 0);
    wire_unclog(&world.below[1]);
    run();
    assert_int_equal(world.client.rooms, 1);
    assert_int_equal(stream_queued(world.client.stream), 0);
    expect_got(&world.server, span_of(much, 300000));
    free(much);
}

static void small_writes_of_one_event_share_a_record_and_a_send(void **state)
{
    (void)state;
    open_default();
    size_t sends = world.below[1].sends;
    size_t sent = world.below[1].sent;
    for (int i = 0; i < 1000; i++)
        assert_true(stream_write(world.client.stream, SPAN("0123456789")));
    assert_int_equal(stream_queued(world.client.stream), 10000);
    loop_settle(&world.loop);
    assert_int_equal(world.below[1].sends, sends + 1);
    assert_int_equal(world.below[1].sent - sent, 10000 + record_expansion());
    assert_int_equal(world.loop.pool.lent, 0);
    run();
    assert_int_equal(world.server.calls, 1);
}

static void large_and_small_writes_of_one_event_leave_in_order_in_full_records_in_one_send(void **state)
{
    (void)state;
    open_default();
    uint8_t *much = make_much();
    size_t sends = world.below[1].sends;
    size_t sent = world.below[1].sent;
    stream_write(world.client.stream, span_of(much, 100));
    stream_write(world.client.stream, span_of(much + 100, 50000));
    stream_write(world.client.stream, span_of(much + 50100, 10));
    loop_settle(&world.loop);
    assert_int_equal(world.below[1].sends, sends + 1);
    assert_int_equal(world.below[1].sent - sent, 50110 + 4 * record_expansion());
    run();
    assert_int_equal(world.server.calls, 4);
    expect_got(&world.server, span_of(much, 50110));
    free(much);
}

static void gathering_is_passed_down(void **state)
{
    (void)state;
    open_default();
    assert_false(world.below[0].gathers);
    stream_gather(world.server.stream);
    assert_true(world.below[0].gathers);
    assert_false(world.below[1].gathers);
}

static void answers_to_the_first_request_leave_with_the_ticket_in_one_send(void **state)
{
    (void)state;
    join_default();
    world.server.answers = true;
    stream_write(world.client.stream, SPAN("request"));
    run();
    /* ServerHello to Finished; ticket and answer. Over TLS 1.2 the ticket comes within the handshake. */
    assert_int_equal(world.below[0].sends, world.version == TLS1_2_VERSION ? 3 : 2);
    expect_got(&world.client, SPAN("request"));
}

static void bytes_written_before_the_handshake_are_sent_after_it(void **state)
{
    (void)state;
    uint8_t *much = make_much();
    join_default();
    assert_true(stream_write(world.client.stream, SPAN("first")));
    assert_false(stream_write(world.client.stream, span_of(much, 300000)));
    assert_int_equal(stream_queued(world.client.stream), 300005);
    run();
    assert_int_equal(world.client.rooms, 1);
    assert_int_equal(world.server.got_length, 300005);
    assert_memory_equal(world.server.got, "first", 5);
    assert_memory_equal(world.server.got + 5, much, 300000);
    free(much);
}

static void stream_paused_before_it_opens_delivers_later(void **state)
{
    (void)state;
    join_default();
    stream_pause(world.server.stream, true);
    stream_write(world.client.stream, SPAN("early"));
    run();
    stream_write(world.client.stream, SPAN(" late"));
    run();
    assert_int_equal(world.server.opened, 1);
    assert_int_equal(world.server.calls, 0);
    stream_pause(world.server.stream, false);
    assert_int_equal(world.server.calls, 0);
    run();
    expect_got(&world.server, SPAN("early late"));
}

static void flood_before_the_handshake_is_bounded(void **state)
{
    (void)state;
    struct tls_server_settings settings = rsa_settings();
    struct tls_context *context = make_server(&settings);
    attach(&world.server, tls_accept(&world.loop, &world.below[0].stream, context, TIMEOUT, NULL));
    tls_context_unref(context);
    uint8_t *much = make_much();
    wire_append(&world.below[0].in, &world.below[0].in_length, span_of(much, 500000));
    while (wire_deliver(&world.below[0]))
        continue;
    assert_true(world.below[0].in_length >= 500000 - 65536);
    free(much);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(gathering_is_passed_down),
        TEST(mebibyte_passes_unchanged_through_a_reader_that_stops),
        TEST(reader_that_takes_nothing_stops_the_stream_below),
        TEST(writer_is_told_to_wait_and_when_there_is_room),
        TEST(small_writes_of_one_event_share_a_record_and_a_send),
        TEST(large_and_small_writes_of_one_event_leave_in_order_in_full_records_in_one_send),
        TEST(answers_to_the_first_request_leave_with_the_ticket_in_one_send),
        TEST(bytes_written_before_the_handshake_are_sent_after_it),
        TEST(stream_paused_before_it_opens_delivers_later),
        TEST(flood_before_the_handshake_is_bounded),
    };
    return run_over_records_and_versions(tests, sizeof tests / sizeof tests[0]);
}
