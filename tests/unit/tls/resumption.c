/* Tickets: who is given one, where it is taken, and when it ends (RFC 5077; RFC 8446 sections 2.2 and 2.3). */
#include "world.h"

static const int versions_of_tickets[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* One connection, with the certificate of a client if it has one; *session is what it came with and becomes what it leaves
 * with. */
static void guest_visit(struct tls_context *server, int version, SSL_SESSION **session, X509 *leaf)
{
    struct guest_peer guest;
    guest_join(&guest, server, version, *session);
    if (leaf) {
        assert_int_equal(SSL_use_certificate(guest.ssl, leaf), 1);
        assert_int_equal(SSL_use_PrivateKey(guest.ssl, world.ec), 1);
    }
    guest_talk(&guest, 6);
    assert_int_equal(SSL_is_init_finished(guest.ssl), 1);
    guest_is_silent(&guest);
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(guest.ssl);
    guest_leave(&guest);
}

static void expect_counted(uint64_t full, uint64_t resumed, uint64_t unknown)
{
    assert_int_equal(world.counters.handshakes_full, full);
    assert_int_equal(world.counters.handshakes_resumed, resumed);
    assert_int_equal(world.counters.tickets_unknown, unknown);
    world.counters = (struct counters){0};
}

static struct span ticket_of(const SSL_SESSION *session)
{
    const unsigned char *ticket = NULL;
    size_t length = 0;
    SSL_SESSION_get0_ticket(session, &ticket, &length);
    return span_of(ticket, length);
}

static void expect_sealed_by(const SSL_SESSION *session, uint32_t index)
{
    struct span ticket = ticket_of(session);
    assert_true(ticket.len > TLS_TICKET_KEY_NAME);
    assert_memory_equal(ticket.at, world.ring.keys[index], TLS_TICKET_KEY_NAME);
}

/* Over TLS 1.3 each time with a new ticket. */
static void tickets_resume_in_both_versions(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tls_server_settings settings = rsa_settings();
        struct tls_context *server = make_server(&settings);
        SSL_SESSION *session = NULL, *last = NULL;
        for (int round = 0; round < 3; round++) {
            SSL_SESSION_free(last);
            last = session;
            if (last)
                SSL_SESSION_up_ref(last);
            guest_visit(server, versions_of_tickets[i], &session, NULL);
            assert_int_equal(SSL_SESSION_is_resumable(session), 1);
            assert_true(!last || span_equal(ticket_of(session), ticket_of(last)) == (i == 0));
        }
        SSL_SESSION_free(last);
        assert_int_equal(world.counters.handshakes_full_tls12, i == 0);
        assert_int_equal(world.counters.handshakes_resumed_tls12, i == 0 ? 2 : 0);
        expect_counted(1, 2, 0);
        SSL_SESSION_free(session);
        tls_context_unref(server);
    }
}

/* In one flight, and no second one after the silence. */
static void tickets_leave_with_the_first_bytes_that_are_said(void **state)
{
    (void)state;
    struct tls_context *server = make_rsa_server();
    struct guest_peer guest;
    guest_join(&guest, server, TLS1_3_VERSION, NULL);
    guest_talk(&guest, 6);
    assert_int_equal(SSL_SESSION_has_ticket(SSL_get0_session(guest.ssl)), 0);
    stream_write(world.server.stream, SPAN("hello"));
    guest_talk(&guest, 3);
    assert_string_equal(guest.got, "hello");
    SSL_SESSION *session = SSL_get1_session(guest.ssl);
    assert_int_equal(SSL_SESSION_has_ticket(session), 1);
    guest_is_silent(&guest);
    assert_ptr_equal(SSL_get0_session(guest.ssl), session);
    guest_leave(&guest);
    SSL_SESSION_free(session);
    tls_context_unref(server);
}

