#include "settings.h"

struct part_rawsocket {
    struct rawsocket_words words;
};

struct part_web {
    struct web_words web;
};

struct universal_transport {
    struct made_transport made;
    struct part_rawsocket *rawsocket;
    struct config_items websocket;
    struct part_web *web;
};

static bool fits_rawsocket(const char *text)
{
    return strcmp(text, "rawsocket") == 0;
}

static bool fits_web(const char *text)
{
    return strcmp(text, "web") == 0;
}

#define ROW_PART(name)                                                                                                 \
    {                                                                                                                  \
        .key = "type", .kind = CONFIG_STRING, .at = CONFIG_UNSTORED, .fits = fits_##name, .allowed = "\"" #name "\"",  \
        .doc = "Says what it is; may be left out."                                                                     \
    }
#define ROW_NO_ENDPOINT                                                                                                \
    {                                                                                                                  \
        .key = "endpoint", .status = CONFIG_WRONG, .why = "all parts of a universal transport share its own",          \
        .remedy = "remove it here"                                                                                     \
    }

static const struct config_row rawsocket_rows[] = {
    ROW_PART(rawsocket),
    ROW_ID,
    ROWS_RAWSOCKET(struct part_rawsocket),
    ROW_NO_ENDPOINT,
};

static const struct config_object rawsocket_object = {
    .name = "rawsocket of a universal transport",
    CONFIG_ROWS(rawsocket_rows),
    .size = sizeof(struct part_rawsocket),
};

static const struct config_row web_rows[] = {
    ROW_PART(web),
    ROW_ID,
    ROWS_WEB(struct part_web),
    ROW_NO_ENDPOINT,
};

static const struct config_object web_object = {
    .name = "web of a universal transport",
    CONFIG_ROWS(web_rows),
    .size = sizeof(struct part_web),
};

static const struct config_variant websocket_only[] = {{.type = "websocket", .object = &service_websocket_object}};

static const struct config_variants websocket_variants = {
    .name = "websocket of a universal transport",
    CONFIG_VARIANTS(websocket_only),
};

static const struct config_row websocket_row = {.kind = CONFIG_CHOICE, .variants = &websocket_variants};

static const struct config_row universal_rows[] = {
    ROWS_TRANSPORT(struct universal_transport),
    {.key = "rawsocket",
     .kind = CONFIG_OBJECT,
     .at = CONFIG_AT(struct universal_transport, rawsocket, struct part_rawsocket *),
     .object = &rawsocket_object,
     .doc = "For connections that begin with RawSocket's 0x7F; without it they are closed."},
    {.key = "websocket",
     .kind = CONFIG_MAP,
     .at = CONFIG_AT(struct universal_transport, websocket, struct config_items),
     .item = &websocket_row,
     .fits = fits_url_path,
     .allowed = ALLOWED_URL_PATH,
     .remedy = REMEDY_URL_PATH,
     .doc = "WebSocket by the first segment of the path."},
    {.key = "mqtt",
     .kind = CONFIG_OBJECT,
     .status = CONFIG_REFUSED,
     .why = "MQTT is translated to WAMP by the node itself",
     .remedy = "let the node listen for MQTT, and leave the key out here",
     .doc = "For connections that begin with MQTT's CONNECT; they are closed."},
    {.key = "web",
     .kind = CONFIG_OBJECT,
     .at = CONFIG_AT(struct universal_transport, web, struct part_web *),
     .object = &web_object,
     .doc = "For all other requests."},
};

static bool is_root(const struct config_item *item)
{
    return strcmp(item->key, "/") == 0;
}

/* In front of the services of `web`, since they win. Crossbar compares the first segment of the path, which is never empty, so
 * that a key "/" is never found. */
static void add_websockets(struct config_reader *reader, const struct config_place *place,
                           const struct config_items *websocket, struct config_items *paths)
{
    place = config_place_key(reader, place, "websocket");
    for (size_t i = 0; i < websocket->count; i++) {
        if (is_root(&websocket->at[i]))
            config_report(reader, PROBLEM_WARNING, config_place_key(reader, place, "/"),
                          "name a segment, for example ws", "no path leads there, with Crossbar neither");
        else
            paths->at[paths->count++] = websocket->at[i];
    }
}

/* Whether the first segment of the key is the key of one of the first `count` items. */
static bool is_shadowed(const struct config_items *items, size_t count, const char *key)
{
    size_t length = strcspn(key, "/");

    for (size_t i = 0; i < count; i++) {
        if (strlen(items->at[i].key) == length && memcmp(items->at[i].key, key, length) == 0)
            return true;
    }
    return false;
}

static void add_web(struct config_reader *reader, const struct config_items *web, struct config_items *paths)
{
    size_t websockets = paths->count;

    for (size_t i = 0; i < web->count; i++) {
        if (is_shadowed(paths, websockets, web->at[i].key))
            config_report(reader, PROBLEM_WARNING, web->at[i].place, "rename one of them",
                          "it is never reached: the path belongs to a websocket");
        else
            paths->at[paths->count++] = web->at[i];
    }
}

static const struct service *build_root(struct config_reader *reader, const struct config_place *place,
                                        const struct universal_transport *read)
{
    struct builder *builder = builder_of(reader);
    size_t most = read->websocket.count + (read->web ? read->web->web.paths.count : 0);
    struct config_items paths = {.at = builder_alloc(builder, most * sizeof *paths.at + 1)};

    if (!paths.at)
        return NULL;
    add_websockets(reader, place, &read->websocket, &paths);
    if (read->web)
        add_web(reader, &read->web->web.paths, &paths);
    return paths_build(builder, &paths);
}

static void finish_universal(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct universal_transport *read = settings;
    const struct web_options *options = read->web ? read->web->web.options : NULL;

    web_check_hsts(reader, config_place_key(reader, place, "web"), options, transport_is_secure(&read->made));
    transport_fill(reader, place, &read->made, options);
    read->made.transport.protocol = PLAN_UNIVERSAL;
    read->made.transport.site.root = build_root(reader, place, read);
    if (read->rawsocket)
        read->made.transport.rawsocket =
            rawsocket_build(reader, config_place_key(reader, place, "rawsocket"), &read->rawsocket->words);
}

const struct config_object transport_universal_object = {
    .name = "transport of type universal",
    CONFIG_ROWS(universal_rows),
    .size = sizeof(struct universal_transport),
    .finish = finish_universal,
    .doc = "RawSocket, WebSocket and web on one port, told apart by the first byte of a connection and by path. "
           "Requests may come in pieces of any size.",
};
