/* What a peer may ask for when the handshake is done: new keys (RFC 8446 section 4.6.3), renegotiation (RFC 5246
 * section 7.2.2). */
#include "hand.h"

#include "crossgate/limits.h"

static void key_updates_are_answered_in_the_stream(void **state)
{
    (void)state;
    struct tls_context *server = make_rsa_server();
    struct guest_peer guest;
    guest_join(&guest, server, TLS1_3_VERSION, NULL);
    guest_talk(&guest, 4);
    assert_int_equal(SSL_is_init_finished(guest.ssl), 1);
    world.server.answers = true;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(SSL_key_update(guest.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(guest.ssl, "ping", 4), 4);
        guest_talk(&guest, 4);
        assert_string_equal(guest.got, "ping");
    }
    expect_got(&world.server, SPAN("pingpingping"));
    guest_leave(&guest);
    tls_context_unref(server);
}

static void key_updates_are_limited_by_the_data_that_comes_between(void **state)
{
    (void)state;
    struct tls_context *server = make_rsa_server();
    struct guest_peer guest;
    static const char much[16384];
    guest_join(&guest, server, TLS1_3_VERSION, NULL);
    guest_talk(&guest, 4);
    for (int i = 0; i < 64; i++)
        assert_int_equal(SSL_write(guest.ssl, much, sizeof much), sizeof much);
    for (int i = 0; i < 34; i++) {
        assert_int_equal(world.server.ends, 0);
        assert_int_equal(SSL_key_update(guest.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_write(guest.ssl, "ping", 4), 4);
        guest_talk(&guest, 1);
    }
    assert_int_equal(world.server.got_length, sizeof much * 64 + 33 * 4);
    assert_int_equal(world.server.ends, 1);
    assert_int_equal(world.server.why, ENDING_TLS_BROKEN);
    assert_string_equal(world.server.detail, "too many key updates");
    guest_leave(&guest);
    tls_context_unref(server);
}

/* OpenSSL answers each wish for new keys when it comes. Ours answers those with the next content, however many they were; but a wish for
 * another handshake, over TLS 1.2, at once. */
static void ask(struct hand *hand)
{
    if (world.has_no_sealer)
        hand_update(hand, 1);
    else
        hand_say(hand, CONTENT_HANDSHAKE, SPAN("\x01\0\0\0"));
    hand_say(hand, CONTENT_APPLICATION_DATA, SPAN("ping"));
    run();
}

/* The answers join what the peer does not read. OpenSSL may give the first one late. */
static void ask_without_reading(struct hand *hand)
{
    static const uint8_t much[STREAM_HIGH + 1];
    hand_open(hand, TLS_SERVER, &suites[world.has_no_sealer ? 0 : 3]);
    world.below[0].clogged = true;
    assert_false(stream_write(world.server.stream, span_of(much, sizeof much)));
    for (int i = 0; i < 4; i++)
        ask(hand);
    assert_true(world.server.got_length < 16);
    assert_true(world.below[0].in_length > 0);
}

static void peer_that_asks_for_answers_and_does_not_read_them_is_not_read(void **state)
{
    (void)state;
    struct hand hand;
    ask_without_reading(&hand);
    wire_unclog(&world.below[0]);
    run();
    assert_int_equal(world.below[0].in_length, 0);
    expect_got(&world.server, SPAN("pingpingpingping"));
    assert_int_equal(deadlines_next(&world.loop.deadlines), UINT64_MAX);
    hand_leave(&hand);
}

/* Its ticket waits for words to go with, as before. */
static void peer_that_asks_for_answers_gets_its_ticket_as_well(void **state)
{
    (void)state;
    struct tls_context *server = make_rsa_server();
    struct guest_peer guest;
    guest_join(&guest, server, TLS1_3_VERSION, NULL);
    guest_talk(&guest, 6);
    world.below[0].high = 0;
    world.below[0].clogged = true;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(SSL_key_update(guest.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(guest.ssl, "ping", 4), 4);
        guest_talk(&guest, 1);
    }
    assert_int_equal(world.below[0].paused, world.has_no_sealer);
    wire_unclog(&world.below[0]);
    guest_talk(&guest, 2);
    assert_false(world.below[0].paused);
    expect_got(&world.server, SPAN("pingpingpingping"));
    assert_int_equal(SSL_SESSION_has_ticket(SSL_get0_session(guest.ssl)), 0);
    guest_is_silent(&guest);
    assert_int_equal(SSL_SESSION_has_ticket(SSL_get0_session(guest.ssl)), 1);
    stream_write(world.server.stream, SPAN("pong"));
    guest_talk(&guest, 3);
    assert_string_equal(guest.got, "pong");
    guest_leave(&guest);
    tls_context_unref(server);
}

static void peer_that_never_reads_the_answers_it_asks_for_is_dropped(void **state)
{
    (void)state;
    struct hand hand;
    ask_without_reading(&hand);
    deadlines_expire(&world.loop.deadlines, world.loop.now + LIMIT_SEND);
    turn();
    assert_int_equal(world.server.ends, 1);
    assert_int_equal(world.server.why, ENDING_WRITE_STALLED);
    hand_leave(&hand);
}

static void renegotiation_is_refused_and_the_session_goes_on(void **state)
{
    (void)state;
    struct tls_context *server = make_rsa_server();
    struct guest_peer guest;
    guest_join(&guest, server, TLS1_2_VERSION, NULL);
    guest_talk(&guest, 4);
    assert_int_equal(SSL_is_init_finished(guest.ssl), 1);
    size_t sent = world.below[0].sent;
    assert_int_equal(SSL_write(guest.ssl, "still here", 10), 10);
    assert_int_equal(SSL_renegotiate(guest.ssl), 1);
    guest_talk(&guest, 4);
    assert_int_equal(world.counters.handshakes_full, 1);
    assert_int_equal(world.below[0].sent - sent, 5 + 8 + 2 + 16); /* one alert: no_renegotiation */
    expect_got(&world.server, SPAN("still here"));
    guest_leave(&guest);
    tls_context_unref(server);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(key_updates_are_answered_in_the_stream),
        TEST(key_updates_are_limited_by_the_data_that_comes_between),
        TEST(peer_that_asks_for_answers_and_does_not_read_them_is_not_read),
        TEST(peer_that_asks_for_answers_gets_its_ticket_as_well),
        TEST(peer_that_never_reads_the_answers_it_asks_for_is_dropped),
        TEST(renegotiation_is_refused_and_the_session_goes_on),
    };
    return run_over_records(tests, sizeof tests / sizeof tests[0]);
}
