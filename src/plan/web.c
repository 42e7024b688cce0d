#include "settings.h"

static const struct config_row rows[] = {
    {.key = "access_log",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct web_options, access_log, bool),
     .doc = "A log line for each request."},
    {.key = "display_tracebacks",
     .kind = CONFIG_BOOL,
     .status = CONFIG_IDLE,
     .why = "there are no tracebacks to show",
     .doc = "Show Python tracebacks to visitors."},
    {.key = "hsts",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct web_options, hsts, bool),
     .doc = "Strict-Transport-Security with every answer; sent over TLS only (RFC 6797)."},
    {.key = "hsts_max_age",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct web_options, hsts_max_age, int64_t),
     .max = UINT32_MAX,
     .standard = 31536000,
     .unit = "s",
     .doc = "How long browsers keep to TLS."},
    {.key = "client_timeout",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct web_options, client_timeout, int64_t),
     .nullable = true,
     .min = 1,
     .max = 86400,
     .unit = "s",
     .doc = "Time between requests of a connection; if null or absent `idle_timeout` of the limits holds."},
    {.key = "hixie76_aware", .status = CONFIG_WRONG, .why = "Hixie-76 is gone since 2012", .remedy = "remove it"},
};

void web_options_apply(const struct builder *builder, const struct web_options *options, struct http_site *site)
{
    const struct limits *limits = &builder->limits;
    int64_t idle = options ? options->client_timeout * 1000 : 0;

    site->access_log = options && options->access_log;
    site->hsts = options && options->hsts;
    site->hsts_max_age = options ? (uint32_t)options->hsts_max_age : 0;
    site->idle_timeout = (uint32_t)(idle > 0 ? idle : limits->idle_timeout);
    site->head_timeout = (uint32_t)limits->head_timeout;
    site->body_timeout = (uint32_t)limits->body_timeout;
    site->send_timeout = (uint32_t)limits->send_timeout;
}

void web_check_hsts(struct config_reader *reader, const struct config_place *place, const struct web_options *options,
                    bool secure)
{
    if (!options || !options->hsts || secure)
        return;
    place = config_place_key(reader, config_place_key(reader, place, "options"), "hsts");
    config_report(reader, PROBLEM_WARNING, place, "give the endpoint tls, or leave hsts out",
                  "hsts has no effect without TLS: browsers ignore it there (RFC 6797)");
}

const struct config_object web_options_object = {
    .name = "options of a web transport",
    CONFIG_ROWS(rows),
    .size = sizeof(struct web_options),
};
