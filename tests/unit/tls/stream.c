#include "dh4096.h"
#include "forge.h"
#include "wire.h"

#include "crossgate/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <openssl/ssl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

/* The room's own view of a context: tests choose what a client offers. */
#include "context.h"

/* -- a user of a stream that writes down what it is told -- */

struct user {
    struct stream *stream;
    uint8_t *got;
    size_t got_length;
    size_t calls; /* of on_bytes */
    size_t take;  /* takes at most this many bytes per call */
    bool pauses;  /* in each on_bytes */
    bool aborts;  /* in on_bytes */
    bool answers; /* echoes */
    unsigned opened, rooms, eofs, ends;
    enum ending why;
    char detail[128];
};

static void user_on_open(void *data)
{
    struct user *user = data;
    user->opened++;
}

static size_t user_on_bytes(void *data, struct span bytes)
{
    struct user *user = data;
    assert_int_equal(user->opened, 1);
    assert_int_equal(user->eofs + user->ends, 0);
    struct span part = span_head(bytes, user->take);
    wire_append(&user->got, &user->got_length, part);
    user->calls++;
    if (user->pauses)
        stream_pause(user->stream, true);
    if (user->answers)
        stream_write(user->stream, part);
    if (user->aborts)
        stream_abort(user->stream, ENDING_BAD_REQUEST);
    return part.len;
}

static void user_on_room(void *data)
{
    struct user *user = data;
    user->rooms++;
}

static void user_on_eof(void *data)
{
    struct user *user = data;
    user->eofs++;
}

static void user_on_end(void *data, enum ending why)
{
    struct user *user = data;
    user->ends++;
    user->why = why;
    snprintf(user->detail, sizeof user->detail, "%s", user->stream->detail ? user->stream->detail : "");
    user->stream = NULL;
}

static const struct stream_user recording = {user_on_open, user_on_bytes, user_on_room, user_on_eof, user_on_end};

/* -- the world -- */

static struct {
    struct arena *arena;
    EVP_PKEY *rsa, *ec, *root_key;
    X509 *root, *rsa_leaf, *ec_leaf, *client_leaf;
    struct pki_file rsa_key, ec_key, client_key, rsa_file, ec_file, client_file, root_file;
    struct log log;
    struct counters counters;
    struct loop loop;
    struct tls_ticket_ring ring;
    struct wire_end below[2]; /* of server and client */
    struct user server, client;
    unsigned problems;
    sem_t woken; /* by the thread for heavy handshakes */
} world;

static X509 *make_leaf(const char *subject, EVP_PKEY *key, const char *use)
{
    return forge_certificate(world.arena, &(struct forge){.subject = subject,
                                                          .key = key,
                                                          .issuer = world.root,
                                                          .issuer_key = world.root_key,
                                                          .names = "DNS:localhost,IP:127.0.0.1",
                                                          .use = use});
}

static int set_up_all(void **state)
{
    (void)state;
    struct arena *arena = world.arena = arena_new();
    world.rsa = forge_keep(arena, EVP_RSA_gen(2048));
    world.ec = forge_keep(arena, EVP_EC_gen("P-256"));
    world.root_key = forge_keep(arena, EVP_EC_gen("P-256"));
    world.root = forge_certificate(arena, &(struct forge){.subject = "Root", .key = world.root_key, .authority = true});
    world.rsa_leaf = make_leaf("localhost", world.rsa, "serverAuth");
    world.ec_leaf = make_leaf("localhost", world.ec, "serverAuth");
    world.client_leaf = make_leaf("somebody", world.ec, "clientAuth");
    world.rsa_key = forge_key(arena, "rsa.key", world.rsa);
    world.ec_key = forge_key(arena, "ec.key", world.ec);
    world.client_key = forge_key(arena, "client.key", world.ec);
    world.rsa_file = forge_chain(arena, "rsa.pem", world.rsa_leaf, world.root, NULL);
    world.ec_file = forge_chain(arena, "ec.pem", world.ec_leaf, world.root, NULL);
    world.client_file = forge_chain(arena, "client.pem", world.client_leaf, world.root, NULL);
    world.root_file = forge_chain(arena, "root.pem", world.root, NULL, NULL);
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    arena_free(world.arena);
    return 0;
}

