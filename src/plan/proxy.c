#include "settings.h"

#include "crossgate/base/nearest.h"

/* Crossbar's proxy worker: `connections` to nodes, and `routes` that say which realm goes to which of them. Crossbar routes by
 * realm and role, since it authenticates visitors itself; here the realm must be enough. */

struct connection {
    struct config_choice transport;
};

static const struct config_row connection_rows[] = {
    {.key = "transport",
     .kind = CONFIG_CHOICE,
     .at = CONFIG_AT(struct connection, transport, struct config_choice),
     .required = true,
     .variants = &connection_variants,
     .doc = "How to connect."},
    {.key = "auth",
     .kind = CONFIG_OBJECT,
     .status = CONFIG_IDLE,
     .why = "visitors authenticate themselves with the node, so the transport that is connected to needs the `auth` "
            "methods that they use; `anonymous-proxy` and `cryptosign-proxy` are of no use to them",
     .doc = "How Crossbar's proxy authenticates itself with the node."},
};

static const struct config_object connection_object = {
    .name = "connection of a proxy worker",
    CONFIG_ROWS(connection_rows),
    .size = sizeof(struct connection),
};

static const struct config_row connection_row = {.kind = CONFIG_OBJECT, .object = &connection_object};

static const struct config_row target_row = {
    .kind = CONFIG_STRING, .fits = fits_text, .allowed = "the id of a connection"};

static const struct config_row targets_row = {.kind = CONFIG_LIST, .item = &target_row, .single_too = true, .min = 1};

static const struct config_row roles_row = {
    .kind = CONFIG_MAP, .item = &targets_row, .fits = fits_text, .allowed = "roles", .min = 1};

static bool fits_realm(const char *text)
{
    return fits_text(text) && strlen(text) <= WAMP_REALM_MAX;
}

static const struct config_row rows[] = {
    ROWS_WORKER,
    {.key = "connections",
     .kind = CONFIG_MAP,
     .at = CONFIG_AT(struct worker, connections, struct config_items),
     .item = &connection_row,
     .fits = fits_text,
     .allowed = "ids",
     .doc = "The nodes behind, each under an id. With `--backend` they are not used."},
    {.key = "routes",
     .kind = CONFIG_MAP,
     .at = CONFIG_AT(struct worker, routes, struct config_items),
     .item = &roles_row,
     .fits = fits_realm,
     .allowed = "realms",
     .doc =
         "Which realm goes to which connections: for each realm its roles, for each role the id of a connection or a "
         "list of ids, which take turns unless `balance` says otherwise. All roles of a realm must have the same "
         "connections, since roles are found "
         "out by WAMP authentication, which takes place in the node. A realm without a route is answered with "
         "`wamp.error.no_such_realm`. With `--backend` they are not used."},
    {.key = "balance",
     .kind = CONFIG_OBJECT,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct worker, balance, struct balance *),
     .object = &balance_object,
     .doc = "How the visitors of a realm are spread over its connections."},
    ROW_TRANSPORTS,
};

/* What the transports are built with, when connections and routes have been read. */
static void begin_proxy(struct config_reader *reader, void *settings)
{
    builder_of(reader)->proxy = settings;
}

static void finish_proxy(struct config_reader *reader, const struct config_place *place, void *settings)
{
    const struct worker *worker = settings;

    worker_finish(reader, place, settings);
    if (sources_request(builder_of(reader)->sources)->backends && worker->routes.given)
        config_report(reader, PROBLEM_NOTE, config_place_key(reader, place, "routes"), NULL,
                      "routes are not used: --backend names the node");
}

const struct config_object worker_proxy_object = {
    .name = "worker of type proxy",
    CONFIG_ROWS(rows),
    .size = sizeof(struct worker),
    .begin = begin_proxy,
    .finish = finish_proxy,
    .off = {"options", "disabled"},
    .doc = "Transports in front of routers. Visitors' sessions are relayed as they are, in the serializer that the "
           "visitor has.",
};

/* ---- building */

static const struct config_item *find_connection(struct config_reader *reader, const struct worker *worker,
                                                 const struct config_item *target)
{
    struct nearest nearest = {.word = target->string};

    for (size_t i = 0; i < worker->connections.count; i++) {
        if (strcmp(worker->connections.at[i].key, target->string) == 0)
            return &worker->connections.at[i];
        nearest_offer(&nearest, worker->connections.at[i].key);
    }
    config_report(reader, PROBLEM_ERROR, target->place,
                  nearest.best ? config_format(reader, "did you mean \"%s\"?", nearest.best)
                               : "add it to `connections`",
                  "there is no connection \"%s\"", target->string);
    return NULL;
}

