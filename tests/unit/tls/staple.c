/* Which OCSP response goes with which certificate. The bytes are any: TLS does not look into them. */
#include "test.h"

#include "forge.h"

#include "context.h"
#include "staple.h"
#include "tickets.h"

#include <time.h>

struct world {
    struct arena *arena;
    EVP_PKEY *rsa, *ec;
    struct tls_context *context; /* with both kinds of certificate */
    SSL *server;                 /* of the last handshake */
};

static void report(struct problems *problems, const struct problem *problem)
{
    (void)problems;
    if (problem->severity == PROBLEM_ERROR)
        fail_msg("%s", problem->text);
}

static int setup(void **state)
{
    struct arena *arena = arena_new();
    struct world *world = arena_alloc(arena, sizeof *world);
    struct problems problems = {.report = report};
    world->arena = arena;
    world->rsa = forge_keep(arena, EVP_RSA_gen(2048));
    world->ec = forge_keep(arena, EVP_EC_gen("P-256"));
    struct forge how = {.subject = "localhost", .key = world->rsa, .names = "DNS:localhost"};
    X509 *first = forge_certificate(arena, &how);
    how.key = world->ec;
    X509 *second = forge_certificate(arena, &how);
    const struct tls_server_certificate more = {.key = forge_key(arena, "key", world->ec),
                                                .certificate = forge_chain(arena, "ec.pem", second, NULL, NULL),
                                                .problems = &problems};
    const struct tls_server_settings settings = {.key = forge_key(arena, "key", world->rsa),
                                                 .certificate = forge_chain(arena, "rsa.pem", first, NULL, NULL),
                                                 .more = &more,
                                                 .more_count = 1};
    world->context = tls_server_context_new(&settings, &problems);
    assert_non_null(world->context);
    /* Names choose for streams, and there is none here: both certificates are the context's own. */
    SSL_CTX_set_client_hello_cb(world->context->ssl, NULL, NULL);
    SSL_CTX_set_tlsext_servername_callback(world->context->ssl, NULL);
    assert_int_equal(SSL_CTX_use_cert_and_key(world->context->ssl, second, world->ec, NULL, 1), 1);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    SSL_free(world->server);
    tls_context_unref(world->context);
    arena_free(world->arena);
    return 0;
}

/* What a client that can verify such signatures is sent; empty: nothing. */
static const char *staple_for(struct world *world, const char *signatures, int version, bool asks)
{
    static char text[64];
    char list[32];
    snprintf(list, sizeof list, "%s", signatures);
    SSL_CTX *settings = SSL_CTX_new(TLS_client_method());
    SSL *client = SSL_new(settings);
    BIO *one, *other;
    unsigned char *response = NULL;
    SSL_free(world->server);
    world->server = SSL_new(world->context->ssl);
    tickets_begin(world->server, NULL); /* it is no stream's, so it has no loop that could hold ticket keys */
    assert_int_equal(BIO_new_bio_pair(&one, 0, &other, 0), 1);
    SSL_set_bio(client, one, one);
    SSL_set_bio(world->server, other, other);
    SSL_set_connect_state(client);
    SSL_set_accept_state(world->server);
    SSL_set_options(world->server, SSL_OP_NO_TICKET); /* their keys are a loop's, and there is none here */
    SSL_set_num_tickets(world->server, 0);
    assert_int_equal(SSL_set1_sigalgs_list(client, list), 1);
    assert_int_equal(SSL_set_max_proto_version(client, version), 1);
    if (asks)
        SSL_set_tlsext_status_type(client, TLSEXT_STATUSTYPE_ocsp);
    for (int i = 0; i < 10 && !(SSL_is_init_finished(client) && SSL_is_init_finished(world->server)); i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(world->server);
    }
    assert_true(SSL_is_init_finished(client) && SSL_is_init_finished(world->server));
    long length = SSL_get_tlsext_status_ocsp_resp(client, &response);
    snprintf(text, sizeof text, "%.*s", length > 0 ? (int)length : 0, response ? (char *)response : "");
    SSL_free(client);
    SSL_CTX_free(settings);
    return text;
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void each_certificate_has_its_own(void **state)
{
    struct world *world = *state;
    int64_t later = (int64_t)time(NULL) + 1000;
    assert_true(tls_context_staple(world->context, 0, SPAN("of rsa"), later));
    assert_true(tls_context_staple(world->context, 1, SPAN("of ec"), later));
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(staple_for(world, "ECDSA+SHA256", versions[i], true), "of ec");
        assert_string_equal(staple_for(world, "RSA-PSS+SHA256", versions[i], true), "of rsa");
    }
}

static void one_without_sends_none_though_the_other_has_one(void **state)
{
    struct world *world = *state;
    assert_true(tls_context_staple(world->context, 1, SPAN("of ec"), (int64_t)time(NULL) + 1000));
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(staple_for(world, "RSA-PSS+SHA256", versions[i], true), "");
        assert_string_equal(staple_for(world, "ECDSA+SHA256", versions[i], true), "of ec");
    }
}

static void who_does_not_ask_gets_none(void **state)
{
    struct world *world = *state;
    assert_true(tls_context_staple(world->context, 0, SPAN("of rsa"), (int64_t)time(NULL) + 1000));
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(staple_for(world, "RSA-PSS+SHA256", versions[i], false), "");
}

static void one_that_has_ended_is_not_sent(void **state)
{
    struct world *world = *state;
    assert_true(tls_context_staple(world->context, 0, SPAN("of rsa"), (int64_t)time(NULL)));
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(staple_for(world, "RSA-PSS+SHA256", versions[i], true), "");
}

static void copy_of_the_connection_can_be_dropped(void **state)
{
    struct world *world = *state;
    unsigned char *kept = NULL;
    assert_true(tls_context_staple(world->context, 0, SPAN("of rsa"), (int64_t)time(NULL) + 1000));
    staple_for(world, "RSA-PSS+SHA256", TLS1_3_VERSION, true);
    assert_int_equal(SSL_get_tlsext_status_ocsp_resp(world->server, &kept), 6);
    staple_drop(world->server);
    SSL_get_tlsext_status_ocsp_resp(world->server, &kept);
    assert_null(kept);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_certificate_has_its_own),
        TEST(one_without_sends_none_though_the_other_has_one),
        TEST(who_does_not_ask_gets_none),
        TEST(one_that_has_ended_is_not_sent),
        TEST(copy_of_the_connection_can_be_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
