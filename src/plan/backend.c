#include "settings.h"

#include "crossgate/limits.h"

#include <sys/un.h>

/* `backend` of the service websocket-reverseproxy. */

static bool fits_websocket(const char *text)
{
    return strcmp(text, "websocket") == 0;
}

static const struct config_row backend_rows[] = {
    {.key = "id",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct backend_settings, id, const char *),
     .fits = fits_id,
     .allowed = ALLOWED_ID,
     .doc = "Name of the backend, for logs and `crossgate backend`; if absent, its address: `ws://HOST:PORT`, "
            "`wss://HOST:PORT` or `ws+unix:/PATH`."},
    {.key = "type",
     .kind = CONFIG_STRING,
     .at = CONFIG_UNSTORED,
     .fits = fits_websocket,
     .allowed = "\"websocket\"",
     .doc = "Type of the connecting transport; there is but one."},
    {.key = "endpoint",
     .kind = CONFIG_CHOICE,
     .at = CONFIG_AT(struct backend_settings, endpoint, struct config_choice),
     .required = true,
     .variants = &connecting_variants,
     .doc = "Where the node listens."},
    {.key = "url",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct backend_settings, url, const char *),
     .required = true,
     .fits = fits_websocket_url,
     .allowed = ALLOWED_WEBSOCKET_URL,
     .doc =
         "URL of the node's transport. If its path is not `/`, the rest of the visitor's path is put behind it; else "
         "the visitor's path is passed as it is. Whether TLS is spoken is decided by the endpoint."},
    {.key = "serializers",
     .kind = CONFIG_LIST,
     .status = CONFIG_IDLE,
     .why = "the subprotocols that the visitor offers are passed to the node as they are",
     .doc = "WAMP serializers to offer."},
    {.key = "options",
     .kind = CONFIG_OBJECT,
     .at = CONFIG_AT(struct backend_settings, options, struct websocket_options *),
     .implied = true,
     .object = &websocket_options_object,
     .doc = "Options of the session with the node."},
};

/* The path of a URL that names one, else NULL. */
static const char *path_of_url(const char *url)
{
    const char *path = strchr(strstr(url, "://") + 3, '/');

    return path && path[1] ? path : NULL;
}

/* The url may be that of another machine, and of many nodes. */
const char *backend_address(struct builder *builder, const struct net_target *target, bool secure)
{
    bool brackets = target->kind == NET_TCP && strchr(target->host, ':');

    if (target->kind == NET_UNIX)
        return config_format(&builder->reader, "ws+unix:%s", target->path);
    return config_format(&builder->reader, "%s://%s%s%s:%u", secure ? "wss" : "ws", brackets ? "[" : "", target->host,
                         brackets ? "]" : "", (unsigned)target->port);
}

static void finish_backend(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct backend_settings *read = settings;
    struct connecting *connecting = read->endpoint.settings;
    struct backend *backend = builder_alloc(builder_of(reader), sizeof *backend);
    const struct config_place *at_url = config_place_key(reader, place, "url");
    bool secure = strncmp(read->url, "wss:", 4) == 0;

    if (!backend || !connecting)
        return;
    if (strchr(read->url, '?')) {
        config_report(reader, PROBLEM_ERROR, at_url, "leave the query out: that of the visitor is passed",
                      "a query in the url of a backend is not served here");
        return;
    }
    if (secure != (connecting->tls != NULL))
        config_report(reader, PROBLEM_WARNING, at_url,
                      secure ? "add tls to the endpoint, or write ws://" : "write wss://",
                      "the url says %s, but the endpoint has %s, which is what counts", secure ? "wss" : "ws",
                      secure ? "no tls" : "tls");
    backend->target = connecting->target;
    backend->tls = connecting->tls;
    backend->proxy_protocol = connecting->proxy_protocol;
    backend->path = path_of_url(read->url);
    backend->name =
        read->id ? read->id : backend_address(builder_of(reader), &connecting->target, connecting->tls != NULL);
    websocket_options_apply(builder_of(reader), read->options, &backend->settings);
    gate_apply_backend(reader, config_place_key(reader, place, "options"), read->options, backend);
    read->backend = backend;
}

const struct config_object backend_object = {
    .name = "backend of a websocket-reverseproxy",
    CONFIG_ROWS(backend_rows),
    .size = sizeof(struct backend_settings),
    .finish = finish_backend,
    .doc = "The node behind the door.",
};

/* --backend URL: "ws://host[:port]", "wss://host[:port]", "ws+unix:/path". */

static const char remedy_url[] = "write ws://HOST:PORT, wss://HOST:PORT or ws+unix:/PATH";

static void refuse(struct builder *builder, const char *url, const char *why, const char *remedy)
{
    /* What may hold a password is not printed. */
    bool shown = strchr(url, '@') == NULL;
    const char *text = config_format(&builder->reader, "--backend %s: %s", shown ? url : "…", why);

    diagnostics_add(builder->reader.diagnostics, &(struct diagnostic){
                                                     .severity = PROBLEM_ERROR,
                                                     .file = "command line",
                                                     .path = "--backend",
                                                     .text = text,
                                                     .remedy = remedy,
                                                 });
}