/* So many new ticket keys. */
static void fill_ring(uint32_t count)
{
    world.ring = (struct tls_ticket_ring){.count = count};
    for (uint32_t i = 0; i < count; i++)
        assert_true(tls_ticket_key_make(world.ring.keys[i]));
    tls_tickets_set(world.loop.tickets, &world.ring);
}

static void wake(void *user)
{
    sem_post(user);
}

static int set_up_with(void (*waker)(void *user))
{
    world.counters = (struct counters){0};
    world.server = (struct user){.take = SIZE_MAX};
    world.client = (struct user){.take = SIZE_MAX};
    world.problems = 0;
    log_init(&world.log, 2, LOG_ERROR, "test");
    assert_true(loop_init(&world.loop, NULL, &world.log, &world.counters));
    sem_init(&world.woken, 0, 0);
    world.loop.handshakes = tls_queue_new(waker, &world.woken);
    assert_non_null(world.loop.handshakes);
    world.loop.tickets = tls_tickets_new();
    assert_non_null(world.loop.tickets);
    fill_ring(1);
    wire_init_end(&world.below[0], &world.below[1], &world.loop);
    wire_init_end(&world.below[1], &world.below[0], &world.loop);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(NULL);
}

static int set_up_lane(void **state)
{
    (void)state;
    return set_up_with(wake);
}

static void turn(void)
{
    loop_settle(&world.loop);
    tls_queue_spend(world.loop.handshakes, UINT64_MAX);
    loop_settle(&world.loop);
    loop_bury(&world.loop);
}

/* Until nothing moves any more. */
static void run(void)
{
    bool moved;
    do {
        turn();
        moved = wire_deliver(&world.below[0]);
        turn();
        moved |= wire_deliver(&world.below[1]);
    } while (moved || tls_queue_is_waiting(world.loop.handshakes));
    turn();
}

static void forget(struct user *user)
{
    free(user->got);
    *user = (struct user){.take = SIZE_MAX};
}

/* Ends what is left, and asserts that nothing is. */
static void hang_up(void)
{
    if (world.server.stream)
        stream_abort(world.server.stream, ENDING_DONE);
    if (world.client.stream)
        stream_abort(world.client.stream, ENDING_DONE);
    loop_bury(&world.loop);
    assert_null(world.server.stream);
    assert_null(world.client.stream);
    assert_int_equal(world.loop.pool.lent, 0);
    assert_int_equal(deadlines_next(&world.loop.deadlines), UINT64_MAX);
    assert_int_equal(world.counters.handshakes_waiting, 0);
    for (size_t i = 0; i < 2; i++) {
        wire_deinit_end(&world.below[i]);
        wire_init_end(&world.below[i], &world.below[1 - i], &world.loop);
    }
    forget(&world.server);
    forget(&world.client);
}

static int tear_down(void **state)
{
    (void)state;
    hang_up();
    tls_queue_free(world.loop.handshakes);
    tls_tickets_free(world.loop.tickets);
    assert_int_equal(world.counters.handshakes_away, 0);
    sem_destroy(&world.woken);
    loop_deinit(&world.loop);
    return 0;
}

static void count_problem(struct problems *problems, const struct problem *problem)
{
    (void)problems;
    if (problem->severity != PROBLEM_NOTE)
        print_message("%s: %s\n", problem->key, problem->text);
    world.problems += problem->severity != PROBLEM_NOTE;
}

static struct tls_context *make_server(const struct tls_server_settings *settings)
{
    struct problems problems = {.report = count_problem};
    struct tls_context *context = tls_server_context_new(settings, &problems);
    assert_non_null(context);
    assert_int_equal(world.problems, 0);
    return context;
}

static struct tls_context *make_client(const struct tls_client_settings *settings)
{
    struct problems problems = {.report = count_problem};
    struct tls_context *context = tls_client_context_new(settings, &problems);
    assert_non_null(context);
    return context;
}

static struct tls_server_settings rsa_settings(void)
{
    return (struct tls_server_settings){.key = world.rsa_key, .certificate = world.rsa_file};
}

static struct tls_client_settings client_settings(void)
{
    return (struct tls_client_settings){.hostname = "localhost", .authorities = {&world.root_file, 1, true}};
}

