#include "world.h"

#include <stdio.h>

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

const struct stream_user recording = {user_on_open, user_on_bytes, user_on_room, user_on_eof, user_on_end};

struct world world;

static X509 *make_leaf(const char *subject, EVP_PKEY *key, const char *use)
{
    return forge_certificate(world.arena, &(struct forge){.subject = subject,
                                                          .key = key,
                                                          .issuer = world.root,
                                                          .issuer_key = world.root_key,
                                                          .names = "DNS:localhost,IP:127.0.0.1",
                                                          .use = use});
}

static void count_object(void *ssl, void *unset, CRYPTO_EX_DATA *data, int index, long number, void *pointer)
{
    (void)ssl, (void)unset, (void)data, (void)index, (void)number, (void)pointer;
    world.objects++;
}

static void discount_object(void *ssl, void *unset, CRYPTO_EX_DATA *data, int index, long number, void *pointer)
{
    (void)ssl, (void)unset, (void)data, (void)index, (void)number, (void)pointer;
    world.objects--;
}

/* What can be done once only. */
static void prepare_process(void)
{
    static bool is_prepared;
    if (!is_prepared) {
        assert_true(tls_provider_prepare());
        assert_true(SSL_get_ex_new_index(0, NULL, count_object, NULL, discount_object) >= 0);
    }
    is_prepared = true;
}

int set_up_all(void **state)
{
    (void)state;
    struct arena *arena = world.arena = arena_new();
    prepare_process();
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

int tear_down_all(void **state)
{
    (void)state;
    arena_free(world.arena);
    return 0;
}

void fill_ring(uint32_t count)
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
    world.problems = world.objects = 0;
    log_init(&world.log, 2, LOG_ERROR, "test");
    assert_true(loop_init(&world.loop, NULL, &world.log, &world.counters));
    sem_init(&world.woken, 0, 0);
    world.loop.handshakes = tls_queue_new(waker, &world.woken);
    assert_non_null(world.loop.handshakes);
    world.loop.sealer = world.has_no_sealer ? NULL : tls_sealer_new();
    assert_true(world.loop.sealer || world.has_no_sealer);
    world.loop.tickets = tls_tickets_new();
    assert_non_null(world.loop.tickets);
    fill_ring(1);
    wire_init_end(&world.below[0], &world.below[1], &world.loop);
    wire_init_end(&world.below[1], &world.below[0], &world.loop);
    return 0;
}

int set_up(void **state)
{
    (void)state;
    return set_up_with(NULL);
}

int set_up_lane(void **state)
{
    (void)state;
    return set_up_with(wake);
}

void turn(void)
{
    loop_settle(&world.loop);
    tls_queue_spend(world.loop.handshakes, UINT64_MAX);
    loop_settle(&world.loop);
    loop_bury(&world.loop);
}

void run(void)
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

void run_all(void)
{
    for (run(); world.counters.handshakes_away > 0; run())
        sem_wait(&world.woken);
}

static void forget(struct user *user)
{
    free(user->got);
    *user = (struct user){.take = SIZE_MAX};
}

void hang_up(void)
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

int tear_down(void **state)
{
    (void)state;
    hang_up();
    tls_queue_free(world.loop.handshakes);
    tls_sealer_free(world.loop.sealer);
    tls_tickets_free(world.loop.tickets);
    assert_int_equal(world.counters.handshakes_away, 0);
    assert_int_equal(world.objects, 0);
    sem_destroy(&world.woken);
    loop_deinit(&world.loop);
    return 0;
}

/* The macro of cmocka that this is behind wants to count the tests by itself. */
static int run_over(const struct CMUnitTest *tests, size_t count, int version, const char *const names[2])
{
    int failed = 0;
    world.version = version;
    for (size_t i = 0; i < 2; i++) {
        world.has_no_sealer = i == 1;
        print_message("%s:\n", names[i]);
        failed += _cmocka_run_group_tests(names[i], tests, count, set_up_all, tear_down_all);
    }
    return failed;
}

