#include "settings.h"

struct web_transport {
    struct made_transport made;
    struct web_words web;
};

struct websocket_transport {
    struct made_transport made;
    struct websocket_options *options;
};

struct stream_transport {
    struct made_transport made;
};

static const struct config_row web_rows[] = {
    ROWS_TRANSPORT(struct web_transport),
    ROWS_WEB(struct web_transport),
};

static const struct config_row websocket_rows[] = {
    ROWS_TRANSPORT(struct websocket_transport),
    ROWS_WEBSOCKET_OF_NODE,
    ROW_WEBSOCKET_OPTIONS(struct websocket_transport),
};

static const struct config_row testee_rows[] = {
    ROWS_TRANSPORT(struct websocket_transport),
    ROW_URL,
    ROW_NODE("debug", CONFIG_BOOL, "More log lines."),
    ROW_WEBSOCKET_OPTIONS(struct websocket_transport),
};

static const struct config_row stream_testee_rows[] = {
    ROWS_TRANSPORT(struct stream_transport),
    ROW_NODE("debug", CONFIG_BOOL, "More log lines."),
};

/* What logs call it: its id, else its path in the document without "$.". */
static const char *name_of(struct config_reader *reader, const struct config_place *place, const char *id)
{
    const char *path = config_place_print(reader, place);

    return id ? id : path[0] && path[1] ? path + 2 : path;
}

bool transport_is_secure(const struct made_transport *made)
{
    return ((const struct listening *)made->endpoint.settings)->tls != NULL;
}

void transport_fill(struct config_reader *reader, const struct config_place *place, struct made_transport *made,
                    const struct web_options *options)
{
    struct builder *builder = builder_of(reader);
    const struct listening *listening = made->endpoint.settings;

    made->transport = (struct plan_transport){
        .id = name_of(reader, place, made->id),
        .where = listening->where,
        .tls = listening->tls,
        .site = {.secure = transport_is_secure(made), .port = listening->where.port},
        .handshake_timeout = (uint32_t)builder->limits.handshake_timeout,
    };
    web_options_apply(builder, options, &made->transport.site);
}

static void finish_web(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct web_transport *read = settings;

    web_check_hsts(reader, place, read->web.options, transport_is_secure(&read->made));
    transport_fill(reader, place, &read->made, read->web.options);
    read->made.transport.site.root = paths_build(builder_of(reader), &read->web.paths);
}

static void finish_websocket(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct websocket_transport *websocket = settings;

    transport_fill(reader, place, &websocket->made, NULL);
    websocket->made.transport.site.root = websocket_build_for_node(reader, place, websocket->options);
    gate_apply_transport(websocket->options, &websocket->made.transport);
}

static void finish_testee(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct websocket_transport *testee = settings;

    transport_fill(reader, place, &testee->made, NULL);
    testee->made.transport.site.root = websocket_build(builder_of(reader), NULL, testee->options);
    gate_apply_transport(testee->options, &testee->made.transport);
}

static void finish_stream_testee(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct stream_transport *testee = settings;

    transport_fill(reader, place, &testee->made, NULL);
    testee->made.transport.protocol = PLAN_STREAM_TESTEE;
}

static const struct config_object web_object = {
    .name = "transport of type web",
    CONFIG_ROWS(web_rows),
    .size = sizeof(struct web_transport),
    .finish = finish_web,
    .doc = "HTTP, with services by path.",
};

static const struct config_object websocket_object = {
    .name = "transport of type websocket",
    CONFIG_ROWS(websocket_rows),
    .size = sizeof(struct websocket_transport),
    .finish = finish_websocket,
    .doc = "WebSocket on every path, to the node that `--backend` names, or by realm as the `routes` of a proxy worker "
           "say.",
};

static const struct config_object testee_object = {
    .name = "transport of type websocket.testee",
    CONFIG_ROWS(testee_rows),
    .size = sizeof(struct websocket_transport),
    .finish = finish_testee,
    .doc = "WebSocket echo on every path: for tests and benchmarks.",
};