/* As of another worker, or of before a reload. */
static void tickets_of_another_context_with_the_same_names_resume(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *session = NULL;
        for (int round = 0; round < 2; round++) {
            struct tls_server_settings settings = {.key = round ? world.ec_key : world.rsa_key,
                                                   .certificate = round ? world.ec_file : world.rsa_file};
            struct tls_context *server = make_server(&settings);
            guest_visit(server, versions_of_tickets[i], &session, NULL);
            tls_context_unref(server);
        }
        expect_counted(1, 1, 0);
        SSL_SESSION_free(session);
    }
}

static void tickets_of_other_names_lead_to_a_full_handshake(void **state)
{
    (void)state;
    X509 *leaf = forge_certificate(world.arena, &(struct forge){.subject = "localhost",
                                                                .key = world.rsa,
                                                                .issuer = world.root,
                                                                .issuer_key = world.root_key,
                                                                .names = "DNS:localhost",
                                                                .use = "serverAuth"});
    struct pki_file other = forge_chain(world.arena, "other.pem", leaf, world.root, NULL);
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *session = NULL;
        for (int round = 0; round < 2; round++) {
            struct tls_server_settings settings = rsa_settings();
            settings.certificate = round ? other : settings.certificate;
            struct tls_context *server = make_server(&settings);
            guest_visit(server, versions_of_tickets[i], &session, NULL);
            tls_context_unref(server);
        }
        expect_counted(2, 0, 0);
        SSL_SESSION_free(session);
    }
}

/* A suite that has been struck off the list is not used by those any more either who knew it before. */
static void tickets_of_other_suites_lead_to_a_full_handshake(void **state)
{
    (void)state;
    SSL_SESSION *session = NULL;
    for (int round = 0; round < 2; round++) {
        struct tls_server_settings settings = rsa_settings();
        settings.ciphers = round ? "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256" : NULL;
        struct tls_context *server = make_server(&settings);
        guest_visit(server, TLS1_2_VERSION, &session, NULL);
        tls_context_unref(server);
    }
    expect_counted(2, 0, 0);
    SSL_SESSION_free(session);
}

static void tickets_outlive_one_change_of_keys_and_are_renewed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tls_server_settings settings = rsa_settings();
        struct tls_context *server = make_server(&settings);
        SSL_SESSION *session = NULL;
        fill_ring(2);
        guest_visit(server, versions_of_tickets[i], &session, NULL);
        expect_sealed_by(session, 0);
        struct tls_ticket_ring ring = world.ring;
        fill_ring(3);
        memcpy(world.ring.keys[2], ring.keys[0], TLS_TICKET_KEY);
        tls_tickets_set(world.loop.tickets, &world.ring);
        guest_visit(server, versions_of_tickets[i], &session, NULL);
        expect_sealed_by(session, 0);
        expect_counted(1, 1, 0);
        fill_ring(3);
        guest_visit(server, versions_of_tickets[i], &session, NULL);
        expect_sealed_by(session, 0);
        expect_counted(1, 0, 1);
        SSL_SESSION_free(session);
        tls_context_unref(server);
    }
}

static void damaged_tickets_lead_to_a_full_handshake(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tls_server_settings settings = rsa_settings();
        struct tls_context *server = make_server(&settings);
        SSL_SESSION *session = NULL;
        guest_visit(server, versions_of_tickets[i], &session, NULL);
        struct span ticket = ticket_of(session);
        *(uint8_t *)(uintptr_t)(ticket.at + ticket.len - 1) ^= 1;
        guest_visit(server, versions_of_tickets[i], &session, NULL);
        expect_counted(2, 0, 0);
        SSL_SESSION_free(session);
        tls_context_unref(server);
    }
}

