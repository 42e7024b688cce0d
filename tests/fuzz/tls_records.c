/* What a peer that has the keys may send over an open connection: the input is a script, and each of its records is sealed, so that
 * it gets behind the MAC; but some are damaged, and some bytes are as they are.
 *
 * There is no handshake: the one of src/tls is not linked, and the functions in its place open a stream at its first bytes, with keys that are
 * known. What OpenSSL has to say of a handshake comes from one between two objects of its own, for each kind of connection once.
 *
 * Whatever the script says, the user is told what was said, in order, up to the first damage; and what the stream sends can be opened, is what its
 * user wrote, and ends with the first alert that ends it. */
#include "../unit/tls/forge.h"
#include "../unit/tls/wire.h"

#include "handshake.h"
#include "protection.h"

/* -- the peer and its script -- */

static struct {
    struct loop loop;
    struct wire_end below, other;
    struct stream *stream;     /* NULL: it has ended */
    struct tls_sealer *sealer; /* of the peer */
    struct protection in, out; /* of the peer */
    struct tls_secrets secrets;
    const char *suite;
    SSL *ssl;
    int version;
    enum tls_role role;             /* of the stream */
    uint8_t *said;                  /* content for the user */
    size_t said_length, got_length; /* and how much he has got of it */
    uint8_t *wrote, *heard;         /* what the user wrote, and what is not opened yet of what the stream sent */
    size_t wrote_length, heard_length, confirmed; /* of what he wrote */
    bool is_damaged;                              /* nothing is content any more */
    bool is_plain;                                /* nothing but content and proper key updates has been said */
    bool owes_ticket, is_over;                    /* the stream's last words have been heard */
    bool answers, pauses;
    uint8_t take; /* 0: all */
} world;

static struct span script;
enum { HIGH = 20000, MUCH = 1 << 17 }; /* bytes: below is full; no script has to say and to answer more */

static uint8_t next(void)
{
    const uint8_t byte = script.len > 0 ? script.at[0] : 0;
    script = span_tail(script, 1);
    return byte;
}

static struct span next_bytes(size_t length)
{
    const struct span bytes = span_head(script, length);
    script = span_tail(script, length);
    return bytes;
}

/* -- what the stream sends -- */

/* Made by OpenSSL's object, with keys of its own. */
static bool is_ticket(struct span record)
{
    bool is_one = world.owes_ticket && record.at[0] == CONTENT_APPLICATION_DATA;
    world.owes_ticket = false;
    world.in.sequence += is_one;
    return is_one;
}

static void check_content(const struct content *content)
{
    static const uint8_t key_update[] = {24, 0, 0, 1, 0};
    const struct span bytes = content->bytes;
    assert(!world.is_over);
    switch (content->type) {
    case CONTENT_APPLICATION_DATA:
        assert(bytes.len > 0 && bytes.len <= world.wrote_length - world.confirmed);
        assert(memcmp(bytes.at, world.wrote + world.confirmed, bytes.len) == 0);
        world.confirmed += bytes.len;
        return;
    case CONTENT_ALERT:
        assert(bytes.len == 2 && (bytes.at[0] == 2 || bytes.at[1] == 0 || bytes.at[1] == 100));
        world.is_over = bytes.at[1] != 100;
        return;
    default:
        assert(content->type == CONTENT_HANDSHAKE && world.version == TLS1_3_VERSION);
        assert(span_equal(bytes, span_of(key_update, sizeof key_update)));
        assert(protection_renew(&world.in, world.sealer));
    }
}

static void check_record(struct span record)
{
    static uint8_t opened[SEALER_RECORD];
    struct content content;
    if (protection_open(&world.in, world.sealer, record, opened, &content) == OPENING_DONE)
        check_content(&content);
    else
        assert(is_ticket(record));
}

static size_t other_on_bytes(void *data, struct span bytes)
{
    (void)data;
    wire_append(&world.heard, &world.heard_length, bytes);
    size_t at = 0;
    while (world.heard_length - at >= RECORD_HEAD) {
        const size_t length = protection_record_length(&world.in, world.heard + at);
        assert(length > 0);
        if (length > world.heard_length - at)
            break;
        check_record(span_of(world.heard + at, length));
        at += length;
    }
    memmove(world.heard, world.heard + at, world.heard_length - at);
    world.heard_length -= at;
    return bytes.len;
}

