/* What opens, what is refused, and what ends before it is open. */
#include "dh4096.h"
#include "world.h"

static void both_versions_open_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const size_t pieces[] = {0, 700, 1};
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 6; i++) {
        struct tls_server_settings settings = rsa_settings();
        struct tls_client_settings client = client_settings();
        struct tls_context *context = make_client(&client);
        SSL_CTX_set_max_proto_version(context->ssl, versions[i / 3]);
        SSL_CTX_set_min_proto_version(context->ssl, versions[i / 3]);
        world.below[0].piece = world.below[1].piece = pieces[i % 3];
        join(make_server(&settings), context);
        run();
        assert_int_equal(world.server.opened, 1);
        assert_int_equal(world.client.opened, 1);
        assert_int_equal(world.counters.handshakes_full, i + 1);
        stream_write(world.client.stream, SPAN("hello"));
        stream_write(world.server.stream, SPAN("good day"));
        run();
        expect_got(&world.server, SPAN("hello"));
        expect_got(&world.client, SPAN("good day"));
        hang_up();
    }
}

static void each_suite_of_the_documentation_opens(void **state)
{
    (void)state;
    static const char *const suites[] = {"ECDHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256",
                                         "ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-SHA256"};
    for (size_t i = 0; i < 8; i++) {
        struct tls_server_settings settings = rsa_settings();
        struct tls_client_settings client = client_settings();
        settings.ciphers =
            "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256:DHE-RSA-AES128-SHA256:";
        if (i >= 4)
            settings.dhparam = forge_text(world.arena, "dh.pem", dh4096);
        struct tls_context *context = make_client(&client);
        SSL_CTX_set_max_proto_version(context->ssl, TLS1_2_VERSION);
        assert_int_equal(SSL_CTX_set_cipher_list(context->ssl, suites[i % 4]), 1);
        join(make_server(&settings), context);
        run();
        assert_int_equal(world.server.opened, 1);
        assert_int_equal(world.client.opened, 1);
        hang_up();
    }
}

static void group_of_x942_serves_dhe(void **state)
{
    (void)state;
    EVP_PKEY *group = NULL;
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "DHX", NULL);
    assert_int_equal(EVP_PKEY_paramgen_init(make), 1);
    assert_int_equal(EVP_PKEY_CTX_set_group_name(make, "dh_2048_256"), 1);
    assert_int_equal(EVP_PKEY_paramgen(make, &group), 1);
    EVP_PKEY_CTX_free(make);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_Parameters(bio, group);
    EVP_PKEY_free(group);
    struct tls_server_settings settings = rsa_settings();
    struct tls_client_settings client = client_settings();
    settings.dhparam = forge_file(world.arena, "dhx.pem", bio);
    struct tls_context *context = make_client(&client);
    SSL_CTX_set_max_proto_version(context->ssl, TLS1_2_VERSION);
    assert_int_equal(SSL_CTX_set_cipher_list(context->ssl, "DHE-RSA-AES128-GCM-SHA256"), 1);
    join(make_server(&settings), context);
    run();
    assert_int_equal(world.server.opened, 1);
    assert_int_equal(world.client.opened, 1);
}

static void default_suites_serve_ecdsa_keys_over_tls_12(void **state)
{
    (void)state;
    struct tls_server_settings settings = {.key = world.ec_key, .certificate = world.ec_file};
    struct tls_client_settings client = client_settings();
    struct tls_context *context = make_client(&client);
    SSL_CTX_set_max_proto_version(context->ssl, TLS1_2_VERSION);
    join(make_server(&settings), context);
    run();
    assert_int_equal(world.client.opened, 1);
}

static void old_versions_are_refused_with_an_alert(void **state)
{
    (void)state;
    struct tls_server_settings settings = rsa_settings();
    struct tls_client_settings client = client_settings();
    struct tls_context *context = make_client(&client);
    SSL_CTX_set_security_level(context->ssl, 0);
    SSL_CTX_set_min_proto_version(context->ssl, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context->ssl, TLS1_1_VERSION);
    join(make_server(&settings), context);
    run();
    assert_int_equal(world.server.why, ENDING_HANDSHAKE_FAILED);
    assert_string_equal(world.server.detail, "unsupported protocol");
    assert_int_equal(world.client.why, ENDING_BACKEND_TLS);
    assert_string_equal(world.client.detail, "tlsv1 alert protocol version");
    assert_int_equal(world.server.opened + world.client.opened, 0);
}

