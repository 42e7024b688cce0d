#include "settings.h"

#include "crossgate/limits.h"

/* Several backends: the extension object `balance`, and what is made of a list of backends. */

static const char round_robin[] = "round_robin", least_connections[] = "least_connections";

static bool fits_policy(const char *text)
{
    return strcmp(text, round_robin) == 0 || strcmp(text, least_connections) == 0;
}

#define ROW_BALANCE(name, least, most, usual, its_unit, its_doc)                                                       \
    {                                                                                                                  \
        .key = #name, .kind = CONFIG_INTEGER, .status = CONFIG_EXTENSION,                                              \
        .at = CONFIG_AT(struct balance, name, int64_t), .min = (least), .max = (most), .standard = (usual),            \
        .unit = (its_unit), .doc = (its_doc)                                                                           \
    }

static const struct config_row balance_rows[] = {
    {.key = "policy",
     .kind = CONFIG_STRING,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct balance, policy, const char *),
     .fits = fits_policy,
     .allowed = "\"round_robin\" or \"least_connections\"",
     .doc = "Who gets a visitor: each in turn, as if absent, or the one with the fewest open sessions of this worker."},
    ROW_BALANCE(
        timeout, 100, 600000, LIMIT_CALL, "ms",
        "For a visitor's call, all backends that are tried together; each has its endpoint's `timeout` besides."),
    ROW_BALANCE(eject_after, 0, 1000, 3, "failures",
                "A backend that fails so often in a row is left out, unless all are; 0: never."),
    ROW_BALANCE(eject_time, 100, 3600000, LIMIT_EJECT, "ms",
                "How long, the first time; each further time in a row twice as long."),
    ROW_BALANCE(eject_time_max, 100, 3600000, LIMIT_EJECT_MAX, "ms", "But no longer than this."),
    ROW_BALANCE(slow_start, 0, 3600000, 0, "ms",
                "In which the share of a backend that has come back grows to its full size; 0: at once."),
};

const struct config_object balance_object = {
    .name = "balance",
    CONFIG_ROWS(balance_rows),
    .size = sizeof(struct balance),
    .doc = "How visitors are spread over several backends. A call that fails before the backend has said anything, or "
           "that "
           "it answers with 502, 503 or 504, goes on to the next backend; the visitor hears of the last failure only. "
           "Extension.",
};

static struct upstream_settings settings_of(const struct balance *balance)
{
    if (!balance)
        return (struct upstream_settings){
            .timeout = LIMIT_CALL,
            .eject_after = 3,
            .eject_time = LIMIT_EJECT,
            .eject_time_max = LIMIT_EJECT_MAX,
        };
    bool fewest = balance->policy && strcmp(balance->policy, least_connections) == 0;
    return (struct upstream_settings){
        .policy = fewest ? UPSTREAM_LEAST_CONNECTIONS : UPSTREAM_ROUND_ROBIN,
        .timeout = (uint32_t)balance->timeout,
        .eject_after = (unsigned)balance->eject_after,
        .eject_time = (uint32_t)balance->eject_time,
        .eject_time_max = (uint32_t)balance->eject_time_max,
        .slow_start = (uint32_t)balance->slow_start,
    };
}

/* ---- one name, one node */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_node(const struct net_target *a, const struct net_target *b)
{
    return a->kind == b->kind && a->port == b->port && same_text(a->host, b->host) && same_text(a->path, b->path);
}

/* The first backend of that name in what has been made so far. */
static const struct backend *find_backend(const struct plan *plan, const char *name)
{
    for (const struct upstream *upstream = plan->upstreams; upstream; upstream = upstream->next) {
        for (size_t i = 0; i < upstream->count; i++) {
            if (strcmp(upstream->members[i].backend->name, name) == 0)
                return upstream->members[i].backend;
        }
    }
    return NULL;
}

static bool has(const struct upstream *upstream, const char *name)
{
    for (size_t i = 0; i < upstream->count; i++) {
        if (strcmp(upstream->members[i].backend->name, name) == 0)
            return true;
    }
    return false;
}

/* Why the backend cannot be one more of the upstream; NULL: it can. */
static const char *objection(struct builder *builder, const struct upstream *upstream, const struct backend *backend)
{
    const struct backend *other = find_backend(builder->plan, backend->name);
    if (upstream->count == UPSTREAM_MEMBERS_MAX)
        return config_format(&builder->reader, "more than %d backends", UPSTREAM_MEMBERS_MAX);
    if (strlen(backend->name) > PLAN_BACKEND_NAME_MAX)
        return "the backend's address is too long for a name";
    if (has(upstream, backend->name))
        return config_format(&builder->reader, "the backend %s is named twice", backend->name);
    if (other && !same_node(&other->target, &backend->target))
        return config_format(&builder->reader, "another backend is called %s, and is somewhere else", backend->name);
    if (!other && builder->plan->backend_count == PLAN_BACKENDS_MAX)
        return config_format(&builder->reader, "more than %d backends in all", PLAN_BACKENDS_MAX);
    return NULL;
}

/* ---- making one */

struct upstream *upstream_begin(struct builder *builder, size_t count, const struct balance *balance)
{
    struct upstream *upstream = builder_alloc(builder, sizeof *upstream);
    if (!upstream)
        return NULL;
    upstream->settings = settings_of(balance);
    upstream->members = builder_alloc(
        builder, (count < UPSTREAM_MEMBERS_MAX ? count : UPSTREAM_MEMBERS_MAX) * sizeof *upstream->members + 1);
    return upstream->members ? upstream : NULL;
}

const char *upstream_add(struct builder *builder, struct upstream *upstream, const struct backend *backend)
{
    const char *why = objection(builder, upstream, backend);
    if (why)
        return why;
    builder->plan->backend_count += !find_backend(builder->plan, backend->name);
    upstream->members[upstream->count++].backend = backend;
    return NULL;
}

static void unbind(void *upstream)
{
    upstream_unbind(upstream);
}

struct upstream *upstream_finish(struct builder *builder, struct upstream *upstream)
{
    if (upstream->count == 0)
        return NULL;
    if (!arena_defer(builder->plan->arena, unbind, upstream)) {
        diagnostics_add_memory(builder->reader.diagnostics);
        return NULL;
    }
    upstream->next = builder->plan->upstreams;
    builder->plan->upstreams = upstream;
    return upstream;
}
