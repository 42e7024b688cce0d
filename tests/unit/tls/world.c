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

int set_up_all(void **state)
{
    (void)state;
    struct arena *arena = world.arena = arena_new();
    assert_true(tls_provider_prepare());
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
    world.problems = 0;
    log_init(&world.log, 2, LOG_ERROR, "test");
    assert_true(loop_init(&world.loop, NULL, &world.log, &world.counters));
    sem_init(&world.woken, 0, 0);
    world.loop.handshakes = tls_queue_new(waker, &world.woken);
    assert_non_null(world.loop.handshakes);
    world.loop.sealer = tls_sealer_new();
    assert_non_null(world.loop.sealer);
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
    sem_destroy(&world.woken);
    loop_deinit(&world.loop);
    return 0;
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

void open_default(void)
{
    join_default();
    run();
    assert_int_equal(world.server.opened, 1);
    assert_int_equal(world.client.opened, 1);
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

/* -- a client of plain OpenSSL, which does what our streams never do -- */

void guest_join(struct guest_client *guest, struct tls_context *server, int version, SSL_SESSION *session)
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

void guest_talk(struct guest_client *guest, int times)
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

void guest_is_silent(struct guest_client *guest)
{
    deadlines_expire(&world.loop.deadlines, world.loop.now + SILENCE);
    guest_talk(guest, 2);
}

void guest_leave(struct guest_client *guest)
{
    /* Else OpenSSL takes the session for broken, and does not resume it. */
    SSL_set_shutdown(guest->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(guest->ssl);
    SSL_CTX_free(guest->context);
    hang_up();
}