/* Cuts "[v6]", "host" and ":port" off the URL. False: something else is in it. */
static bool cut_authority(struct span rest, struct span *host, struct span *port)
{
    bool brackets = span_starts(rest, SPAN("["));
    const uint8_t *end = brackets ? memchr(rest.at, ']', rest.len) : memchr(rest.at, ':', rest.len);

    if (brackets && !end)
        return false;
    size_t length = end ? (size_t)(end - rest.at) : rest.len;
    *host = brackets ? span_tail(span_head(rest, length), 1) : span_head(rest, length);
    rest = span_tail(rest, length + brackets);
    *port = span_tail(rest, 1);
    return rest.len == 0 || (rest.at[0] == ':' && port->len > 0);
}

static const char *read_tcp(struct builder *builder, struct span rest, bool secure, struct backend *backend)
{
    struct span host, port = {0};
    uint64_t number = secure ? 443 : 80;

    if (rest.len > 0 && rest.at[rest.len - 1] == '/')
        rest.len--;
    if (rest.len > 0 &&
        (memchr(rest.at, '/', rest.len) || memchr(rest.at, '?', rest.len) || memchr(rest.at, '#', rest.len)))
        return "path, query and fragment are not possible: the visitor's are passed";
    if (rest.len > 0 && memchr(rest.at, '@', rest.len))
        return "user and password are not possible";
    if (!cut_authority(rest, &host, &port) || (port.len > 0 && (!span_to_uint(port, 65535, &number) || number == 0)))
        return "host or port is wrong";
    backend->target.host = config_format(&builder->reader, "%.*s", SPAN_ARGS(host));
    if (!fits_host(backend->target.host))
        return "host or port is wrong";
    backend->target.kind = NET_TCP;
    backend->target.port = (uint16_t)number;
    return NULL;
}

static const char *read_unix(struct builder *builder, struct span path, struct backend *backend)
{
    if (path.len < 2 || path.at[0] != '/')
        return "the path of the socket must begin with /";
    if (path.len >= sizeof((struct sockaddr_un *)0)->sun_path)
        return "the path of the socket is too long";
    backend->target.kind = NET_UNIX;
    backend->target.path = config_format(&builder->reader, "%.*s", SPAN_ARGS(path));
    return NULL;
}

struct url_problems {
    struct problems problems;
    struct builder *builder;
    const char *url;
};

static void report_url_problem(struct problems *self, const struct problem *problem)
{
    struct url_problems *problems = (struct url_problems *)(void *)self;

    if (problem->severity == PROBLEM_ERROR)
        refuse(problems->builder, problems->url, problem->text, remedy_url);
}

static bool add_tls(struct builder *builder, const char *url, struct backend *backend)
{
    struct tls_client_settings settings = {.hostname = backend->target.host};
    struct url_problems problems = {{.report = report_url_problem}, builder, url};

    backend->tls = builder_keep_tls(builder, tls_client_context_new(&settings, &problems.problems));
    if (!backend->tls && problems.problems.errors == 0)
        diagnostics_add_memory(builder->reader.diagnostics);
    return backend->tls != NULL;
}

/* NULL: refused, or memory is out. */
static const struct backend *read_url(struct builder *builder, const char *url)
{
    struct backend *backend = builder_alloc(builder, sizeof *backend);
    struct span text = span_string(url);
    bool secure = span_starts(text, SPAN("wss://"));
    const char *why = "the scheme is unknown";

    if (!backend)
        return NULL;
    if (secure || span_starts(text, SPAN("ws://")))
        why = read_tcp(builder, span_tail(text, secure ? 6 : 5), secure, backend);
    else if (span_starts(text, SPAN("ws+unix:")))
        why = read_unix(builder, span_tail(text, 8), backend);
    if (why) {
        refuse(builder, url, why, remedy_url);
        return NULL;
    }
    backend->target.timeout = LIMIT_CONNECT;
    backend->name = backend_address(builder, &backend->target, secure);
    websocket_options_apply(builder, NULL, &backend->settings);
    return !secure || add_tls(builder, url, backend) ? backend : NULL;
}

void builder_read_backends(struct builder *builder, const char *urls)
{
    struct upstream *upstream = upstream_begin(builder, UPSTREAM_MEMBERS_MAX, builder->balance);

    for (bool more = true; upstream && more;) {
        size_t length = strcspn(urls, "\n");
        const char *url = config_format(&builder->reader, "%.*s", (int)length, urls);
        const struct backend *backend = read_url(builder, url);
        const char *remedy = NULL;
        const char *why = backend ? upstream_add(builder, upstream, backend, builder->balance, &remedy) : NULL;
        if (why)
            refuse(builder, url, why, remedy);
        more = urls[length] == '\n';
        urls += length + more;
    }
    builder->upstream = upstream ? upstream_finish(builder, upstream) : NULL;
}

struct upstream *upstream_of_words(struct builder *builder)
{
    const char *urls = sources_request(builder->sources)->backends;

    if (urls && !builder->backend_used)
        builder_read_backends(builder, urls);
    builder->backend_used = true;
    return builder->upstream;
}
