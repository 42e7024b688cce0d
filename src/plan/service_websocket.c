#include "settings.h"

struct websocket_service {
    struct made_service made;
    struct config_choice backend; /* websocket-reverseproxy */
    struct config_items backends; /* likewise, instead */
    struct balance *balance;
    struct websocket_options *options;
};

static const struct config_row websocket_rows[] = {
    ROW_ID,
    ROWS_WEBSOCKET_OF_NODE,
    ROW_WEBSOCKET_OPTIONS(struct websocket_service),
};

static const struct config_row backend_row = {.kind = CONFIG_CHOICE, .variants = &backend_variants};

#define ROW_BALANCE                                                                                                    \
    {                                                                                                                  \
        .key = "balance", .kind = CONFIG_OBJECT, .status = CONFIG_EXTENSION,                                           \
        .at = CONFIG_AT(struct websocket_service, balance, struct balance *), .object = &balance_object,               \
        .doc = "How visitors are spread over the backends."                                                            \
    }

static const struct config_row reverseproxy_rows[] = {
    ROW_ID,
    ROW_URL,
    {.key = "backend",
     .kind = CONFIG_CHOICE,
     .at = CONFIG_AT(struct websocket_service, backend, struct config_choice),
     .variants = &backend_variants,
     .doc = "The connecting transport to the node; required, unless there are `backends`."},
    {.key = "backends",
     .kind = CONFIG_LIST,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct websocket_service, backends, struct config_items),
     .min = 1,
     .max = UPSTREAM_MEMBERS_MAX,
     .item = &backend_row,
     .doc = "Several nodes instead of one."},
    ROW_BALANCE,
    ROW_WEBSOCKET_OPTIONS(struct websocket_service),
};

static const struct config_row proxy_rows[] = {
    ROW_ID,
    ROW_URL,
    {.key = "backends",
     .kind = CONFIG_LIST,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct websocket_service, backends, struct config_items),
     .required = true,
     .min = 1,
     .max = UPSTREAM_MEMBERS_MAX,
     .item = &backend_row,
     .doc = "The connecting transports to the nodes."},
    ROW_BALANCE,
    ROW_WEBSOCKET_OPTIONS(struct websocket_service),
};

static const struct config_row testee_rows[] = {
    ROW_ID,
    ROW_WEBSOCKET_OPTIONS(struct websocket_service),
};

/* `made` says where to. */
static const struct service *build(struct builder *builder, struct websocket_service_settings made,
                                   const struct websocket_options *options, bool shows_version)
{
    websocket_options_apply(builder, options, &made.front);
    gate_apply(options, shows_version, &made);
    return builder_keep_service(builder, websocket_service_new(builder->plan->arena, &made));
}

const struct service *websocket_build(struct builder *builder, struct upstream *upstream,
                                      const struct websocket_options *options)
{
    return build(builder, (struct websocket_service_settings){.upstream = upstream}, options, false);
}

struct upstream *websocket_find_upstream(struct config_reader *reader, const struct config_place *place)
{
    struct upstream *upstream = upstream_of_words(builder_of(reader));

    if (!sources_request(builder_of(reader)->sources)->backends)
        config_report(
            reader, PROBLEM_ERROR, place,
            "name the node: --backend ws://127.0.0.1:8080, or use the service websocket-reverseproxy with its "
            "`backend`, or give a worker of type proxy `connections` and `routes`",
            "WebSocket and RawSocket sessions end in a router, and there is none here");
    return upstream;
}

const struct service *websocket_build_for_node(struct config_reader *reader, const struct config_place *place,
                                               const struct websocket_options *options)
{
    struct websocket_service_settings made = {.routes = proxy_find_routes(reader, place)};

    if (!made.routes)
        made.upstream = websocket_find_upstream(reader, place);
    if (!made.routes && !made.upstream)
        return NULL;
    return build(builder_of(reader), made, options, false);
}

static void finish_websocket(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct websocket_service *read = settings;

    read->made.service = websocket_build_for_node(reader, place, read->options);
}

static bool names_its_backends_once(struct config_reader *reader, const struct config_place *place,
                                    const struct websocket_service *read)
{
    if (!read->backend.settings && !read->backends.given)
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "backend"),
                      "name the node: \"backend\": {\"type\": \"websocket\", \"endpoint\": {…}, \"url\": \"ws://…\"}",
                      "backend is missing");
    else if (read->backend.settings && read->backends.given)
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "backend"),
                      "put all of them into `backends`", "backend and backends are there");
    else
        return true;
    return false;
}

static void finish_reverseproxy(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct websocket_service *read = settings;
    struct builder *builder = builder_of(reader);

    if (!names_its_backends_once(reader, place, read))
        return;
    struct upstream *upstream =
        upstream_begin(builder, read->backend.settings ? 1 : read->backends.count, read->balance);
    if (!upstream)
        return;
    if (read->backend.settings)
        backend_add(reader, read->backend.place, upstream, read->backend.settings, read->balance);
    for (size_t i = 0; i < read->backends.count; i++)
        backend_add(reader, read->backends.at[i].place, upstream, read->backends.at[i].choice.settings, read->balance);
    upstream = upstream_finish(builder, upstream);
    if (upstream)
        read->made.service =
            build(builder, (struct websocket_service_settings){.upstream = upstream}, read->options, true);
}

static void finish_testee(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct websocket_service *read = settings;

    (void)place;
    read->made.service = websocket_build(builder_of(reader), NULL, read->options);
}

const struct config_object service_websocket_object = {
    .name = "service of type websocket",
    CONFIG_ROWS(websocket_rows),
    .size = sizeof(struct websocket_service),
    .finish = finish_websocket,
    .doc =
        "WebSocket to the nodes that `--backend` names, or by the realm of the first message as the `routes` of a "
        "proxy "
        "worker say. Then the node is called with path `/`, or that of the connection's `url`, and learns nothing of "
        "the visitor's cookies and other fields.",
};

const struct config_object service_websocket_reverseproxy_object = {
    .name = "service of type websocket-reverseproxy",
    CONFIG_ROWS(reverseproxy_rows),
    .size = sizeof(struct websocket_service),
    .finish = finish_reverseproxy,
    .doc = "WebSocket to the node that `backend` names, or to one of `backends`.",
};

const struct config_object service_websocket_proxy_object = {
    .name = "service of type websocket-proxy",
    CONFIG_ROWS(proxy_rows),
    .size = sizeof(struct websocket_service),
    .finish = finish_reverseproxy,
    .doc = "WebSocket to one of several nodes: a type that Crossbar had once, and another name for "
           "websocket-reverseproxy with `backends`.",
};

const struct config_object service_websocket_testee_object = {
    .name = "service of type websocket-testee",
    CONFIG_ROWS(testee_rows),
    .size = sizeof(struct websocket_service),
    .finish = finish_testee,
    .doc = "WebSocket echo: for tests and benchmarks. Crossbar has it as a transport only.",
};
