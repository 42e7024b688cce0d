#include "settings.h"

struct rawsocket_options {
    int64_t max_message_size;
};

struct rawsocket_transport {
    struct made_transport made;
    struct rawsocket_words words;
};

bool fits_serializer(const char *text)
{
    const struct wamp_serializer *serializer = wamp_by_name(span_string(text));

    return serializer && wamp_has(WAMP_SERIALIZERS_USUAL, serializer);
}

const struct config_row serializer_row = {
    .kind = CONFIG_STRING, .fits = fits_serializer, .allowed = ALLOWED_SERIALIZER};

static const struct config_row option_rows[] = {
    {.key = "max_message_size",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct rawsocket_options, max_message_size, int64_t),
     .min = RAWSOCKET_MESSAGE_MIN,
     .max = RAWSOCKET_MESSAGE_MAX,
     .standard = RAWSOCKET_MESSAGE_MAX,
     .unit = "bytes",
     .remedy = "RawSocket knows no other sizes: with them `crossbar check` is content, but the node does not start",
     .doc = "Longest message that is taken; rounded up to a power of two, as the handshake can say it."},
};

const struct config_object rawsocket_options_object = {
    .name = "options of RawSocket",
    CONFIG_ROWS(option_rows),
    .size = sizeof(struct rawsocket_options),
};

void rawsocket_settings_apply(const struct builder *builder, const struct rawsocket_words *words,
                              struct rawsocket_settings *settings)
{
    const struct rawsocket_options *options = words ? words->options : NULL;
    wamp_serializers named = 0;

    for (size_t i = 0; words && i < words->serializers.count; i++)
        named |= wamp_set_of(wamp_by_name(span_string(words->serializers.at[i].string)));
    settings->serializers = named ? named : WAMP_SERIALIZERS_USUAL;
    settings->max_message = rawsocket_limit(options ? (uint64_t)options->max_message_size : RAWSOCKET_MESSAGE_MAX);
    settings->send_timeout = (uint32_t)builder->limits.send_timeout;
}

const struct rawsocket_service *rawsocket_build(struct config_reader *reader, const struct config_place *place,
                                                const struct rawsocket_words *words)
{
    struct builder *builder = builder_of(reader);
    struct rawsocket_service *service = builder_alloc(builder, sizeof *service);

    if (!service)
        return NULL;
    service->routes = proxy_find_routes(reader, place);
    if (!service->routes)
        service->upstream = websocket_find_upstream(reader, place);
    rawsocket_settings_apply(builder, words, &service->front);
    return service;
}

static const struct config_row transport_rows[] = {
    ROWS_TRANSPORT(struct rawsocket_transport),
    ROWS_RAWSOCKET(struct rawsocket_transport),
};

static void finish_transport(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct rawsocket_transport *read = settings;

    transport_fill(reader, place, &read->made, NULL);
    read->made.transport.protocol = PLAN_RAWSOCKET;
    read->made.transport.rawsocket = rawsocket_build(reader, place, &read->words);
}

const struct config_object transport_rawsocket_object = {
    .name = "transport of type rawsocket",
    CONFIG_ROWS(transport_rows),
    .size = sizeof(struct rawsocket_transport),
    .finish = finish_transport,
    .doc = "WAMP without HTTP, to the node that `--backend` names, or by realm as the `routes` of a proxy worker say: "
           "by RawSocket or, if that is a WebSocket URL, as a client that asks for `/` and offers the visitor's "
           "serializer.",
};