int run_over_records(const struct CMUnitTest *tests, size_t count)
{
    static const char *const names[] = {"records of ours", "records of OpenSSL"};
    return run_over(tests, count, 0, names);
}

int run_over_records_and_versions(const struct CMUnitTest *tests, size_t count)
{
    static const char *const of_tls12[] = {"TLS 1.2, records of ours", "TLS 1.2, records of OpenSSL"};
    static const char *const of_tls13[] = {"TLS 1.3, records of ours", "TLS 1.3, records of OpenSSL"};
    return run_over(tests, count, TLS1_2_VERSION, of_tls12) + run_over(tests, count, TLS1_3_VERSION, of_tls13);
}

void count_problem(struct problems *problems, const struct problem *problem)
{
    (void)problems;
    if (problem->severity != PROBLEM_NOTE)
        print_message("%s: %s\n", problem->key, problem->text);
    world.problems += problem->severity != PROBLEM_NOTE;
}

struct tls_context *make_server(const struct tls_server_settings *settings)
{
    struct problems problems = {.report = count_problem};
    struct tls_context *context = tls_server_context_new(settings, &problems);
    assert_non_null(context);
    assert_int_equal(world.problems, 0);
    return context;
}

struct tls_context *make_client(const struct tls_client_settings *settings)
{
    struct problems problems = {.report = count_problem};
    struct tls_context *context = tls_client_context_new(settings, &problems);
    assert_non_null(context);
    assert_int_equal(SSL_CTX_set_max_proto_version(context->ssl, world.version), 1);
    return context;
}

struct tls_server_settings rsa_settings(void)
{
    return (struct tls_server_settings){.key = world.rsa_key, .certificate = world.rsa_file};
}

struct tls_context *make_rsa_server(void)
{
    struct tls_server_settings settings = rsa_settings();
    return make_server(&settings);
}

struct tls_client_settings client_settings(void)
{
    return (struct tls_client_settings){.hostname = "localhost", .authorities = {&world.root_file, 1, true}};
}

void attach(struct user *user, struct stream *stream)
{
    assert_non_null(stream);
    user->stream = stream;
    stream_attach(stream, &recording, user);
}

void join(struct tls_context *server, struct tls_context *client)
{
    attach(&world.server, tls_accept(&world.loop, &world.below[0].stream, server, TIMEOUT, NULL));
    attach(&world.client, tls_connect(&world.loop, &world.below[1].stream, client, TIMEOUT));
    tls_context_unref(server);
    tls_context_unref(client);
}

void join_default(void)
{
    struct tls_server_settings server = rsa_settings();
    struct tls_client_settings client = client_settings();
    join(make_server(&server), make_client(&client));
}

/* Where the records are ours OpenSSL's objects are gone; but a server's makes a ticket yet, over TLS 1.3. */
void open_default(void)
{
    join_default();
    run();
    assert_int_equal(world.server.opened, 1);
    assert_int_equal(world.client.opened, 1);
    assert_int_equal(world.objects, world.has_no_sealer ? 2 : world.version != TLS1_2_VERSION);
}

/* With AES-GCM, which both sides choose: head, explicit nonce or type, tag. */
size_t record_expansion(void)
{
    return world.version == TLS1_2_VERSION ? 5 + 8 + 16 : 5 + 1 + 16;
}

void join_heavy(void)
{
    const char *groups[] = {"P-384"};
    struct tls_server_settings server = rsa_settings();
    struct tls_client_settings client = client_settings();
    server.groups = (struct tls_words){groups, 1, true};
    join(make_server(&server), make_client(&client));
}

void expect_got(const struct user *user, struct span bytes)
{
    assert_int_equal(user->got_length, bytes.len);
    assert_memory_equal(user->got, bytes.at, bytes.len);
}

/* -- a peer of plain OpenSSL, which does what our streams never do -- */

