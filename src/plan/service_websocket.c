#include "settings.h"

struct websocket_service {
    struct made_service made;
    struct backend_settings *backend; /* websocket-reverseproxy */
    struct websocket_options *options;
};

static const struct config_row websocket_rows[] = {
    ROW_ID,
    ROWS_WEBSOCKET_OF_NODE,
    ROW_WEBSOCKET_OPTIONS(struct websocket_service),
};

static const struct config_row reverseproxy_rows[] = {
    ROW_ID,
    ROW_URL,
    {.key = "backend",
     .kind = CONFIG_OBJECT,
     .at = CONFIG_AT(struct websocket_service, backend, struct backend_settings *),
     .required = true,
     .object = &backend_object,
     .doc = "The connecting WebSocket transport to the node."},
    ROW_WEBSOCKET_OPTIONS(struct websocket_service),
};

static const struct config_row testee_rows[] = {
    ROW_ID,
    ROW_WEBSOCKET_OPTIONS(struct websocket_service),
};

static const struct service *build(struct builder *builder, const struct backend *backend,
                                   const struct websocket_options *options, bool shows_version)
{
    struct websocket_service_settings made = {.backend = backend};

    websocket_options_apply(builder, options, &made.front);
    gate_apply(options, shows_version, &made);
    return builder_keep_service(builder, websocket_service_new(builder->plan->arena, &made));
}

const struct service *websocket_build(struct builder *builder, const struct backend *backend,
                                      const struct websocket_options *options)
{
    return build(builder, backend, options, false);
}

const struct backend *websocket_find_backend(struct config_reader *reader, const struct config_place *place)
{
    struct builder *builder = builder_of(reader);

    builder->backend_used = true;
    if (!builder->backend && !sources_request(builder->sources)->backend)
        config_report(
            reader, PROBLEM_ERROR, place,
            "name the node: --backend ws://127.0.0.1:8080, or use the service websocket-reverseproxy with its "
            "`backend`",
            "a transport or service of type websocket ends in a router, and there is none here");
    return builder->backend;
}

static void finish_websocket(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct websocket_service *read = settings;
    const struct backend *backend = websocket_find_backend(reader, place);

    if (backend)
        read->made.service = websocket_build(builder_of(reader), backend, read->options);
}

static void finish_reverseproxy(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct websocket_service *read = settings;

    (void)place;
    if (read->backend->backend)
        read->made.service = build(builder_of(reader), read->backend->backend, read->options, true);
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
    .doc = "WebSocket to the node that `--backend` names.",
};

const struct config_object service_websocket_reverseproxy_object = {
    .name = "service of type websocket-reverseproxy",
    CONFIG_ROWS(reverseproxy_rows),
    .size = sizeof(struct websocket_service),
    .finish = finish_reverseproxy,
    .doc = "WebSocket to the node that `backend` names.",
};

const struct config_object service_websocket_testee_object = {
    .name = "service of type websocket-testee",
    CONFIG_ROWS(testee_rows),
    .size = sizeof(struct websocket_service),
    .finish = finish_testee,
    .doc = "WebSocket echo: for tests and benchmarks. Crossbar has it as a transport only.",
};
