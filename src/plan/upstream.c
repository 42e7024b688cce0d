#include "settings.h"

#include "crossgate/limits.h"

/* Several backends: the extension object `balance`, and what is made of a list of backends. */

static const char round_robin[] = "round_robin", least_connections[] = "least_connections", source[] = "source";

static bool fits_policy(const char *text)
{
    return strcmp(text, round_robin) == 0 || strcmp(text, least_connections) == 0 || strcmp(text, source) == 0;
}

static enum upstream_policy policy_of(const struct balance *balance)
{
    if (balance->policy && strcmp(balance->policy, least_connections) == 0)
        return UPSTREAM_LEAST_CONNECTIONS;
    if (balance->policy && strcmp(balance->policy, source) == 0)
        return UPSTREAM_SOURCE;
    return UPSTREAM_ROUND_ROBIN;
}

static const char tcp[] = "tcp", websocket[] = "websocket";

static bool fits_type(const char *text)
{
    return strcmp(text, tcp) == 0 || strcmp(text, websocket) == 0;
}

#define ROW_NUMBER(T, name, least, most, usual, its_unit, its_doc)                                                     \
    {                                                                                                                  \
        .key = #name, .kind = CONFIG_INTEGER, .status = CONFIG_EXTENSION, .at = CONFIG_AT(T, name, int64_t),           \
        .min = (least), .max = (most), .standard = (usual), .unit = (its_unit), .doc = (its_doc)                       \
    }
#define ROW_HEALTH(name, least, most, usual, its_unit, its_doc)                                                        \
    ROW_NUMBER(struct health_settings, name, least, most, usual, its_unit, its_doc)
#define ROW_BALANCE(name, least, most, usual, its_unit, its_doc)                                                       \
    ROW_NUMBER(struct balance, name, least, most, usual, its_unit, its_doc)

static const struct config_row health_rows[] = {
    {.key = "type",
     .kind = CONFIG_STRING,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct health_settings, type, const char *),
     .fits = fits_type,
     .allowed = "\"websocket\" or \"tcp\"",
     .doc = "An opening handshake as for a visitor, then Close, as if absent; or a connection only."},
    ROW_HEALTH(interval, 100, 3600000, 5000, "ms", "Between the end of a check and the next one."),
    ROW_HEALTH(timeout, 10, 600000, 2000, "ms", "For the whole check."),
    ROW_HEALTH(rise, 1, 1000, 2, "checks", "So many good ones in a row, and it is up."),
    ROW_HEALTH(fall, 1, 1000, 3, "checks", "So many bad ones in a row, and it is down: tried only if all are."),
};

static const struct config_object health_object = {
    .name = "health_check",
    CONFIG_ROWS(health_rows),
    .size = sizeof(struct health_settings),
    .doc = "Each worker asks each backend whether it works. Any answer of HTTP but 502, 503 and 504 says that it does. "
           "Extension.",
};

static const struct config_row balance_rows[] = {
    {.key = "policy",
     .kind = CONFIG_STRING,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct balance, policy, const char *),
     .fits = fits_policy,
     .allowed = "\"round_robin\", \"least_connections\" or \"source\"",
     .doc = "Who gets a visitor: each in turn, as if absent; the one with the fewest sessions and requests of this "
            "worker; or always the same one for the visitor's address, so that only the visitors of one that is lost "
            "move to others."},
    ROW_BALANCE(
        timeout, 100, 600000, LIMIT_CALL, "ms",
        "For a visitor's WebSocket, all backends that are tried together; each has its endpoint's `timeout` besides. "
        "After it a request goes on to no other backend; the one that has it has its own time."),
    ROW_BALANCE(eject_after, 0, 1000, 3, "failures",
                "A backend that fails so often in a row is left out, unless all are; 0: never."),
    ROW_BALANCE(eject_time, 100, 3600000, LIMIT_EJECT, "ms",
                "How long, the first time; each further time in a row twice as long."),
    ROW_BALANCE(eject_time_max, 100, 3600000, LIMIT_EJECT_MAX, "ms", "But no longer than this."),
    ROW_BALANCE(slow_start, 0, 3600000, 0, "ms",
                "In which the share of a backend that has come back grows to its full size; 0: at once."),
    {.key = "health_check",
     .kind = CONFIG_OBJECT,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct balance, health_check, struct health_settings *),
     .object = &health_object,
     .doc = "Ask the backends at intervals whether they work; if absent, only visitors find out."},
};

const struct config_object balance_object = {
    .name = "balance",
    CONFIG_ROWS(balance_rows),
    .size = sizeof(struct balance),
    .doc =
        "How visitors are spread over several backends. A WebSocket that fails before the backend has said anything, "
        "or that it answers with 502, 503 or 504, goes on to the next backend; so does a request that could not be "
        "sent since there was no connection, and GET, HEAD, OPTIONS, PUT or DELETE without a body as long as nothing "
        "was answered. What is answered to a request is passed on. The visitor hears of the last failure only. "
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
    return (struct upstream_settings){
        .policy = policy_of(balance),
        .timeout = (uint32_t)balance->timeout,
        .eject_after = (unsigned)balance->eject_after,
        .eject_time = (uint32_t)balance->eject_time,
        .eject_time_max = (uint32_t)balance->eject_time_max,
        .slow_start = (uint32_t)balance->slow_start,
    };
}