/* -- the user of the stream -- */

static void user_writes(struct span bytes)
{
    if (!world.stream)
        return;
    wire_append(&world.wrote, &world.wrote_length, bytes);
    stream_write(world.stream, bytes);
}

static size_t user_on_bytes(void *data, struct span bytes)
{
    (void)data;
    const struct span part = span_head(bytes, world.take > 0 ? world.take : SIZE_MAX);
    assert(part.len <= world.said_length - world.got_length);
    assert(memcmp(part.at, world.said + world.got_length, part.len) == 0);
    world.got_length += part.len;
    if (world.pauses)
        stream_pause(world.stream, true);
    if (world.answers)
        user_writes(part);
    return part.len;
}

static void ignore(void *data)
{
    (void)data;
}

static void user_on_end(void *data, enum ending why)
{
    (void)data;
    assert(why != ENDING_INTERNAL && why != ENDING_MEMORY);
    world.stream = NULL;
}

static void other_on_end(void *data, enum ending why)
{
    (void)data, (void)why;
}

static const struct stream_user user = {ignore, user_on_bytes, ignore, ignore, user_on_end};
static const struct stream_user other = {ignore, other_on_bytes, ignore, ignore, other_on_end};

/* -- in place of handshake.c -- */

struct tls_handshake {
    const struct tls_handshake_user *on;
    void *user;
};

struct tls_handshake *tls_handshake_new(const struct pipe *pipe, struct tls_context *context, const struct peer *peer,
                                        uint32_t timeout, const struct tls_handshake_user *on, void *user_of_it)
{
    (void)pipe, (void)context, (void)peer, (void)timeout;
    struct tls_handshake *handshake = malloc(sizeof *handshake);
    assert(handshake);
    *handshake = (struct tls_handshake){on, user_of_it};
    return handshake;
}

void tls_handshake_free(struct tls_handshake *handshake)
{
    free(handshake);
}

void tls_handshake_begin(struct tls_handshake *handshake)
{
    (void)handshake;
}

void tls_handshake_restart_clock(struct tls_handshake *handshake)
{
    (void)handshake;
}

size_t tls_handshake_on_bytes(struct tls_handshake *handshake, struct span ciphertext)
{
    const struct tls_opened opened = {
        .ssl = world.ssl, .secrets = &world.secrets, .kept = malloc(ciphertext.len), .kept_length = ciphertext.len};
    assert(opened.kept && SSL_up_ref(world.ssl) == 1);
    memcpy(opened.kept, ciphertext.at, ciphertext.len);
    handshake->on->on_open(handshake->user, &opened);
    return ciphertext.len;
}

void tls_handshake_on_eof(struct tls_handshake *handshake)
{
    handshake->on->on_dropped(handshake->user, ENDING_PEER_LEFT);
}

/* -- what OpenSSL knows of a handshake -- */

static SSL_CTX *make_library_context(const SSL_METHOD *method, int version, const char *suite)
{
    SSL_CTX *context = SSL_CTX_new(method);
    assert(context && SSL_CTX_set_max_proto_version(context, version) == 1);
    assert((version == TLS1_2_VERSION ? SSL_CTX_set_cipher_list : SSL_CTX_set_ciphersuites)(context, suite) == 1);
    SSL_CTX_set_num_tickets(context, 0);
    return context;
}

static void certify(SSL_CTX *context)
{
    struct arena *arena = arena_new();
    EVP_PKEY *key = forge_keep(arena, EVP_EC_gen("P-256"));
    const struct forge how = {.subject = "localhost", .key = key, .names = "DNS:localhost"};
    assert(SSL_CTX_use_certificate(context, forge_certificate(arena, &how)) == 1);
    assert(SSL_CTX_use_PrivateKey(context, key) == 1);
    arena_free(arena);
}