static void take_secret(const char *line, const char *label, uint8_t *secret)
{
    size_t length = strlen(label);
    if (strncmp(line, label, length) != 0)
        return;
    const char *hex = strrchr(line, ' ') + 1;
    for (size_t i = 0; hex[2 * i]; i++) {
        const char digits[] = {hex[2 * i], hex[2 * i + 1], '\0'};
        secret[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
}

/* Lines of the log: label, client's random, secret. */
static void on_key_log(const SSL *ssl, const char *line)
{
    struct guest_peer *guest = SSL_get_app_data(ssl);
    take_secret(line, "CLIENT_TRAFFIC_SECRET_0 ", guest->secrets[0]);
    take_secret(line, "SERVER_TRAFFIC_SECRET_0 ", guest->secrets[1]);
}

static void guest_begin(struct guest_peer *guest, const SSL_METHOD *method, int version)
{
    *guest = (struct guest_peer){.context = SSL_CTX_new(method)};
    SSL_CTX_set_max_proto_version(guest->context, version);
    SSL_CTX_set_keylog_callback(guest->context, on_key_log);
    SSL_CTX_set_num_tickets(guest->context, 0);
    guest->ssl = SSL_new(guest->context);
    SSL_set_app_data(guest->ssl, guest);
    guest->in = BIO_new(BIO_s_mem());
    guest->out = BIO_new(BIO_s_mem());
    SSL_set_bio(guest->ssl, guest->in, guest->out);
}

/* What arrives at the end that is not ours is only overheard. */
static void guest_sit(struct guest_peer *guest, struct user *user, struct user *overheard, size_t end)
{
    guest->user = user;
    guest->ours = &world.below[end];
    guest->overheard = overheard;
    overheard->opened = 1;
    stream_attach(&world.below[1 - end].stream, &recording, overheard);
}

void guest_join(struct guest_peer *guest, struct tls_context *server, int version, SSL_SESSION *session)
{
    guest_begin(guest, TLS_client_method(), version);
    guest_sit(guest, &world.server, &world.client, 0);
    attach(&world.server, tls_accept(&world.loop, &world.below[0].stream, server, TIMEOUT, NULL));
    SSL_set_connect_state(guest->ssl);
    if (session)
        assert_int_equal(SSL_set_session(guest->ssl, session), 1);
}

void guest_serve(struct guest_peer *guest, struct tls_context *client, int version)
{
    guest_begin(guest, TLS_server_method(), version);
    guest_sit(guest, &world.client, &world.server, 1);
    assert_int_equal(SSL_use_certificate(guest->ssl, world.rsa_leaf), 1);
    assert_int_equal(SSL_use_PrivateKey(guest->ssl, world.rsa), 1);
    SSL_set_accept_state(guest->ssl);
    attach(&world.client, tls_connect(&world.loop, &world.below[1].stream, client, TIMEOUT));
}

void guest_talk(struct guest_peer *guest, int times)
{
    while (times-- > 0) {
        char *bytes = NULL;
        int length = SSL_read(guest->ssl, guest->got, sizeof guest->got - 1);
        guest->got[length > 0 ? length : 0] = '\0';
        size_t waiting = (size_t)BIO_get_mem_data(guest->out, &bytes);
        wire_append(&guest->ours->in, &guest->ours->in_length, span_of(bytes, waiting));
        (void)BIO_reset(guest->out);
        run();
        if (guest->overheard->got_length > 0)
            BIO_write(guest->in, guest->overheard->got, (int)guest->overheard->got_length);
        guest->overheard->got_length = 0;
        if (length > 0)
            return;
    }
}

void guest_is_silent(struct guest_peer *guest)
{
    deadlines_expire(&world.loop.deadlines, world.loop.now + SILENCE);
    guest_talk(guest, 2);
}

void guest_leave(struct guest_peer *guest)
{
    /* Else OpenSSL takes the session for broken, and does not resume it. */
    SSL_set_shutdown(guest->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(guest->ssl);
    SSL_CTX_free(guest->context);
    hang_up();
}