/* NULL: memory is out, and the plan fails. */
static const struct health_check *make_check(struct builder *builder, const struct health_settings *settings,
                                             const struct backend *backend)
{
    struct health_check *check = builder_alloc(builder, sizeof *check);
    if (!check)
        return NULL;
    *check = (struct health_check){
        .type = settings->type && strcmp(settings->type, tcp) == 0 ? HEALTH_TCP : HEALTH_WEBSOCKET,
        .interval = (uint32_t)settings->interval,
        .rise = (unsigned)settings->rise,
        .fall = (unsigned)settings->fall,
        .backend = *backend,
    };
    check->backend.target.timeout = (uint32_t)settings->timeout;
    return check;
}

static bool same_check(const struct health_check *a, const struct health_check *b)
{
    return a->type == b->type && a->interval == b->interval && a->rise == b->rise && a->fall == b->fall &&
           a->backend.target.timeout == b->backend.target.timeout;
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

static const struct upstream_member *find_member(const struct upstream *upstream, const char *name)
{
    for (size_t i = 0; i < upstream->count; i++) {
        if (strcmp(upstream->members[i].backend->name, name) == 0)
            return &upstream->members[i];
    }
    return NULL;
}

/* A backend of that name in what has been made so far. */
static const struct backend *find_backend(const struct plan *plan, const char *name)
{
    const struct upstream_member *member = NULL;
    for (const struct upstream *upstream = plan->upstreams; upstream && !member; upstream = upstream->next)
        member = find_member(upstream, name);
    return member ? member->backend : NULL;
}

/* How it is asked already. */
static const struct health_check *find_check(const struct plan *plan, const char *name)
{
    for (const struct upstream *upstream = plan->upstreams; upstream; upstream = upstream->next) {
        const struct upstream_member *member = find_member(upstream, name);
        if (member && member->check)
            return member->check;
    }
    return NULL;
}

/* Why the backend cannot be one more of the upstream; NULL: it can. */
static const char *objection(struct builder *builder, const struct upstream *upstream, const struct backend *backend,
                             const char **remedy)
{
    bool known = find_backend(builder->plan, backend->name) != NULL;
    *remedy = "name fewer";
    if (upstream->count == UPSTREAM_MEMBERS_MAX)
        return config_format(&builder->reader, "more than %d backends", UPSTREAM_MEMBERS_MAX);
    if (!known && builder->plan->backend_count == PLAN_BACKENDS_MAX)
        return config_format(&builder->reader, "more than %d backends in all", PLAN_BACKENDS_MAX);
    *remedy = "give it an `id`";
    if (strlen(backend->name) > PLAN_BACKEND_NAME_MAX)
        return "the backend's address is too long for a name";
    *remedy = "leave it out, or give each an `id` of its own";
    if (find_member(upstream, backend->name))
        return config_format(&builder->reader, "the backend %s is named twice", backend->name);
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

/* A backend that two upstreams share is asked once. */
const char *upstream_add(struct builder *builder, struct upstream *upstream, const struct backend *backend,
                         const struct balance *balance, const char **remedy)
{
    const char *why = objection(builder, upstream, backend, remedy);
    const struct health_check *other = find_check(builder->plan, backend->name), *check = NULL;
    if (why)
        return why;
    if (balance && balance->health_check)
        check = make_check(builder, balance->health_check, backend);
    *remedy = "give both the same health_check, or one of them none: it holds for both";
    if (check && other && !same_check(check, other))
        return config_format(&builder->reader, "another service asks the backend %s in another way", backend->name);
    builder->plan->backend_count += !find_backend(builder->plan, backend->name);
    upstream->members[upstream->count++] = (struct upstream_member){.backend = backend, .check = other ? NULL : check};
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
    struct upstream **end = &builder->plan->upstreams;
    while (*end)
        end = &(*end)->next;
    *end = upstream;
    builder->plan->opens_more = true;
    return upstream;
}

/* Crossbar lets backends of two services have one id. NULL: memory is out, and the plan fails. */
static const struct backend *rename_if_taken(struct config_reader *reader, const struct config_place *place,
                                             const struct backend *backend, const char *address)
{
    struct builder *builder = builder_of(reader);
    const struct backend *other = find_backend(builder->plan, backend->name);
    struct backend *renamed;

    if (!other || same_node(&other->target, &backend->target))
        return backend;
    renamed = builder_alloc(builder, sizeof *renamed);
    if (!renamed)
        return NULL;
    *renamed = *backend;
    renamed->name = address;
    config_report(reader, PROBLEM_WARNING, config_place_key(reader, place, "id"), "give it an `id` of its own",
                  "another backend is called %s: logs and commands call this one %s", backend->name, renamed->name);
    return renamed;
}

void upstream_add_at(struct config_reader *reader, const struct config_place *place, struct upstream *upstream,
                     const struct backend *backend, const char *address, const struct balance *balance)
{
    const char *remedy = NULL, *why;

    backend = backend ? rename_if_taken(reader, place, backend, address) : NULL;
    why = backend ? upstream_add(builder_of(reader), upstream, backend, balance, &remedy) : NULL;
    if (why)
        config_report(reader, PROBLEM_ERROR, place, remedy, "%s", why);
}

struct upstream *upstream_by_source(struct builder *builder, const struct upstream *other)
{
    struct upstream *upstream = upstream_begin(builder, other->count, NULL);
    const char *remedy;

    if (!upstream)
        return NULL;
    upstream->settings = other->settings;
    upstream->settings.policy = UPSTREAM_SOURCE;
    for (size_t i = 0; i < other->count; i++) {
        const struct backend *backend = other->members[i].backend;
        if (backend->kind == BACKEND_WEBSOCKET)
            (void)upstream_add(builder, upstream, backend, NULL, &remedy); /* there they fit, too */
    }
    return upstream_finish(builder, upstream);
}