static void without_keys_no_ticket_is_given_and_none_is_taken(void **state)
{
    (void)state;
    struct tls_tickets *tickets = world.loop.tickets;
    for (size_t i = 0; i < 4; i++) {
        struct tls_server_settings settings = rsa_settings();
        struct tls_context *server = make_server(&settings);
        SSL_SESSION *session = NULL;
        world.loop.tickets = tickets;
        fill_ring(1);
        guest_visit(server, versions_of_tickets[i % 2], &session, NULL);
        assert_int_equal(SSL_SESSION_has_ticket(session), 1);
        fill_ring(0);
        world.loop.tickets = i < 2 ? tickets : NULL;
        guest_visit(server, versions_of_tickets[i % 2], &session, NULL);
        assert_int_equal(SSL_SESSION_has_ticket(session), 0);
        expect_counted(2, 0, 0);
        SSL_SESSION_free(session);
        tls_context_unref(server);
    }
    world.loop.tickets = tickets;
}

static void keys_taken_away_during_a_handshake_do_not_break_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tls_server_settings settings = rsa_settings();
        struct tls_context *server = make_server(&settings);
        struct guest_peer guest;
        fill_ring(1);
        guest_join(&guest, server, versions_of_tickets[i], NULL);
        guest_talk(&guest, 1);
        fill_ring(0);
        guest_talk(&guest, 5);
        assert_int_equal(SSL_is_init_finished(guest.ssl), 1);
        assert_int_equal(world.server.opened, 1);
        guest_is_silent(&guest);
        SSL_SESSION *session = SSL_get1_session(guest.ssl);
        guest_leave(&guest);
        fill_ring(1);
        guest_visit(server, versions_of_tickets[i], &session, NULL);
        expect_counted(2, 0, 1);
        SSL_SESSION_free(session);
        tls_context_unref(server);
    }
}

/* With the same keys everywhere, a ticket must not open a door where its bearer has never been asked for a certificate. */
static void ticket_without_certificate_is_not_taken_where_one_is_demanded(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tls_server_settings open = rsa_settings(), strict = rsa_settings();
        strict.clients.authorities = (struct pki_files){&world.root_file, 1, true};
        struct tls_context *first = make_server(&open), *second = make_server(&strict);
        SSL_SESSION *session = NULL;
        struct guest_peer guest;
        guest_visit(first, versions_of_tickets[i], &session, NULL);
        guest_join(&guest, second, versions_of_tickets[i], session);
        guest_talk(&guest, 6);
        assert_int_equal(world.server.opened, 0);
        assert_int_equal(world.server.why, ENDING_CLIENT_CERTIFICATE);
        guest_leave(&guest);
        expect_counted(1, 0, 0);
        SSL_SESSION_free(session);
        tls_context_unref(first);
        tls_context_unref(second);
    }
}

static void ticket_of_other_authorities_is_not_taken(void **state)
{
    (void)state;
    struct pki_file both[] = {world.root_file, world.client_file};
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *session = NULL;
        for (size_t round = 0; round < 3; round++) {
            struct tls_server_settings settings = rsa_settings();
            settings.clients.authorities = (struct pki_files){both, round == 0 ? 1 : 2, true};
            struct tls_context *server = make_server(&settings);
            guest_visit(server, versions_of_tickets[i], &session, world.client_leaf);
            tls_context_unref(server);
        }
        expect_counted(2, 1, 0);
        SSL_SESSION_free(session);
    }
}

/* Also of the tickets that follow on it. */
static void ticket_ends_with_the_certificate_of_the_client(void **state)
{
    (void)state;
    X509 *leaf = forge_certificate(world.arena, &(struct forge){.subject = "somebody",
                                                                .key = world.ec,
                                                                .issuer = world.root,
                                                                .issuer_key = world.root_key,
                                                                .ends = 1000,
                                                                .use = "clientAuth"});
    for (size_t i = 0; i < 2; i++) {
        struct tls_server_settings settings = rsa_settings();
        settings.clients.authorities = (struct pki_files){&world.root_file, 1, true};
        struct tls_context *server = make_server(&settings);
        SSL_SESSION *session = NULL;
        guest_visit(server, versions_of_tickets[i], &session, world.client_leaf);
        assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(session), TLS_TICKET_LIFETIME);
        SSL_SESSION_free(session);
        session = NULL;
        for (int round = 0; round < 3; round++) {
            guest_visit(server, versions_of_tickets[i], &session, leaf);
            unsigned long hint = SSL_SESSION_get_ticket_lifetime_hint(session);
            assert_true(hint > 900 && hint <= 1000);
        }
        expect_counted(2, 2, 0);
        SSL_SESSION_free(session);
        tls_context_unref(server);
    }
}