/* What is no string has been reported, and is NULL. */
static bool holds(const struct config_items *targets, const char *id)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (!id || (targets->at[i].string && strcmp(targets->at[i].string, id) == 0))
            return true;
    }
    return false;
}

static bool holds_all(const struct config_items *targets, const struct config_items *others)
{
    for (size_t i = 0; i < others->count; i++) {
        if (!holds(targets, others->at[i].string))
            return false;
    }
    return true;
}

/* The connections of a realm: those of its first role, if all others have the same. NULL: reported. */
static const struct config_items *targets_of(struct config_reader *reader, const struct config_item *realm)
{
    const struct config_items *first = &realm->items.at[0].items;

    for (size_t i = 1; i < realm->items.count; i++) {
        const struct config_items *other = &realm->items.at[i].items;
        if (holds_all(first, other) && holds_all(other, first))
            continue;
        config_report(
            reader, PROBLEM_ERROR, realm->items.at[i].place,
            "give all roles of the realm the same connections, or run Crossbar's own proxy for this realm",
            "role \"%s\" of realm \"%s\" has other connections than role \"%s\": which role a visitor has is found "
            "out by WAMP authentication, which takes place in the node",
            realm->items.at[i].key, realm->key, realm->items.at[0].key);
        return NULL;
    }
    return first;
}

static const struct backend *backend_of(struct config_reader *reader, const struct worker *worker,
                                        const struct config_item *target)
{
    const struct config_item *found = find_connection(reader, worker, target);
    const struct connection *connection = found ? found->object : NULL;
    const struct made_backend *made = connection ? connection->transport.settings : NULL;

    return made ? made->backend : NULL;
}

static wamp_serializers serializers_of(const struct backend *backend)
{
    return backend->kind == BACKEND_RAWSOCKET ? backend->rawsocket.serializers & WAMP_SERIALIZERS_READ
                                              : WAMP_SERIALIZERS_READ;
}

/* False: reported. */
static bool add_target(struct config_reader *reader, const struct worker *worker, const struct config_item *target,
                       struct upstream *upstream, struct routes *routes)
{
    const struct backend *backend = target->string ? backend_of(reader, worker, target) : NULL;
    const char *remedy = NULL;
    const char *why = backend ? upstream_add(builder_of(reader), upstream, backend, worker->balance, &remedy) : NULL;

    if (why)
        config_report(reader, PROBLEM_ERROR, target->place, remedy, "%s", why);
    if (backend)
        routes->serializers |= serializers_of(backend);
    return backend && !why;
}

/* False: reported. */
static bool build_route(struct config_reader *reader, const struct worker *worker, const struct config_item *realm,
                        struct route *route, struct routes *routes)
{
    const struct config_items *targets = realm->items.count > 0 ? targets_of(reader, realm) : NULL;
    struct upstream *upstream = targets ? upstream_begin(builder_of(reader), targets->count, worker->balance) : NULL;

    if (!upstream || targets->count == 0)
        return false;
    for (size_t i = 0; i < targets->count; i++) {
        if (!add_target(reader, worker, &targets->at[i], upstream, routes))
            return false;
    }
    *route = (struct route){span_string(realm->key), upstream_finish(builder_of(reader), upstream)};
    return route->upstream != NULL;
}

static void build_routes(struct config_reader *reader, const struct config_place *place, const struct worker *worker,
                         struct routes *routes)
{
    struct route *at = builder_alloc(builder_of(reader), worker->routes.count * sizeof *at + 1);
    bool whole = at != NULL;

    for (size_t i = 0; at && i < worker->routes.count; i++)
        whole = build_route(reader, worker, &worker->routes.at[i], &at[i], routes) && whole;
    routes->at = at;
    routes->count = worker->routes.count;
    if (whole && routes->count == 0)
        config_report(reader, PROBLEM_ERROR, place, "name a realm in `routes` of the worker",
                      "no realm leads anywhere: the routes of this worker are empty");
    else if (whole && routes->serializers == 0)
        config_report(
            reader, PROBLEM_ERROR, place, "let a connection have json, msgpack or cbor",
            "the realm is read from messages in json, msgpack and cbor only, and no connection has one of these");
}

const struct routes *proxy_find_routes(struct config_reader *reader, const struct config_place *place)
{
    struct builder *builder = builder_of(reader);
    struct worker *worker = builder->proxy;

    if (!worker || !worker->routes.given || sources_request(builder->sources)->backends)
        return NULL;
    if (!worker->made_routes) {
        struct routes *routes = builder_alloc(builder, sizeof *routes);
        if (routes)
            build_routes(reader, place, worker, routes);
        worker->made_routes = routes;
    }
    return worker->made_routes;
}
