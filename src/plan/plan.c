#include "settings.h"

#include "crossgate/limits.h"

#include <arpa/inet.h>

/* Life. The plan lives in its own arena. */

static void plan_free(struct counted *counted)
{
    arena_free(CONTAINER_OF(counted, struct plan, counted)->arena);
}

static struct plan *plan_new(void)
{
    struct arena *arena = arena_new();
    struct plan *plan = arena ? arena_alloc(arena, sizeof *plan) : NULL;

    if (!plan) {
        arena_free(arena);
        return NULL;
    }
    counted_init(&plan->counted, plan_free);
    plan->arena = arena;
    plan->process.drain_timeout = LIMIT_DRAIN;
    plan->process.watch = true;
    plan->process.session_tickets = true;
    return plan;
}

static const char *find_variable(void *user, const char *name)
{
    struct builder *builder = user;

    return sources_variable(builder->sources, name);
}

/* Two transports on one address. */

static bool is_wildcard(const struct net_listen *where)
{
    return where->interface[0] == '\0' || strcmp(where->interface, "0.0.0.0") == 0 ||
           strcmp(where->interface, "::") == 0;
}

/* The same bytes, however they are written; names are compared as text. */
static bool same_interface(const struct net_listen *a, const struct net_listen *b)
{
    uint8_t a_bytes[16], b_bytes[16];
    int family = a->version == 6 ? AF_INET6 : AF_INET;

    if (a->version != b->version)
        return false;
    if (is_wildcard(a) || is_wildcard(b))
        return true;
    if (inet_pton(family, a->interface, a_bytes) == 1 && inet_pton(family, b->interface, b_bytes) == 1)
        return memcmp(a_bytes, b_bytes, family == AF_INET6 ? 16 : 4) == 0;
    return strcasecmp(a->interface, b->interface) == 0;
}

/* A range takes a free port, so only two single ports can be meant to be the same. */
static bool same_address(const struct net_listen *a, const struct net_listen *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == NET_UNIX)
        return strcmp(a->path, b->path) == 0;
    return a->port == b->port && a->port == a->port_last && b->port == b->port_last && same_interface(a, b);
}

struct listener_place {
    const struct config_place *place; /* of the endpoint */
    const struct net_listen *where;
};

static void compare(struct config_reader *reader, const struct listener_place *earlier,
                    const struct listener_place *later)
{
    const char *path;

    if (!same_address(earlier->where, later->where))
        return;
    path = config_place_print(reader, earlier->place);
    if (earlier->where->kind == NET_TCP && earlier->where->shared && later->where->shared)
        config_report(reader, PROBLEM_NOTE, later->place, NULL,
                      "listens on the same address as %s: the system spreads connections over both", path);
    else
        config_report(reader, PROBLEM_ERROR, later->place,
                      "choose another port or interface; for one service on several workers set `shared` on all",
                      "listens on the same address as %s", path);
}

/* Composing. */

static size_t count_transports(const struct node *node)
{
    size_t count = 0;

    for (size_t i = 0; i < node->workers.count; i++) {
        const struct worker *worker = node->workers.at[i].choice.settings;
        count += worker ? worker->transports.count : 0;
    }
    return count;
}

/* A node that is our own transport. */

