/* Heavy handshakes, on the thread. */
#include "world.h"

/* Until a step has been given to the thread; it is not taken back by then, though it may be done. */
static void run_until_out(void)
{
    for (turn(); world.counters.handshakes_away == 0; turn()) {
        wire_deliver(&world.below[0]);
        wire_deliver(&world.below[1]);
    }
}

static void heavy_handshakes_are_done_by_the_thread(void **state)
{
    (void)state;
    join_heavy();
    stream_write(world.server.stream, SPAN("hello"));
    run_all();
    assert_int_equal(world.server.opened, 1);
    assert_int_equal(world.counters.handshakes_heavy, 1);
    stream_write(world.client.stream, SPAN("world"));
    run_all();
    expect_got(&world.client, SPAN("hello"));
    expect_got(&world.server, SPAN("world"));
}

static void cheap_handshakes_are_not(void **state)
{
    (void)state;
    open_default();
    assert_int_equal(world.counters.handshakes_heavy, 0);
}

/* One handshake; NULL: what the server has by itself, what a client of TLS 1.2 offers by itself (X25519, P-256 and P-384 among others). */
static bool is_heavy(const char *const server_groups[2], const char *client_groups, int newest)
{
    struct tls_server_settings server = rsa_settings();
    struct tls_client_settings client = client_settings();
    if (server_groups)
        server.groups = (struct tls_words){server_groups, 2, true};
    struct tls_context *context = make_client(&client);
    SSL_CTX_set_max_proto_version(context->ssl, newest);
    assert_true(!client_groups || SSL_CTX_set1_groups_list(context->ssl, (char *)(uintptr_t)client_groups) == 1);
    world.counters = (struct counters){0};
    join(make_server(&server), context);
    run_all();
    assert_int_equal(world.server.opened, 1);
    hang_up();
    return world.counters.handshakes_heavy > 0;
}

/* Over TLS 1.2, where the client offers all: what is agreed on is the server's to choose. */
static void what_is_heavy_is_told_by_the_groups_of_the_server(void **state)
{
    (void)state;
    static const char *const lists[][2] = {
        {"P-384", "P-521"}, {"P-384", "P-256"}, {"P-256", "P-384"}, {"X25519", "P-384"}};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(is_heavy(lists[i], NULL, TLS1_2_VERSION), i < 2);
}

static void what_is_heavy_is_told_by_the_groups_of_the_client(void **state)
{
    (void)state;
    static const char *const both[] = {"P-256", "X448"};
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        assert_false(is_heavy(NULL, "X25519", versions[i]));
        assert_false(is_heavy(NULL, "P-256", versions[i]));
        assert_true(is_heavy(NULL, "P-384", versions[i]));
        assert_true(is_heavy(both, "X448", versions[i]));
    }
}

/* Whatever ends the stream ends it at once; its memory goes when the thread is done. */
static void abort_while_out_is_told_at_once(void **state)
{
    (void)state;
    join_heavy();
    run_until_out();
    stream_abort(world.server.stream, ENDING_GOING_AWAY);
    loop_bury(&world.loop);
    assert_int_equal(world.server.why, ENDING_GOING_AWAY);
    assert_int_equal(world.counters.handshakes_away, 1);
    run_all();
}

static void deadline_while_out_ends_the_stream(void **state)
{
    (void)state;
    join_heavy();
    run_until_out();
    deadlines_expire(&world.loop.deadlines, world.loop.now + TIMEOUT);
    loop_bury(&world.loop);
    assert_int_equal(world.server.why, ENDING_HANDSHAKE_LATE);
    run_all();
}

/* The one that has not ended when the step comes back, too. */
static void peer_that_leaves_while_out_costs_nothing_more(void **state)
{
    (void)state;
    join_heavy();
    run_until_out();
    size_t sent = world.below[0].sent;
    world.below[0].stream.on->on_eof(world.below[0].stream.user);
    run_all();
    assert_int_equal(world.server.why, ENDING_PEER_LEFT);
    assert_int_equal(world.below[0].sent, sent);
}

static void finish_while_out_ends_the_stream(void **state)
{
    (void)state;
    join_heavy();
    run_until_out();
    stream_finish(world.server.stream);
    run_all();
    assert_int_equal(world.server.why, ENDING_DONE);
    assert_int_equal(world.server.opened, 0);
}

/* They are kept below until the step is back. */
static void bytes_that_come_while_out_are_not_lost(void **state)
{
    (void)state;
    join_heavy();
    run_until_out();
    wire_append(&world.below[0].in, &world.below[0].in_length, SPAN("no record of TLS"));
    run_all();
    assert_int_equal(world.server.why, ENDING_HANDSHAKE_FAILED);
}

/* Each time the keys of before may be in use still. */
static void ticket_keys_may_change_while_out(void **state)
{
    (void)state;
    join_heavy();
    run_until_out();
    fill_ring(1);
    fill_ring(2);
    run_all();
    assert_int_equal(world.server.opened, 1);
}

/* What is written on the thread is kept, and sent by the loop: an alert, too. */
static void alert_of_a_heavy_handshake_reaches_the_client(void **state)
{
    (void)state;
    struct tls_server_settings server = rsa_settings();
    struct tls_client_settings client = client_settings();
    server.clients.authorities = (struct pki_files){&world.root_file, 1, true};
    join(make_server(&server), make_client(&client));
    run_all();
    assert_int_equal(world.counters.handshakes_heavy, 1);
    assert_int_equal(world.server.why, ENDING_CLIENT_CERTIFICATE);
    assert_int_equal(world.client.ends, 1);
    assert_non_null(strstr(world.client.detail, "alert"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_lane, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(heavy_handshakes_are_done_by_the_thread),
        TEST(cheap_handshakes_are_not),
        TEST(what_is_heavy_is_told_by_the_groups_of_the_server),
        TEST(what_is_heavy_is_told_by_the_groups_of_the_client),
        TEST(abort_while_out_is_told_at_once),
        TEST(deadline_while_out_ends_the_stream),
        TEST(peer_that_leaves_while_out_costs_nothing_more),
        TEST(finish_while_out_ends_the_stream),
        TEST(bytes_that_come_while_out_are_not_lost),
        TEST(ticket_keys_may_change_while_out),
        TEST(alert_of_a_heavy_handshake_reaches_the_client),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