/* The object of that role; the other goes. */
static SSL *shake_hands(enum tls_role role, int version, const char *suite)
{
    SSL_CTX *contexts[] = {make_library_context(TLS_server_method(), version, suite),
                           make_library_context(TLS_client_method(), version, suite)};
    BIO *bios[] = {BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())};
    SSL *ends[2];
    certify(contexts[0]);
    for (size_t i = 0; i < 2; i++) {
        ends[i] = SSL_new(contexts[i]);
        BIO_up_ref(bios[0]), BIO_up_ref(bios[1]);
        SSL_set_bio(ends[i], bios[i], bios[1 - i]);
    }
    SSL_set_accept_state(ends[0]);
    SSL_set_connect_state(ends[1]);
    for (int i = 0; i < 8; i++)
        SSL_do_handshake(ends[1 - i % 2]);
    assert(SSL_is_init_finished(ends[0]) && SSL_is_init_finished(ends[1]));
    SSL *kept = ends[role == TLS_CLIENT];
    SSL_free(ends[role == TLS_SERVER]);
    for (size_t i = 0; i < 2; i++)
        BIO_free(bios[i]), SSL_CTX_free(contexts[i]);
    return kept;
}

/* -- making it all -- */

static const struct {
    const char *name;
    int version;
    enum aead aead;
    size_t key_block;
    const char *digest;
} kinds[] = {
    {"TLS_AES_128_GCM_SHA256", TLS1_3_VERSION, AEAD_AES_128_GCM, 0, "SHA256"},
    {"TLS_AES_256_GCM_SHA384", TLS1_3_VERSION, AEAD_AES_256_GCM, 0, "SHA384"},
    {"TLS_CHACHA20_POLY1305_SHA256", TLS1_3_VERSION, AEAD_CHACHA20_POLY1305, 0, "SHA256"},
    {"ECDHE-ECDSA-AES128-GCM-SHA256", TLS1_2_VERSION, AEAD_AES_128_GCM, 2 * (16 + 4), NULL},
    {"ECDHE-ECDSA-AES256-GCM-SHA384", TLS1_2_VERSION, AEAD_AES_256_GCM, 2 * (32 + 4), NULL},
    {"ECDHE-ECDSA-CHACHA20-POLY1305", TLS1_2_VERSION, AEAD_CHACHA20_POLY1305, 2 * (32 + 12), NULL},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void take_keys(size_t kind)
{
    static struct derive_digest digest;
    struct protection *client = world.role == TLS_CLIENT ? &world.in : &world.out;
    struct protection *server = world.role == TLS_CLIENT ? &world.out : &world.in;
    struct tls_secrets *secrets = &world.secrets;
    const enum aead aead = kinds[kind].aead;
    *secrets = (struct tls_secrets){.block_length = kinds[kind].key_block, .received = 1, .sent = 1};
    memset(secrets->block, 'b', sizeof secrets->block);
    memset(secrets->client, 'c', sizeof secrets->client);
    memset(secrets->server, 's', sizeof secrets->server);
    if (world.version == TLS1_2_VERSION) {
        assert(protection_init_tls12(client, server, aead, span_of(secrets->block, secrets->block_length)));
        client->sequence = server->sequence = 1;
        return;
    }
    const EVP_MD *algorithm = EVP_get_digestbyname(kinds[kind].digest);
    digest =
        (struct derive_digest){algorithm, (size_t)EVP_MD_get_size(algorithm), (size_t)EVP_MD_get_block_size(algorithm)};
    secrets->digest = &digest;
    secrets->has_client = secrets->has_server = true;
    assert(protection_init_tls13(client, world.sealer, aead, &digest, secrets->client) &&
           protection_init_tls13(server, world.sealer, aead, &digest, secrets->server));
}

static void no_problem(struct problems *problems, const struct problem *problem)
{
    (void)problems;
    (void)problem;
}

static struct tls_context *context_of(enum tls_role role)
{
    static struct tls_context *contexts[2];
    struct problems problems = {.report = no_problem};
    if (!contexts[role])
        contexts[role] = tls_context_new(role, &problems);
    assert(contexts[role]);
    return contexts[role];
}

/* It reads from a pipe, as all that come of our handshake do. */
static SSL *object_of(size_t kind, enum tls_role role)
{
    static SSL *objects[KINDS][2];
    SSL **object = &objects[kind][role];
    if (!*object) {
        *object = shake_hands(role, kinds[kind].version, kinds[kind].name);
        SSL_set0_rbio(*object, pipe_bio_new(context_of(role)->pipe, NULL));
    }
    return *object;
}

static void begin(struct log *log, struct counters *counters)
{
    static struct tls_sealer *sealer;
    const uint8_t how = next(), behaves = next();
    const size_t kind = how / 2 % KINDS;
    if (!sealer)
        sealer = tls_sealer_new();
    memset(&world, 0, sizeof world);
    world.sealer = sealer;
    world.role = how % 2 ? TLS_CLIENT : TLS_SERVER;
    world.version = kinds[kind].version;
    world.ssl = object_of(kind, world.role);
    world.owes_ticket = world.role == TLS_SERVER && world.version == TLS1_3_VERSION;
    world.is_plain = true;
    world.answers = behaves & 1;
    world.pauses = behaves & 2;
    world.take = behaves >> 2;
    take_keys(kind);
    log_init(log, 2, LOG_QUIET, "fuzz");
    assert(loop_init(&world.loop, NULL, log, counters));
    world.loop.sealer = tls_sealer_new();
    assert(world.loop.sealer);
    wire_init_end(&world.below, &world.other, &world.loop);
    wire_init_end(&world.other, &world.below, &world.loop);
    world.below.high = HIGH;
    stream_attach(&world.other.stream, &other, NULL);
    struct tls_context *context = context_of(world.role);
    world.stream = world.role == TLS_SERVER ? tls_accept(&world.loop, &world.below.stream, context, 1000, NULL)
                                            : tls_connect(&world.loop, &world.below.stream, context, 1000);
    assert(world.stream);
    stream_attach(world.stream, &user, NULL);
}

static void turn(void)
{
    loop_settle(&world.loop);
    loop_bury(&world.loop);
}

static void run(void)
{
    bool moved;
    do {
        turn();
        moved = wire_deliver(&world.below);
        turn();
        moved |= wire_deliver(&world.other);
    } while (moved);
    turn();
}

/* -- the steps of a script -- */

static const uint8_t zeros[RECORD_CONTENT_MAX + 512];

/* Out of the script, or as many zeros, which cost it little. */
static struct span next_content(void)
{
    const uint8_t length = next();
    const size_t many = (size_t)(length & 0x7f) << 8 | (length & 0x80 ? next() : 0);
    return length < 0x80 ? next_bytes(length) : span_of(zeros, many < sizeof zeros ? many : sizeof zeros);
}

static void send_record(enum content_type type, struct span content, uint8_t damage)
{
    static uint8_t record[RECORD_CONTENT_MAX + 1024];
    size_t length = protection_seal(&world.out, world.sealer, type, content, record);
    assert(length > 0);
    if (damage > 0)
        record[damage % length] ^= (uint8_t)(1 + next() % 255);
    world.is_damaged |= damage > 0;
    wire_append(&world.below.in, &world.below.in_length, span_of(record, length));
}

static void say(uint8_t type, struct span content, uint8_t damage)
{
    const bool is_content = type == CONTENT_APPLICATION_DATA && content.len <= RECORD_CONTENT_MAX && damage == 0;
    if (is_content && !world.is_damaged)
        wire_append(&world.said, &world.said_length, content);
    world.is_plain &= is_content;
    send_record((enum content_type)type, content, damage);
}

static const uint8_t types[] = {CONTENT_APPLICATION_DATA, CONTENT_HANDSHAKE, CONTENT_ALERT, CONTENT_CHANGE_CIPHER_SPEC};

/* Whatever type it is. Over TLS 1.3 none is padding, and what is before it would be the type. */
static void say_oddly(void)
{
    const uint8_t type = next();
    const struct span content = next_content();
    say(type, type > 0 ? content : span_of(zeros, content.len), 0);
}

static void say_damaged(void)
{
    const struct span content = next_content();
    say(CONTENT_APPLICATION_DATA, content, next());
}

/* Over TLS 1.3 the type lies behind the content, and zeros behind it. */
static void say_padded(void)
{
    static uint8_t inner[RECORD_CONTENT_MAX + 512];
    const uint8_t type = types[next() % 4];
    const struct span content = next_content();
    const size_t padding = next() * 66U, length = content.len + padding;
    if (world.version == TLS1_2_VERSION || padding == 0 || length > sizeof inner - 1)
        return;
    memset(inner, 0, sizeof inner);
    memcpy(inner, content.at, content.len);
    inner[content.len] = type;
    const bool is_content = type == CONTENT_APPLICATION_DATA && length <= RECORD_CONTENT_MAX;
    if (is_content && !world.is_damaged)
        wire_append(&world.said, &world.said_length, content);
    world.is_plain &= is_content;
    send_record((enum content_type)0, span_of(inner, length), 0);
}

static void update_keys(uint8_t request)
{
    const uint8_t message[] = {24, 0, 0, 1, request};
    world.is_plain &= request < 2;
    send_record(CONTENT_HANDSHAKE, span_of(message, sizeof message), 0);
    if (world.version == TLS1_3_VERSION)
        assert(protection_renew(&world.out, world.sealer));
}

/* Whatever it is: no record of the peer. */
static void send_raw(struct span bytes)
{
    world.is_damaged |= bytes.len > 0;
    wire_append(&world.below.in, &world.below.in_length, bytes);
}

static void hold_back(bool clogged)
{
    if (!clogged && world.below.clogged && !world.below.ended)
        wire_unclog(&world.below);
    world.below.clogged = clogged;
}

static void expire(uint64_t time)
{
    world.loop.now += time;
    deadlines_expire(&world.loop.deadlines, world.loop.now);
}

static void step(void)
{
    const uint8_t what = next();
    switch (what % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        say(types[what % 16], next_content(), 0);
        return;
    case 4:
        say_oddly();
        return;
    case 5:
        say_padded();
        return;
    case 6:
        update_keys(next());
        return;
    case 7:
        say_damaged();
        return;
    case 8:
        send_raw(next_content());
        return;
    case 9:
        world.below.piece = world.below.in_length < 2000 ? next() : 0; /* much in small pieces takes long */
        run();
        world.below.piece = 0;
        return;
    case 10:
        user_writes(next_content());
        return;
    case 11:
        world.pauses = what & 0x10;
        if (world.stream)
            stream_pause(world.stream, what & 0x20);
        return;
    case 12:
        hold_back(what & 0x10);
        return;
    case 13:
        expire(next() * 10U);
        return;
    case 14:
        world.below.eof_due = what & 0x10;
        run();
        return;
    default:
        if (world.stream && (what & 0x30) == 0x30)
            stream_finish(world.stream);
        run();
    }
}

/* All that can go on goes on. */
static void finish(void)
{
    world.pauses = false;
    hold_back(false);
    for (size_t before = SIZE_MAX; world.got_length != before;) {
        before = world.got_length;
        if (world.stream)
            stream_pause(world.stream, false);
        run();
    }
    if (world.stream && world.is_plain && !world.is_damaged && !world.is_over && !world.below.eof_due)
        assert(world.got_length == world.said_length);
    if (world.stream)
        stream_abort(world.stream, ENDING_DONE);
    stream_abort(&world.other.stream, ENDING_DONE);
    turn();
    assert(!world.stream && deadlines_next(&world.loop.deadlines) == UINT64_MAX && world.loop.pool.lent == 0);
}

static void end(void)
{
    wire_deinit_end(&world.below);
    wire_deinit_end(&world.other);
    protection_wipe(&world.in, world.sealer);
    protection_wipe(&world.out, world.sealer);
    tls_sealer_free(world.loop.sealer);
    loop_deinit(&world.loop);
    free(world.said), free(world.wrote), free(world.heard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct counters counters = {0};
    struct log log;
    script = span_of(data, size);
    begin(&log, &counters);
    while (script.len > 0 && world.said_length + world.wrote_length < MUCH)
        step();
    finish();
    end();
    return 0;
}
