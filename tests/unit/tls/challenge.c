/* tls-alpn-01 (RFC 8737) where a HelloRetryRequest comes between. */
#include "world.h"

/* A hello for a challenge that comes without a share of a group of ours, so that another one is asked for. */
static void ask_for_challenge(struct guest_peer *guest, struct tls_context *server)
{
    static const struct challenge challenge = {CHALLENGE_TLS_ALPN_01, "localhost", "token", "token.thumbprint"};
    static const unsigned char acme[] = "\x0a"
                                        "acme-tls/1";
    char groups[] = "P-521:X25519", name[] = "localhost";
    assert_true(challenges_add(&world.loop.challenges, &challenge));
    guest_join(guest, server, TLS1_3_VERSION, NULL);
    assert_int_equal(SSL_set1_groups_list(guest->ssl, groups), 1);
    assert_int_equal(SSL_set_tlsext_host_name(guest->ssl, name), 1);
    assert_int_equal(SSL_set_alpn_protos(guest->ssl, acme, sizeof acme - 1), 0);
    guest_talk(guest, 1);
}

static struct tls_context *make_demanding_server(void)
{
    struct tls_server_settings settings = rsa_settings();
    settings.clients.authorities = (struct pki_files){&world.root_file, 1, true};
    return make_server(&settings);
}

static void challenge_is_answered_after_a_second_hello(void **state)
{
    (void)state;
    struct tls_context *server = make_demanding_server();
    struct guest_peer guest;
    ask_for_challenge(&guest, server);
    guest_talk(&guest, 3);
    assert_int_equal(SSL_is_init_finished(guest.ssl), 1);
    assert_int_equal(SSL_get_shutdown(guest.ssl), SSL_RECEIVED_SHUTDOWN);
    assert_int_equal(world.server.opened, 0);
    guest_leave(&guest);
    challenges_deinit(&world.loop.challenges);
    tls_context_unref(server);
}

/* What is for authorities asks nobody for a certificate. */
static void second_hello_cannot_turn_a_challenge_into_a_visit(void **state)
{
    (void)state;
    static const unsigned char http[] = "\x08"
                                        "http/1.1";
    struct tls_context *server = make_demanding_server();
    struct guest_peer guest;
    ask_for_challenge(&guest, server);
    assert_int_equal(SSL_set_alpn_protos(guest.ssl, http, sizeof http - 1), 0);
    guest_talk(&guest, 3);
    assert_int_equal(world.server.opened, 0);
    assert_null(world.server.stream);
    guest_leave(&guest);
    challenges_deinit(&world.loop.challenges);
    tls_context_unref(server);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(challenge_is_answered_after_a_second_hello),
        TEST(second_hello_cannot_turn_a_challenge_into_a_visit),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