static const struct config_object stream_testee_object = {
    .name = "transport of type stream.testee",
    CONFIG_ROWS(stream_testee_rows),
    .size = sizeof(struct stream_transport),
    .finish = finish_stream_testee,
    .doc = "Each byte is sent back: for tests and benchmarks.",
};

/* The transport of a websocket-testee worker has the keys of a websocket transport. */
static const struct config_object testee_worker_object = {
    .name = "transport of a worker of type websocket-testee",
    CONFIG_ROWS(websocket_rows),
    .size = sizeof(struct websocket_transport),
    .finish = finish_testee,
    .doc = "WebSocket echo on every path.",
};

static const struct config_variant testee_variants[] = {
    {.type = "websocket", .object = &testee_worker_object},
};

const struct config_variants testee_transport_variants = {.name = "transport of a websocket-testee worker",
                                                          CONFIG_VARIANTS(testee_variants)};

/* Not served. */

static const struct config_row mqtt_option_rows[] = {
    {.key = "realm", .kind = CONFIG_STRING, .status = CONFIG_REFUSED, .required = true, .doc = "Realm of the clients."},
    {.key = "role", .kind = CONFIG_STRING, .status = CONFIG_REFUSED, .doc = "Role of the clients."},
    {.key = "payload_mapping", .kind = CONFIG_OBJECT, .status = CONFIG_REFUSED, .doc = "How payloads become WAMP's."},
    {.key = "auth", .kind = CONFIG_OBJECT, .status = CONFIG_REFUSED, .doc = "Authentication."},
};

static const struct config_object mqtt_options_object = {.name = "options of a transport of type mqtt",
                                                         CONFIG_ROWS(mqtt_option_rows)};

#define ROWS_REFUSED_TRANSPORT                                                                                         \
    {.key = "id", .kind = CONFIG_STRING, .status = CONFIG_REFUSED, .doc = "Name of the transport."},                   \
    {                                                                                                                  \
        .key = "endpoint", .kind = CONFIG_OBJECT, .status = CONFIG_REFUSED, .required = true,                          \
        .doc = "A listening endpoint."                                                                                 \
    }

static const struct config_row mqtt_rows[] = {
    ROWS_REFUSED_TRANSPORT,
    {.key = "options",
     .kind = CONFIG_OBJECT,
     .status = CONFIG_REFUSED,
     .object = &mqtt_options_object,
     .doc = "See below."},
};

static const struct config_object mqtt_object = {.name = "transport of type mqtt", CONFIG_ROWS(mqtt_rows)};

static const struct config_row flashpolicy_rows[] = {
    ROWS_REFUSED_TRANSPORT,
    {.key = "allowed_domain", .kind = CONFIG_STRING, .status = CONFIG_REFUSED, .doc = "Domain of the players."},
    {.key = "allowed_ports", .kind = CONFIG_LIST, .status = CONFIG_REFUSED, .doc = "Ports they may connect to."},
    {.key = "debug", .kind = CONFIG_BOOL, .status = CONFIG_REFUSED, .doc = "More log lines."},
};

static const struct config_object flashpolicy_object = {.name = "transport of type flashpolicy",
                                                        CONFIG_ROWS(flashpolicy_rows)};

static const struct config_variant variants[] = {
    {.type = "web", .object = &web_object},
    {.type = "websocket", .object = &websocket_object},
    {.type = "websocket.testee", .object = &testee_object},
    {.type = "universal", .object = &transport_universal_object},
    {.type = "rawsocket", .object = &transport_rawsocket_object},
    {.type = "stream.testee", .object = &stream_testee_object},
    {.type = "mqtt",
     .status = CONFIG_REFUSED,
     .object = &mqtt_object,
     .why = "MQTT is spoken by the router itself",
     .remedy = "leave the transport to the node's own configuration: it can listen on that port beside Crossgate"},
    {.type = "flashpolicy",
     .status = CONFIG_REFUSED,
     .object = &flashpolicy_object,
     .why = "no browser has Flash any more",
     .remedy = "remove the transport"},
};

static const struct config_variants transport_variants = {
    .name = "transport",
    CONFIG_VARIANTS(variants),
    .doc = "What listens.",
};

const struct config_row transport_row = {.kind = CONFIG_CHOICE, .variants = &transport_variants};