/* A client that sends it unasked: what it says is not heard before its handshake is done. */
static void early_data_is_skipped(void **state)
{
    (void)state;
    struct tls_context *server = make_rsa_server();
    struct guest_peer guest;
    SSL_SESSION *session = NULL;
    size_t written = 0;
    guest_visit(server, TLS1_3_VERSION, &session, NULL);
    assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
    assert_int_equal(SSL_SESSION_set_max_early_data(session, 1000), 1);
    guest_join(&guest, server, TLS1_3_VERSION, session);
    assert_int_equal(SSL_write_early_data(guest.ssl, "early", 5, &written), 1);
    guest_talk(&guest, 6);
    assert_int_equal(SSL_write(guest.ssl, "late", 4), 4);
    guest_talk(&guest, 2);
    assert_int_equal(SSL_get_early_data_status(guest.ssl), SSL_EARLY_DATA_REJECTED);
    expect_got(&world.server, SPAN("late"));
    guest_leave(&guest);
    expect_counted(1, 1, 0);
    SSL_SESSION_free(session);
    tls_context_unref(server);
}

/* psk_ke (RFC 8446 section 4.2.9) would leave the new session open to whoever gets hold of the ticket key. It is what a client
 * wants that offers it, and no group of ours for an exchange. */
static void resumption_without_a_key_exchange_is_refused(void **state)
{
    (void)state;
    static struct {
        char groups[16];
        bool opens;
    } rows[] = {{"P-521:X25519", true}, {"P-521", false}};
    struct tls_context *server = make_rsa_server();
    SSL_SESSION *session = NULL;
    guest_visit(server, TLS1_3_VERSION, &session, NULL);
    for (size_t i = 0; i < 2; i++) {
        struct guest_peer guest;
        EVP_PKEY *share = NULL;
        guest_join(&guest, server, TLS1_3_VERSION, session);
        SSL_set_options(guest.ssl, SSL_OP_ALLOW_NO_DHE_KEX);
        assert_int_equal(SSL_set1_groups_list(guest.ssl, rows[i].groups), 1);
        guest_talk(&guest, 6);
        assert_int_equal(world.server.opened, rows[i].opens);
        assert_int_equal(SSL_get_peer_tmp_key(guest.ssl, &share), rows[i].opens);
        EVP_PKEY_free(share);
        guest_leave(&guest);
    }
    expect_counted(1, 1, 0);
    SSL_SESSION_free(session);
    tls_context_unref(server);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(tickets_resume_in_both_versions),
        TEST(tickets_leave_with_the_first_bytes_that_are_said),
        TEST(tickets_of_another_context_with_the_same_names_resume),
        TEST(tickets_of_other_names_lead_to_a_full_handshake),
        TEST(tickets_of_other_suites_lead_to_a_full_handshake),
        TEST(tickets_outlive_one_change_of_keys_and_are_renewed),
        TEST(damaged_tickets_lead_to_a_full_handshake),
        TEST(without_keys_no_ticket_is_given_and_none_is_taken),
        TEST(keys_taken_away_during_a_handshake_do_not_break_it),
        TEST(ticket_without_certificate_is_not_taken_where_one_is_demanded),
        TEST(ticket_of_other_authorities_is_not_taken),
        TEST(ticket_ends_with_the_certificate_of_the_client),
        TEST(early_data_is_skipped),
        TEST(resumption_without_a_key_exchange_is_refused),
    };
    return run_over_records(tests, sizeof tests / sizeof tests[0]);
}
