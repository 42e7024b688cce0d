#include "crossgate/base/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

static void take_scheme(struct span *rest, struct url *url)
{
    const uint8_t *mark = memmem(rest->at, rest->len, "://", 3);
    if (!mark || mark == rest->at)
        return;
    url->scheme = span_head(*rest, (size_t)(mark - rest->at));
    *rest = span_tail(*rest, url->scheme.len + 3);
}

static bool is_path(struct span path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.at[i] <= ' ' || path.at[i] > '~')
            return false;
    return true;
}

/* Query and fragment: a server sees the one and not the other. */
static bool take_path(struct span *rest, struct url *url, struct error *error)
{
    const uint8_t *slash = memchr(rest->at, '/', rest->len);
    struct span path = slash ? span_tail(*rest, (size_t)(slash - rest->at)) : (struct span){0};
    const uint8_t *fragment = path.len ? memchr(path.at, '#', path.len) : NULL;
    if (fragment)
        path.len = (size_t)(fragment - path.at);
    if (path.len >= sizeof url->path || !is_path(path)) {
        error_set(error, ERROR_INPUT, "the path has spaces or other letters than ASCII, or more than %zu bytes",
                  sizeof url->path - 1);
        return false;
    }
    if (slash) {
        memcpy(url->path, path.at, path.len); /* the rest of it is zero */
        rest->len = (size_t)(slash - rest->at);
    }
    return true;
}

/* "[::1]", "::1" or a name, without the port that may follow. */
static struct span cut_host(struct span *rest)
{
    struct span host = *rest;
    if (span_starts(host, SPAN("["))) {
        const uint8_t *end = memchr(host.at, ']', host.len);
        host = span_of(host.at + 1, end ? (size_t)(end - host.at) - 1 : 0);
        *rest = end ? span_tail(*rest, host.len + 2) : *rest;
        return host;
    }
    const uint8_t *colon = memchr(host.at, ':', host.len);
    if (colon && !memchr(colon + 1, ':', host.len - (size_t)(colon - host.at) - 1))
        host.len = (size_t)(colon - host.at);
    *rest = span_tail(*rest, host.len);
    return host;
}

static bool take_port(struct span rest, struct url *url)
{
    uint64_t port = 0;
    bool good = rest.len == 0 || (rest.at[0] == ':' && span_to_uint(span_tail(rest, 1), UINT16_MAX, &port) && port > 0);
    url->port = (uint16_t)port;
    return good;
}

static bool is_host(struct span host, bool is_address)
{
    for (size_t i = 0; i < host.len; i++)
        if (!isalnum(host.at[i]) && !strchr(is_address ? ".:%" : ".-_", host.at[i]))
            return false;
    return host.len > 0;
}

static bool take_host(struct span host, struct url *url)
{
    unsigned char address[sizeof(struct in6_addr)];
    if (host.len >= sizeof url->host)
        return false;
    snprintf(url->host, sizeof url->host, "%.*s", SPAN_ARGS(host));
    url->is_address = memchr(host.at, ':', host.len) != NULL || inet_pton(AF_INET, url->host, address) == 1;
    return is_host(host, url->is_address);
}

bool url_parse(const char *word, struct url *url, struct error *error)
{
    struct span rest = span_string(word);
    *url = (struct url){0};
    take_scheme(&rest, url);
    if (!take_path(&rest, url, error))
        return false;
    struct span host = cut_host(&rest);
    if (take_host(host, url) && take_port(rest, url))
        return true;
    error_set(error, ERROR_INPUT,
              "not a host: write HOST, HOST:PORT, [ADDRESS]:PORT or a URL; names with other letters as xn--…");
    return false;
}
