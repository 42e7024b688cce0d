#include "settings.h"

/* Who gets in at a WebSocket service: what its options say about the opening handshake. */

static const char *remedy_of(struct config_reader *reader, enum origin_doubt doubt, const char *pattern)
{
    char better[ORIGIN_TEXT];

    if (doubt == ORIGIN_IS_NULL)
        return "leave it out: allow_null_origin decides about it";
    if (doubt == ORIGIN_BAD_CHARACTER)
        return "write scheme, host and port only; of an international name the form xn--…";
    if (!origin_pattern_better(span_string(pattern), better))
        return "write each origin with scheme, host and port: https://shop.example:443";
    switch (doubt) {
    case ORIGIN_NO_PORT:
    case ORIGIN_OPEN_END:
        return config_format(reader, "write \"%s\"; :* at the end stands for any port", better);
    case ORIGIN_OPEN_START:
        return config_format(reader, "write \"%s\", and another pattern for the host without a name before it", better);
    default:
        return config_format(reader, "write \"%s\"", better);
    }
}

static void warn_of_doubts(struct config_reader *reader, const struct config_items *origins)
{
    for (size_t i = 0; i < origins->count; i++) {
        const struct config_item *item = &origins->at[i];
        enum origin_doubt doubt = origin_pattern_doubt(span_string(item->string));

        if (doubt != ORIGIN_SOUND)
            config_report(reader, PROBLEM_WARNING, item->place, remedy_of(reader, doubt, item->string),
                          "the pattern %s", origin_doubt_text(doubt));
    }
}

static bool admits_all(const struct config_items *origins)
{
    for (size_t i = 0; i < origins->count; i++) {
        if (strcmp(origins->at[i].string, "*") == 0)
            return true;
    }
    return !origins->given;
}

/* Patterns are prepared once, here. */
static void prepare(struct config_reader *reader, const struct config_items *origins, struct origin_policy *policy)
{
    struct origin_pattern *patterns = config_alloc(reader, origins->count * sizeof *patterns + 1);

    for (size_t i = 0; i < origins->count && patterns; i++) {
        if (!origin_pattern_init(&patterns[i], reader->arena, span_string(origins->at[i].string))) {
            diagnostics_add_memory(reader->diagnostics);
            return;
        }
    }
    policy->patterns = patterns;
    policy->count = origins->count;
}

void websocket_options_finish(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct websocket_options *options = settings;
    const struct config_items *origins = &options->allowed_origins;

    options->origins.refuse_null = !options->allow_null_origin;
    warn_of_doubts(reader, origins);
    if (origins->given && origins->count == 0)
        config_report(reader, PROBLEM_WARNING, config_place_key(reader, place, "allowed_origins"),
                      "write [\"*\"] or leave it out for all pages",
                      "no page may connect, only clients that are no browsers");
    if (!admits_all(origins))
        prepare(reader, origins, &options->origins);
}

void gate_apply(const struct websocket_options *options, bool shows_version, struct websocket_service_settings *service)
{
    service->gate.webstatus = !options || options->enable_webstatus;
    service->show_version = shows_version;
    if (!options)
        return;
    service->gate.origins = options->origins;
    service->gate.external_port = (uint16_t)options->external_port;
    service->open_timeout = (uint32_t)options->open_handshake_timeout;
    if (options->show_server_version_given)
        service->show_version = options->show_server_version;
}

void gate_apply_transport(const struct websocket_options *options, struct plan_transport *transport)
{
    uint32_t limit = options ? (uint32_t)options->open_handshake_timeout : 0;

    if (limit == 0)
        return;
    if (limit < transport->handshake_timeout)
        transport->handshake_timeout = limit;
    if (limit < transport->site.head_timeout)
        transport->site.head_timeout = limit;
}

void gate_apply_backend(struct config_reader *reader, const struct config_place *place,
                        const struct websocket_options *options, struct backend *backend)
{
    if (!options)
        return;
    const struct {
        const char *key;
        bool asked;
    } keys[] = {
        {"allowed_origins", options->allowed_origins.given},
        {"allow_null_origin", !options->allow_null_origin},
        {"external_port", options->external_port != 0},
        {"enable_webstatus", !options->enable_webstatus},
        {"show_server_version", options->show_server_version_given},
    };
    uint32_t limit = (uint32_t)options->open_handshake_timeout;

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (keys[i].asked)
            config_report(reader, PROBLEM_NOTE, config_place_key(reader, place, keys[i].key), NULL,
                          "%s is not used here: it is about visitors, and a backend has none", keys[i].key);
    }
    if (limit > 0 && limit < backend->target.timeout)
        backend->target.timeout = limit;
}
