/* Arbitrary bytes from a client. The first byte is the size of the pieces they come in; with its highest bit the server is
 * strict about names. Tickets in the corpus are of a key that is all 'k'. */
#include "../unit/tls/forge.h"
#include "../unit/tls/wire.h"

struct guest_user {
    struct stream *stream;
    bool ended;
};

static void on_open(void *data)
{
    (void)data;
}

static size_t on_bytes(void *data, struct span bytes)
{
    (void)data;
    return bytes.len;
}

static void on_end(void *data, enum ending why)
{
    struct guest_user *user = data;
    assert(ending_row(why));
    user->ended = true;
}

static const struct stream_user watching = {on_open, on_bytes, on_open, on_open, on_end};

static void ignore(struct problems *problems, const struct problem *problem)
{
    (void)problems;
    (void)problem;
}

/* A name that wants no certificate of clients, and a wildcard where they may have one. */
static struct tls_context *make_context(bool strict)
{
    struct arena *arena = arena_new();
    EVP_PKEY *pair = forge_keep(arena, EVP_EC_gen("P-256"));
    static const char *const names[] = {"DNS:localhost", "DNS:a.example", "DNS:*.w.example,DNS:b.example"};
    struct pki_file key = forge_key(arena, "key", pair), files[3];
    for (size_t i = 0; i < 3; i++) {
        const struct forge how = {.subject = "localhost", .key = pair, .names = names[i]};
        files[i] = forge_chain(arena, "certificate", forge_certificate(arena, &how), NULL, NULL);
    }
    struct problems problems = {.report = ignore};
    const struct tls_server_certificate more[] = {
        {.key = key, .certificate = files[1], .clients.wanted = TLS_CLIENTS_NONE, .problems = &problems},
        {.key = key, .certificate = files[2], .clients.wanted = TLS_CLIENTS_OPTIONAL, .problems = &problems},
    };
    const struct tls_server_settings settings = {.key = key,
                                                 .certificate = files[0],
                                                 .clients.authorities = {files, 1, true},
                                                 .more = more,
                                                 .more_count = 2,
                                                 .strict_sni = strict};
    struct tls_context *context = tls_server_context_new(&settings, &problems);
    assert(context);
    arena_free(arena);
    return context;
}

static struct tls_tickets *make_tickets(void)
{
    struct tls_ticket_ring ring = {.count = 1};
    struct tls_tickets *tickets = tls_tickets_new();
    assert(tickets);
    memset(ring.keys[0], 'k', TLS_TICKET_KEY);
    tls_tickets_set(tickets, &ring);
    return tickets;
}

static void turn(struct loop *loop)
{
    loop_settle(loop);
    tls_queue_spend(loop->handshakes, 0);
    loop_settle(loop);
    loop_bury(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tls_context *contexts[2]; /* made once: it is what costs */
    struct counters counters = {0};
    struct log log;
    struct loop loop;
    struct wire_end below, other;
    struct challenge challenge;
    struct guest_user server = {0}, client = {0};
    if (size == 0)
        return 0;
    struct tls_context **context = &contexts[data[0] >> 7];
    if (!*context)
        *context = make_context(data[0] >> 7);
    log_init(&log, 2, LOG_QUIET, "fuzz");
    assert(loop_init(&loop, NULL, &log, &counters));
    loop.handshakes = tls_queue_new(NULL, NULL);
    loop.sealer = tls_sealer_new();
    loop.tickets = make_tickets();
    assert(challenge_parse(SPAN("tls-alpn-01 a.example.com token token.thumb"), &challenge));
    assert(challenges_add(&loop.challenges, &challenge));
    wire_init_end(&below, &other, &loop);
    wire_init_end(&other, &below, &loop);
    stream_attach(&other.stream, &watching, &client);
    stream_attach(tls_accept(&loop, &below.stream, *context, 1000, NULL), &watching, &server);
    below.piece = data[0] & 0x7f;
    wire_append(&below.in, &below.in_length, span_of(data + 1, size - 1));
    do
        turn(&loop);
    while (wire_deliver(&below) || tls_queue_is_waiting(loop.handshakes));
    deadlines_expire(&loop.deadlines, UINT64_MAX);
    stream_abort(&other.stream, ENDING_DONE);
    turn(&loop);
    assert(server.ended && client.ended && deadlines_next(&loop.deadlines) == UINT64_MAX);
    wire_deinit_end(&below);
    wire_deinit_end(&other);
    tls_queue_free(loop.handshakes);
    tls_sealer_free(loop.sealer);
    tls_tickets_free(loop.tickets);
    loop_deinit(&loop);
    return 0;
}