enum { TIMEOUT = 1000 };

static void attach(struct user *user, struct stream *stream)
{
    assert_non_null(stream);
    user->stream = stream;
    stream_attach(stream, &recording, user);
}

/* Both contexts are given away: they die with their streams. */
static void join(struct tls_context *server, struct tls_context *client)
{
    attach(&world.server, tls_accept(&world.loop, &world.below[0].stream, server, TIMEOUT, NULL));
    attach(&world.client, tls_connect(&world.loop, &world.below[1].stream, client, TIMEOUT));
    tls_context_unref(server);
    tls_context_unref(client);
}

static void join_default(void)
{
    struct tls_server_settings server = rsa_settings();
    struct tls_client_settings client = client_settings();
    join(make_server(&server), make_client(&client));
}

static void open_default(void)
{
    join_default();
    run();
    assert_int_equal(world.server.opened, 1);
    assert_int_equal(world.client.opened, 1);
}

static void expect_got(const struct user *user, struct span bytes)
{
    assert_int_equal(user->got_length, bytes.len);
    assert_memory_equal(user->got, bytes.at, bytes.len);
}

/* -- a client of plain OpenSSL, which does what our streams never do -- */

struct guest_client {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
    char got[64];
};

static void guest_join(struct guest_client *guest, struct tls_context *server, int version, SSL_SESSION *session)
{
    attach(&world.server, tls_accept(&world.loop, &world.below[0].stream, server, TIMEOUT, NULL));
    stream_attach(&world.below[1].stream, &recording, &world.client);
    world.client.opened = 1;
    *guest = (struct guest_client){.context = SSL_CTX_new(TLS_client_method())};
    SSL_CTX_set_max_proto_version(guest->context, version);
    guest->ssl = SSL_new(guest->context);
    guest->in = BIO_new(BIO_s_mem());
    guest->out = BIO_new(BIO_s_mem());
    SSL_set_bio(guest->ssl, guest->in, guest->out);
    SSL_set_connect_state(guest->ssl);
    if (session)
        assert_int_equal(SSL_set_session(guest->ssl, session), 1);
}

/* Reads, and carries bytes both ways, some times. */
static void guest_talk(struct guest_client *guest, int times)
{
    while (times-- > 0) {
        char *bytes = NULL;
        int length = SSL_read(guest->ssl, guest->got, sizeof guest->got - 1);
        guest->got[length > 0 ? length : 0] = '\0';
        size_t waiting = (size_t)BIO_get_mem_data(guest->out, &bytes);
        wire_append(&world.below[0].in, &world.below[0].in_length, span_of(bytes, waiting));
        (void)BIO_reset(guest->out);
        run();
        if (world.client.got_length > 0)
            BIO_write(guest->in, world.client.got, (int)world.client.got_length);
        world.client.got_length = 0;
        if (length > 0)
            return;
    }
}

enum { SILENCE = 100 };

/* Neither says anything for so long that a ticket leaves by itself. */
static void guest_is_silent(struct guest_client *guest)
{
    deadlines_expire(&world.loop.deadlines, world.loop.now + SILENCE);
    guest_talk(guest, 2);
}

