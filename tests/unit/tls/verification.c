/* Certificates of the peer, and what the peer is sent of ours. */
#include "world.h"

static void backend_of_another_name_is_refused(void **state)
{
    (void)state;
    struct tls_server_settings settings = rsa_settings();
    struct tls_client_settings client = client_settings();
    client.hostname = "elsewhere";
    join(make_server(&settings), make_client(&client));
    run();
    assert_int_equal(world.client.why, ENDING_BACKEND_TLS);
    assert_string_equal(world.client.detail, "hostname mismatch");
    assert_int_equal(world.client.opened, 0);
    assert_int_equal(world.server.why, ENDING_HANDSHAKE_FAILED);
}

static void backend_by_address_is_verified_by_address(void **state)
{
    (void)state;
    static const char *const addresses[] = {"127.0.0.1", "127.0.0.2"};
    for (size_t i = 0; i < 2; i++) {
        struct tls_server_settings settings = rsa_settings();
        struct tls_client_settings client = client_settings();
        client.hostname = addresses[i];
        join(make_server(&settings), make_client(&client));
        run();
        assert_int_equal(world.client.opened, i == 0);
        hang_up();
    }
}

static void backend_of_an_unknown_authority_is_refused(void **state)
{
    (void)state;
    struct tls_server_settings settings = rsa_settings();
    struct tls_client_settings client = client_settings();
    struct pki_file other = forge_chain(
        world.arena, "other.pem",
        forge_certificate(world.arena, &(struct forge){.subject = "Other", .key = world.rsa, .authority = true}), NULL,
        NULL);
    client.authorities.at = &other;
    join(make_server(&settings), make_client(&client));
    run();
    assert_int_equal(world.client.why, ENDING_BACKEND_TLS);
    assert_string_equal(world.client.detail, "unable to get local issuer certificate");
}

static void client_certificate_is_demanded_and_verified(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 6; i++) {
        bool shows = i % 3 > 0;
        bool known = i % 3 > 1;
        struct tls_server_settings settings = rsa_settings();
        struct tls_client_settings client = client_settings();
        X509 *stranger = forge_certificate(world.arena, &(struct forge){.subject = "stranger", .key = world.ec});
        struct pki_file stranger_file = forge_chain(world.arena, "stranger.pem", stranger, NULL, NULL);
        settings.clients.authorities = (struct pki_files){&world.root_file, 1, true};
        if (shows) {
            client.key = world.client_key;
            client.certificate = known ? world.client_file : stranger_file;
        }
        struct tls_context *context = make_client(&client);
        SSL_CTX_set_max_proto_version(context->ssl, versions[i / 3]);
        join(make_server(&settings), context);
        run();
        assert_int_equal(world.server.opened, known);
        if (!known) {
            assert_int_equal(world.server.why, ENDING_CLIENT_CERTIFICATE);
            assert_int_equal(world.client.why, ENDING_BACKEND_TLS);
            assert_string_equal(world.server.detail,
                                shows ? "self-signed certificate" : "peer did not return a certificate");
        }
        hang_up();
    }
}

static void sent_chain_is_leaf_then_issuers_without_the_root(void **state)
{
    (void)state;
    EVP_PKEY *key = world.ec;
    X509 *middle = forge_certificate(
        world.arena,
        &(struct forge){
            .subject = "Middle", .key = key, .issuer = world.root, .issuer_key = world.root_key, .authority = true});
    X509 *leaf = forge_certificate(
        world.arena,
        &(struct forge){
            .subject = "leaf", .key = world.rsa, .issuer = middle, .issuer_key = key, .names = "DNS:localhost"});
    struct pki_file chain[] = {forge_chain(world.arena, "root.pem", world.root, NULL, NULL),
                               forge_chain(world.arena, "middle.pem", middle, middle, NULL)};
    struct tls_server_settings settings = {.key = world.rsa_key,
                                           .certificate = forge_chain(world.arena, "leaf.pem", leaf, NULL, NULL),
                                           .chain = {chain, 2, true},
                                           .clients.authorities = {chain, 2, true}};
    struct problems problems = {.report = count_problem};
    struct tls_context *server = tls_server_context_new(&settings, &problems);
    struct guest_peer guest;
    guest_join(&guest, server, TLS1_2_VERSION, NULL);
    guest_talk(&guest, 3);
    STACK_OF(X509) *sent = SSL_get_peer_cert_chain(guest.ssl);
    assert_int_equal(sk_X509_num(sent), 2);
    assert_int_equal(X509_cmp(sk_X509_value(sent, 0), leaf), 0);
    assert_int_equal(X509_cmp(sk_X509_value(sent, 1), middle), 0);
    /* Every certificate of the authorities is named to the client. */
    assert_int_equal(sk_X509_NAME_num(SSL_get_client_CA_list(guest.ssl)), 3);
    guest_leave(&guest);
    tls_context_unref(server);
    assert_int_equal(world.problems, 1); /* the wrong order */
    world.problems = 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(backend_of_another_name_is_refused),
        TEST(backend_by_address_is_verified_by_address),
        TEST(backend_of_an_unknown_authority_is_refused),
        TEST(client_certificate_is_demanded_and_verified),
        TEST(sent_chain_is_leaf_then_issuers_without_the_root),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