static void alpn_of_others_only_is_refused_and_none_is_fine(void **state)
{
    (void)state;
    static const struct {
        const char *offer;
        bool opens;
    } rows[] = {{"\x02h2", false}, {"\x02h2\x08http/1.1", true}, {"", true}};
    for (size_t i = 0; i < 3; i++) {
        struct tls_server_settings settings = rsa_settings();
        struct tls_client_settings client = client_settings();
        struct tls_context *context = make_client(&client);
        SSL_CTX_set_alpn_protos(context->ssl, (const unsigned char *)rows[i].offer, (unsigned)strlen(rows[i].offer));
        join(make_server(&settings), context);
        run();
        assert_int_equal(world.client.opened, rows[i].opens);
        assert_int_equal(world.server.opened, rows[i].opens);
        if (!rows[i].opens) {
            assert_int_equal(world.server.why, ENDING_HANDSHAKE_FAILED);
            assert_string_equal(world.client.detail, "tlsv1 alert no application protocol");
        }
        hang_up();
    }
}

static void plain_http_is_told_to_use_https(void **state)
{
    (void)state;
    struct tls_server_settings settings = rsa_settings();
    struct tls_context *context = make_server(&settings);
    attach(&world.server, tls_accept(&world.loop, &world.below[0].stream, context, TIMEOUT, NULL));
    tls_context_unref(context);
    stream_attach(&world.below[1].stream, &recording, &world.client);
    world.client.opened = 1;
    wire_append(&world.below[0].in, &world.below[0].in_length, SPAN("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    run();
    assert_int_equal(world.server.why, ENDING_PLAIN_ON_TLS_PORT);
    wire_append(&world.client.got, &world.client.got_length, SPAN("\0"));
    const char *answer = (const char *)world.client.got;
    assert_ptr_equal(strstr(answer, "HTTP/1.1 400 Bad Request\r\n"), answer);
    const char *length = strstr(answer, "Content-Length: ");
    assert_non_null(length);
    assert_int_equal(strlen(strstr(answer, "\r\n\r\n") + 4), atoi(length + strlen("Content-Length: ")));
}

static void client_that_leaves_in_the_handshake_costs_nothing_more(void **state)
{
    (void)state;
    join_default();
    turn();
    wire_deliver(&world.below[0]);
    assert_int_equal(world.counters.handshakes_waiting, 1);
    world.below[0].stream.on->on_eof(world.below[0].stream.user);
    assert_int_equal(world.counters.handshakes_waiting, 0);
    run();
    assert_int_equal(world.server.why, ENDING_PEER_LEFT);
    assert_int_equal(world.below[0].sent, 0);
}

static void late_handshakes_end_for_both_roles(void **state)
{
    (void)state;
    join_default();
    turn();
    wire_deliver(&world.below[0]);
    deadlines_expire(&world.loop.deadlines, world.loop.now + TIMEOUT - 1);
    assert_int_equal(world.counters.handshakes_waiting, 1);
    deadlines_expire(&world.loop.deadlines, world.loop.now + TIMEOUT);
    assert_int_equal(world.counters.handshakes_waiting, 0);
    run();
    assert_int_equal(world.server.why, ENDING_HANDSHAKE_LATE);
    assert_int_equal(world.client.why, ENDING_BACKEND_LATE);
}

static void open_streams_have_no_deadline(void **state)
{
    (void)state;
    open_default();
    deadlines_expire(&world.loop.deadlines, world.loop.now + SILENCE); /* of the ticket */
    assert_int_equal(deadlines_next(&world.loop.deadlines), UINT64_MAX);
}

static void abort_in_the_handshake_leaves_the_queue(void **state)
{
    (void)state;
    join_default();
    stream_abort(world.client.stream, ENDING_GOING_AWAY);
    assert_int_equal(world.counters.handshakes_waiting, 0);
    stream_finish(world.server.stream);
    run();
    assert_int_equal(world.client.why, ENDING_GOING_AWAY);
    assert_int_equal(world.server.why, ENDING_DONE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(both_versions_open_in_pieces_of_any_size),
        TEST(each_suite_of_the_documentation_opens),
        TEST(group_of_x942_serves_dhe),
        TEST(default_suites_serve_ecdsa_keys_over_tls_12),
        TEST(old_versions_are_refused_with_an_alert),
        TEST(alpn_of_others_only_is_refused_and_none_is_fine),
        TEST(plain_http_is_told_to_use_https),
        TEST(client_that_leaves_in_the_handshake_costs_nothing_more),
        TEST(late_handshakes_end_for_both_roles),
        TEST(open_streams_have_no_deadline),
        TEST(abort_in_the_handshake_leaves_the_queue),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