static void guest_leave(struct guest_client *guest)
{
    /* Else OpenSSL takes the session for broken, and does not resume it. */
    SSL_set_shutdown(guest->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(guest->ssl);
    SSL_CTX_free(guest->context);
    hang_up();
}

/* -- handshakes -- */

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

/* -- resumption -- */

static const int versions_of_tickets[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* One connection, with the certificate of a client if it has one; *session is what it came with and becomes what it leaves
 * with. */
static void guest_visit(struct tls_context *server, int version, SSL_SESSION **session, X509 *leaf)
{
    struct guest_client guest;
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
    struct tls_server_settings settings = rsa_settings();
    struct tls_context *server = make_server(&settings);
    struct guest_client guest;
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
        struct guest_client guest;
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
        struct guest_client guest;
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
    struct tls_server_settings settings = rsa_settings();
    struct tls_context *server = make_server(&settings);
    struct guest_client guest;
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
    struct tls_server_settings settings = rsa_settings();
    struct tls_context *server = make_server(&settings);
    SSL_SESSION *session = NULL;
    guest_visit(server, TLS1_3_VERSION, &session, NULL);
    for (size_t i = 0; i < 2; i++) {
        struct guest_client guest;
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

/* -- ALPN -- */

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

/* -- certificates of the peer -- */

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
    struct guest_client guest;
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

static void gathering_is_passed_down(void **state)
{
    (void)state;
    open_default();
    assert_false(world.below[0].gathers);
    stream_gather(world.server.stream);
    assert_true(world.below[0].gathers);
    assert_false(world.below[1].gathers);
}

/* -- ends -- */

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

static void ending_of_the_stream_below_is_passed_on(void **state)
{
    (void)state;
    open_default();
    stream_abort(&world.below[0].stream, ENDING_PEER_RESET);
    run();
    assert_int_equal(world.server.why, ENDING_PEER_RESET);
    assert_int_equal(world.server.ends, 1);
}

/* -- back-pressure -- */

enum { MUCH = 3 * 1024 * 1024 + 123 };

static uint8_t *make_much(void)
{
    uint8_t *much = malloc(MUCH);
    assert_non_null(much);
    for (uint32_t i = 0, x = 1; i < MUCH; i++, x = x * 1664525 + 1013904223)
        much[i] = (uint8_t)(x >> 24);
    return much;
}

static void mebibytes_pass_unchanged_through_a_reader_that_stops(void **state)
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
    assert_int_equal(world.below[1].sent - sent, 10000 + 5 + 1 + 16);
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
    assert_int_equal(world.below[1].sent - sent, 50110 + 4 * (5 + 1 + 16));
    run();
    assert_int_equal(world.server.calls, 4);
    expect_got(&world.server, span_of(much, 50110));
    free(much);
}

static void answers_to_the_first_request_leave_with_the_ticket_in_one_send(void **state)
{
    (void)state;
    join_default();
    world.server.answers = true;
    stream_write(world.client.stream, SPAN("request"));
    run();
    assert_int_equal(world.below[0].sends, 2); /* ServerHello to Finished; ticket and answer */
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

/* -- after the handshake -- */

static void key_updates_are_answered_in_the_stream(void **state)
{
    (void)state;
    struct tls_server_settings settings = rsa_settings();
    struct tls_context *server = make_server(&settings);
    struct guest_client guest;
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
    struct tls_server_settings settings = rsa_settings();
    struct tls_context *server = make_server(&settings);
    struct guest_client guest;
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

/* The answers to its key updates join what the peer does not read. OpenSSL may give the first one late. */
static void ask_without_reading(struct guest_client *guest, struct tls_context *server)
{
    static const uint8_t much[STREAM_HIGH + 1];
    guest_join(guest, server, TLS1_3_VERSION, NULL);
    guest_talk(guest, 4);
    assert_int_equal(SSL_is_init_finished(guest->ssl), 1);
    world.below[0].clogged = true;
    assert_false(stream_write(world.server.stream, span_of(much, sizeof much)));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(SSL_key_update(guest->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(guest->ssl, "ping", 4), 4);
        guest_talk(guest, 1);
    }
    assert_true(world.server.got_length < 16);
    assert_true(world.below[0].in_length > 0);
}

static void peer_that_asks_for_answers_and_does_not_read_them_is_not_read(void **state)
{
    (void)state;
    struct tls_server_settings settings = rsa_settings();
    struct tls_context *server = make_server(&settings);
    struct guest_client guest;
    ask_without_reading(&guest, server);
    wire_unclog(&world.below[0]);
    run();
    assert_int_equal(world.below[0].in_length, 0);
    expect_got(&world.server, SPAN("pingpingpingping"));
    assert_int_equal(deadlines_next(&world.loop.deadlines), UINT64_MAX);
    guest_leave(&guest);
    tls_context_unref(server);
}

/* Its ticket waits for words to go with, as before. */
static void peer_that_reads_again_gets_its_ticket(void **state)
{
    (void)state;
    struct tls_server_settings settings = rsa_settings();
    struct tls_context *server = make_server(&settings);
    struct guest_client guest;
    guest_join(&guest, server, TLS1_3_VERSION, NULL);
    guest_talk(&guest, 6);
    world.below[0].high = 0;
    world.below[0].clogged = true;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(SSL_key_update(guest.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(guest.ssl, "ping", 4), 4);
        guest_talk(&guest, 1);
    }
    assert_true(world.below[0].paused);
    wire_unclog(&world.below[0]);
    guest_talk(&guest, 2);
    assert_false(world.below[0].paused);
    assert_int_equal(SSL_SESSION_has_ticket(SSL_get0_session(guest.ssl)), 0);
    guest_is_silent(&guest);
    assert_int_equal(SSL_SESSION_has_ticket(SSL_get0_session(guest.ssl)), 1);
    guest_leave(&guest);
    tls_context_unref(server);
}

static void peer_that_never_reads_the_answers_it_asks_for_is_dropped(void **state)
{
    (void)state;
    struct tls_server_settings settings = rsa_settings();
    struct tls_context *server = make_server(&settings);
    struct guest_client guest;
    ask_without_reading(&guest, server);
    deadlines_expire(&world.loop.deadlines, world.loop.now + LIMIT_SEND);
    turn();
    assert_int_equal(world.server.ends, 1);
    assert_int_equal(world.server.why, ENDING_WRITE_STALLED);
    guest_leave(&guest);
    tls_context_unref(server);
}

static void renegotiation_is_refused_and_the_session_goes_on(void **state)
{
    (void)state;
    struct tls_server_settings settings = rsa_settings();
    struct tls_context *server = make_server(&settings);
    struct guest_client guest;
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

/* A hello for a challenge that comes without a share of a group of ours, so that another one is asked for. */
static void ask_for_challenge(struct guest_client *guest, struct tls_context *server)
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
    struct guest_client guest;
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
    struct guest_client guest;
    ask_for_challenge(&guest, server);
    assert_int_equal(SSL_set_alpn_protos(guest.ssl, http, sizeof http - 1), 0);
    guest_talk(&guest, 3);
    assert_int_equal(world.server.opened, 0);
    assert_null(world.server.stream);
    guest_leave(&guest);
    challenges_deinit(&world.loop.challenges);
    tls_context_unref(server);
}

/* -- heavy handshakes, on the thread -- */

/* Of a server that leaves a client no cheap group. */
static void join_heavy(void)
{
    const char *groups[] = {"P-384"};
    struct tls_server_settings server = rsa_settings();
    struct tls_client_settings client = client_settings();
    server.groups = (struct tls_words){groups, 1, true};
    join(make_server(&server), make_client(&client));
}

/* Until a step has been given to the thread; it is not taken back by then, though it may be done. */
static void run_until_out(void)
{
    for (turn(); world.counters.handshakes_away == 0; turn()) {
        wire_deliver(&world.below[0]);
        wire_deliver(&world.below[1]);
    }
}

static void run_all(void)
{
    for (run(); world.counters.handshakes_away > 0; run())
        sem_wait(&world.woken);
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

/* -- memory that OpenSSL asks for -- */

/* So many more times the lane's thread gets what it asks for; what comes then is refused once, or for as long as it is scarce. */
static struct {
    atomic_bool is_scarce, once;
    atomic_long left, refused;
    pthread_t loop;
} scarcity;

static bool is_refused(void)
{
    if (!scarcity.is_scarce || pthread_equal(pthread_self(), scarcity.loop))
        return false;
    long left = scarcity.left--;
    bool refused = scarcity.once ? left == 0 : left <= 0;
    scarcity.refused += refused;
    return refused;
}

static void *scarce_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size == 0 || is_refused() ? NULL : malloc(size);
}

static void *scarce_realloc(void *block, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_refused() ? NULL : realloc(block, size);
}

static void scarce_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    free(block);
}

/* True: there was an allocation to be refused. */
static bool survives_refusal(long after, bool once)
{
    join_heavy();
    scarcity.left = after;
    scarcity.once = once;
    scarcity.refused = 0;
    scarcity.is_scarce = true;
    run_all();
    scarcity.is_scarce = false;
    assert_int_equal(world.server.opened + world.server.ends, 1);
    if (world.server.ends == 1)
        assert_true(scarcity.refused > 0);
    hang_up();
    return scarcity.refused > 0;
}

/* At each step of a handshake, more of them where there are few: the connection ends, or OpenSSL did without. */
static void handshake_beside_the_loop_survives_each_failing_allocation(void **state)
{
    (void)state;
    scarcity.loop = pthread_self();
    for (int once = 0; once < 2; once++) {
        long refusals = 0;
        for (long after = 0; survives_refusal(after, once); after += 1 + after / 32)
            refusals++;
        assert_true(refusals > 50);
    }
    open_default();
}

int main(void)
{
    if (CRYPTO_set_mem_functions(scarce_malloc, scarce_realloc, scarce_free) != 1)
        return 1;
#define TEST(name)      cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define LANE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_lane, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(both_versions_open_in_pieces_of_any_size),
        TEST(each_suite_of_the_documentation_opens),
        TEST(group_of_x942_serves_dhe),
        TEST(default_suites_serve_ecdsa_keys_over_tls_12),
        TEST(old_versions_are_refused_with_an_alert),
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
        TEST(alpn_of_others_only_is_refused_and_none_is_fine),
        TEST(backend_of_another_name_is_refused),
        TEST(backend_by_address_is_verified_by_address),
        TEST(backend_of_an_unknown_authority_is_refused),
        TEST(client_certificate_is_demanded_and_verified),
        TEST(sent_chain_is_leaf_then_issuers_without_the_root),
        TEST(abort_after_a_failure_ends_at_once_with_the_first_ending),
        TEST(gathering_is_passed_down),
        TEST(finish_says_close_notify_and_the_peer_may_still_write),
        TEST(end_without_close_notify_is_truncation),
        TEST(truncation_waits_for_what_is_held_back),
        TEST(close_notify_waits_for_what_is_held_back),
        TEST(abort_within_on_bytes_is_the_end),
        TEST(garbage_after_the_handshake_is_answered_with_an_alert),
        TEST(plain_http_is_told_to_use_https),
        TEST(client_that_leaves_in_the_handshake_costs_nothing_more),
        TEST(late_handshakes_end_for_both_roles),
        TEST(open_streams_have_no_deadline),
        TEST(abort_in_the_handshake_leaves_the_queue),
        TEST(ending_of_the_stream_below_is_passed_on),
        TEST(mebibytes_pass_unchanged_through_a_reader_that_stops),
        TEST(reader_that_takes_nothing_stops_the_stream_below),
        TEST(writer_is_told_to_wait_and_when_there_is_room),
        TEST(small_writes_of_one_event_share_a_record_and_a_send),
        TEST(large_and_small_writes_of_one_event_leave_in_order_in_full_records_in_one_send),
        TEST(answers_to_the_first_request_leave_with_the_ticket_in_one_send),
        TEST(bytes_written_before_the_handshake_are_sent_after_it),
        TEST(stream_paused_before_it_opens_delivers_later),
        TEST(flood_before_the_handshake_is_bounded),
        TEST(key_updates_are_answered_in_the_stream),
        TEST(key_updates_are_limited_by_the_data_that_comes_between),
        TEST(peer_that_asks_for_answers_and_does_not_read_them_is_not_read),
        TEST(peer_that_reads_again_gets_its_ticket),
        TEST(peer_that_never_reads_the_answers_it_asks_for_is_dropped),
        TEST(renegotiation_is_refused_and_the_session_goes_on),
        TEST(challenge_is_answered_after_a_second_hello),
        TEST(second_hello_cannot_turn_a_challenge_into_a_visit),
        LANE_TEST(heavy_handshakes_are_done_by_the_thread),
        LANE_TEST(cheap_handshakes_are_not),
        LANE_TEST(what_is_heavy_is_told_by_the_groups_of_the_server),
        LANE_TEST(what_is_heavy_is_told_by_the_groups_of_the_client),
        LANE_TEST(abort_while_out_is_told_at_once),
        LANE_TEST(deadline_while_out_ends_the_stream),
        LANE_TEST(peer_that_leaves_while_out_costs_nothing_more),
        LANE_TEST(finish_while_out_ends_the_stream),
        LANE_TEST(bytes_that_come_while_out_are_not_lost),
        LANE_TEST(ticket_keys_may_change_while_out),
        LANE_TEST(handshake_beside_the_loop_survives_each_failing_allocation),
        LANE_TEST(alert_of_a_heavy_handshake_reaches_the_client),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
