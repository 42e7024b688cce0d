#include "crossgate/probe.h"

#include "crossgate/base/url.h"

#include <assert.h>
#include <stdio.h>

static_assert((int)URL_HOST <= (int)PROBE_TEXT && (int)URL_PATH <= (int)PROBE_PATH, "what is parsed fits");

enum { PORT = 443 };

static const struct scheme {
    const char *text;
    enum probe_scheme scheme;
} schemes[] = {
    {"https", PROBE_HTTPS},
    {"wss", PROBE_WSS},
    {"rss", PROBE_RAWSOCKET},
};

/* False: it is one without TLS, or unknown. */
static bool take_scheme(struct span text, struct probe_target *target, struct error *error)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (!span_equal_nocase(text, span_string(schemes[i].text)))
            continue;
        target->scheme = schemes[i].scheme;
        return true;
    }
    if (text.len > 0)
        error_set(error, ERROR_INPUT,
                  "\"%.*s\" is no scheme with TLS: write https://, wss://, rss:// or the host alone", SPAN_ARGS(text));
    return text.len == 0;
}

bool probe_target_parse(const char *word, struct probe_target *target, struct error *error)
{
    struct url url;
    *target = (struct probe_target){.scheme = PROBE_HTTPS};
    if (!url_parse(word, &url, error) || !take_scheme(url.scheme, target, error))
        return false;
    target->port = url.port ? url.port : PORT;
    target->is_address = url.is_address;
    snprintf(target->host, sizeof target->host, "%s", url.host);
    snprintf(target->path, sizeof target->path, "%s", url.path);
    return true;
}