static bool is_this_machine(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

/* As far as words tell; names are not resolved. */
static bool leads_to(const struct net_target *target, const struct net_listen *where)
{
    if (target->kind != where->kind)
        return false;
    if (target->kind == NET_UNIX)
        return strcmp(target->path, where->path) == 0;
    if (target->port != where->port || where->port != where->port_last)
        return false;
    if (is_wildcard(where))
        return is_this_machine(target->host);
    return strcasecmp(target->host, where->interface) == 0 ||
           (strcasecmp(target->host, "localhost") == 0 && is_this_machine(where->interface));
}

static void compare_backends(struct config_reader *reader, const struct listener_place *listener,
                             const struct upstream *upstream)
{
    for (size_t i = 0; upstream && i < upstream->count; i++) {
        const struct backend *backend = upstream->members[i].backend;
        if (leads_to(&backend->target, listener->where))
            config_report(reader, PROBLEM_ERROR, listener->place,
                          "leave this transport to the node's own configuration, or let one of both be elsewhere",
                          "the backend %s leads here: each visitor would be passed back to where he came from",
                          backend->name);
    }
}

/* Those of --backend and of routes get all that visitors send, path included, so that it never ends. */
static void compare_nodes(struct builder *builder, const struct node *node, const struct listener_place *listener)
{
    if (builder->backend_used)
        compare_backends(&builder->reader, listener, builder->upstream);
    for (size_t i = 0; i < node->workers.count; i++) {
        const struct worker *worker = node->workers.at[i].choice.settings;
        const struct routes *routes = worker ? worker->made_routes : NULL;
        for (size_t j = 0; routes && j < routes->count; j++)
            compare_backends(&builder->reader, listener, routes->at[j].upstream);
    }
}

/* Where the transport is to listen, even if something else in it is wrong; NULL if that is not known. */
static const struct listening *listening_of(const struct made_transport *made)
{
    const struct listening *listening = made ? made->endpoint.settings : NULL;

    return listening && (listening->where.port > 0 || listening->where.path) ? listening : NULL;
}

/* All transports that could be read, in the order of the file; each is compared with those before it. */
static void compose(struct builder *builder, const struct node *node)
{
    size_t count = count_transports(node), listeners = 0;
    struct plan *plan = builder->plan;
    struct listener_place *places = builder_alloc(builder, count * sizeof *places + 1);

    plan->transports = builder_alloc(builder, count * sizeof *plan->transports + 1);
    if (!places || !plan->transports)
        return;
    for (size_t i = 0; i < node->workers.count; i++) {
        const struct worker *worker = node->workers.at[i].choice.settings;
        for (size_t j = 0; worker && j < worker->transports.count; j++) {
            const struct made_transport *made = worker->transports.at[j].choice.settings;
            const struct listening *listening = listening_of(made);
            if (!listening)
                continue;
            places[listeners] = (struct listener_place){made->endpoint.place, &listening->where};
            for (size_t earlier = 0; earlier < listeners; earlier++)
                compare(&builder->reader, &places[earlier], &places[listeners]);
            compare_nodes(builder, node, &places[listeners]);
            plan->transports[listeners] = made->transport;
            plan->transports[listeners].site.owner = &plan->counted;
            plan->transports[listeners].site.superseded = &plan->superseded;
            listeners++;
        }
    }
    plan->transport_count = listeners;
}

/* Said only when nothing else is wrong, since it may follow from that. */
static void check_whole(struct builder *builder)
{
    const struct config_place root = {.up = NULL};

    if (diagnostics_count(builder->reader.diagnostics, PROBLEM_ERROR) > 0)
        return;
    if (builder->plan->transport_count == 0)
        config_report(&builder->reader, PROBLEM_ERROR, config_place_key(&builder->reader, &root, "workers"),
                      "give a worker of type router or proxy a transport of type web",
                      "nothing would listen: there is no transport that is served here");
    else if (sources_request(builder->sources)->backends && !builder->backend_used)
        config_report(&builder->reader, PROBLEM_WARNING, &root, NULL,
                      "--backend is not used: no transport and no service is passed to a node");
}

static void report_file(struct diagnostics *diagnostics, const char *file, const char *text)
{
    diagnostics_add(
        diagnostics,
        &(struct diagnostic){
            .severity = PROBLEM_ERROR,
            .file = file,
            .path = "$",
            .text = text,
            .remedy = "name the node directory, often called .crossbar, with --cbdir, or the file with --config; if "
                      "both are given, FILE begins in DIR",
        });
}

static void read_document(struct builder *builder, const struct config_text *text)
{
    const struct plan_request *request = sources_request(builder->sources);
    struct node *node = NULL;

    builder->reader.text = text;
    node = builder_alloc(builder, sizeof *node);
    if (!node)
        return;
    config_read(&builder->reader, &node_object, node);
    if (request->backends && !builder->backend_used)
        builder_read_backends(builder, request->backends);
    compose(builder, node);
    acme_finish(builder);
    check_whole(builder);
}

static void list_before(struct builder *builder, const struct plan *before)
{
    builder->before = before ? builder_alloc(builder, before->transport_count * sizeof *builder->before + 1) : NULL;
    for (size_t i = 0; builder->before && i < before->transport_count; i++) {
        if (before->transports[i].tls)
            builder->before[builder->before_count++] = before->transports[i].tls;
    }
}

struct plan *plan_load(struct sources *sources, const struct plan *before, struct diagnostics *diagnostics)
{
    const char *file = sources_request(sources)->config;
    struct error error = {.class = ERROR_NONE};
    struct plan *plan = plan_new();
    struct config_text *text = NULL;
    struct source_file source;

    if (!plan) {
        diagnostics_add_memory(diagnostics);
        return NULL;
    }
    if (sources_file(sources, file, &source, &error))
        text = config_text_new(file, source.bytes, diagnostics);
    else
        report_file(diagnostics, file, error.text);
    struct builder builder = {
        .reader = {.arena = plan->arena,
                   .diagnostics = diagnostics,
                   .strict = sources_request(sources)->strict,
                   .variable = find_variable,
                   .user = &builder},
        .plan = plan,
        .sources = sources,
        .limits = {.handshake_timeout = LIMIT_HANDSHAKE,
                   .head_timeout = LIMIT_HEAD,
                   .idle_timeout = LIMIT_IDLE,
                   .body_timeout = LIMIT_BODY,
                   .send_timeout = LIMIT_SEND,
                   .close_timeout = LIMIT_CLOSE,
                   .answer_timeout = LIMIT_ANSWER},
    };
    plan->process.control = builder_path(&builder, PROCESS_CONTROL);
    plan->process.state = builder_path(&builder, PROCESS_STATE);
    list_before(&builder, before);
    if (text)
        read_document(&builder, text);
    config_text_free(text);
    if (diagnostics_count(diagnostics, PROBLEM_ERROR) == 0)
        return plan;
    counted_unref(&plan->counted);
    return NULL;
}

bool plan_print(struct sources *sources, FILE *out)
{
    const char *file = sources_request(sources)->config;
    struct diagnostics *diagnostics = diagnostics_new();
    struct arena *arena = arena_new();
    struct builder builder = {.sources = sources};
    struct config_text *text = NULL;
    struct error error = {.class = ERROR_NONE};
    struct source_file source;
    bool printed = false;

    if (diagnostics && arena && sources_file(sources, file, &source, &error))
        text = config_text_new(file, source.bytes, diagnostics);
    if (text) {
        builder.reader = (struct config_reader){.arena = arena,
                                                .text = text,
                                                .diagnostics = diagnostics,
                                                .strict = sources_request(sources)->strict,
                                                .variable = find_variable,
                                                .user = &builder};
        printed = config_print_resolved(&builder.reader, &node_object, out);
    }
    config_text_free(text);
    arena_free(arena);
    diagnostics_free(diagnostics);
    return printed;
}
