#include "crossgate/load.h"

#include "crossgate/base/url.h"

#include <assert.h>
#include <stdio.h>

static_assert((int)URL_HOST <= (int)LOAD_HOST && (int)URL_PATH <= (int)LOAD_PATH, "what is parsed fits");

static const struct scheme {
    const char *text;
    uint16_t port;
    bool tls, websocket;
} schemes[] = {
    {"http", 80, false, false},
    {"https", 443, true, false},
    {"ws", 80, false, true},
    {"wss", 443, true, true},
};

static const struct scheme *find_scheme(struct span text)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (span_equal_nocase(text, span_string(schemes[i].text)))
            return &schemes[i];
    return NULL;
}

bool load_target_parse(const char *word, struct load_target *target, struct error *error)
{
    struct url url;
    if (!url_parse(word, &url, error))
        return false;
    const struct scheme *scheme = find_scheme(url.scheme);
    if (!scheme) {
        error_set(error, ERROR_INPUT, "not a URL to load: it begins with http://, https://, ws:// or wss://");
        return false;
    }
    *target = (struct load_target){.tls = scheme->tls, .websocket = scheme->websocket, .is_address = url.is_address};
    target->port = url.port ? url.port : scheme->port;
    snprintf(target->host, sizeof target->host, "%s", url.host);
    snprintf(target->path, sizeof target->path, "%s", url.path[0] ? url.path : "/");
    return true;
}
