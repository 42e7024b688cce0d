#include "settings.h"

#include "crossgate/limits.h"

#include <sys/un.h>

/* `backend` of the service websocket-reverseproxy: Crossbar's connecting transports. */

struct websocket_backend {
    struct made_backend made;
    const char *id;
    const char *url;
    struct config_choice endpoint;
    struct websocket_options *options;
};

struct rawsocket_backend {
    struct made_backend made;
    const char *id;
    const char *url;
    struct config_choice endpoint;
    const char *serializer;
    struct rawsocket_words words;
};

#define ROW_BACKEND_ID(T)                                                                                              \
    {                                                                                                                  \
        .key = "id", .kind = CONFIG_STRING, .at = CONFIG_AT(T, id, const char *), .fits = fits_id,                     \
        .allowed = ALLOWED_ID,                                                                                         \
        .doc = "Name of the backend, for logs and `crossgate backend`; if absent, its address, as `--backend` has it." \
    }
#define ROW_ENDPOINT(T)                                                                                                \
    {                                                                                                                  \
        .key = "endpoint", .kind = CONFIG_CHOICE, .at = CONFIG_AT(T, endpoint, struct config_choice),                  \
        .required = true, .variants = &connecting_variants, .doc = "Where the node listens."                           \
    }

static const struct config_row websocket_rows[] = {
    ROW_BACKEND_ID(struct websocket_backend),
    ROW_ENDPOINT(struct websocket_backend),
    {.key = "url",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct websocket_backend, url, const char *),
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
     .at = CONFIG_AT(struct websocket_backend, options, struct websocket_options *),
     .implied = true,
     .object = &websocket_options_object,
     .doc = "Options of the session with the node."},
};

static const struct config_row rawsocket_rows[] = {
    ROW_BACKEND_ID(struct rawsocket_backend),
    ROW_ENDPOINT(struct rawsocket_backend),
    {.key = "url",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct rawsocket_backend, url, const char *),
     .fits = fits_rawsocket_url,
     .allowed = ALLOWED_RAWSOCKET_URL,
     .doc = "For logs. Where to connect, and whether TLS is spoken, is decided by the endpoint."},
    {.key = "serializer",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct rawsocket_backend, serializer, const char *),
     .fits = fits_serializer,
     .allowed = ALLOWED_SERIALIZER,
     .doc = "The only serializer that visitors may have: messages pass as they are. If neither this nor `serializers` "
            "is there, all four."},
    {.key = "serializers",
     .kind = CONFIG_LIST,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct rawsocket_backend, words.serializers, struct config_items),
     .item = &serializer_row,
     .min = 1,
     .doc =
         "The serializers that visitors may have, in place of `serializer`: those that the node speaks. The first of "
         "the visitor's subprotocols that is among them is taken; batched ones never are."},
    ROW_RAWSOCKET_OPTIONS(struct rawsocket_backend),
    ROW_NODE("debug", CONFIG_BOOL, "More log lines."),
};

/* The path of a URL that names one, else NULL. */
static const char *path_of_url(const char *url)
{
    const char *path = strchr(strstr(url, "://") + 3, '/');

    return path && path[1] ? path : NULL;
}

/* The url may be that of another machine, and of many nodes. */
static const char *print_address(struct builder *builder, const struct backend *backend)
{
    const struct net_target *target = &backend->target;
    const char *scheme = backend->kind == BACKEND_RAWSOCKET ? "rs" : "ws";
    bool brackets = target->kind == NET_TCP && strchr(target->host, ':');

    if (target->kind == NET_UNIX)
        return config_format(&builder->reader, "%s+unix:%s", scheme, target->path);
    return config_format(&builder->reader, "%s%s://%s%s%s:%u", scheme, backend->tls ? "s" : "", brackets ? "[" : "",
                         target->host, brackets ? "]" : "", (unsigned)target->port);
}

/* `secure`: the URL's scheme says TLS. */
static void check_scheme(struct config_reader *reader, const struct config_place *at_url,
                         const struct connecting *connecting, bool secure, const char *plain, const char *encrypted)
{
    const char *said = secure ? encrypted : plain;

    if (secure != (connecting->tls != NULL))
        config_report(reader, PROBLEM_WARNING, at_url,
                      secure ? config_format(reader, "add tls to the endpoint, or write %s://", plain)
                             : config_format(reader, "write %s://", encrypted),
                      "the url says %s, but the endpoint has %s, which is what counts", said,
                      secure ? "no tls" : "tls");
}

static void finish_websocket(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct websocket_backend *read = settings;
    struct connecting *connecting = read->endpoint.settings;
    struct backend *backend = builder_alloc(builder_of(reader), sizeof *backend);
    const struct config_place *at_url = config_place_key(reader, place, "url");

    if (!backend || !connecting)
        return;
    if (strchr(read->url, '?')) {
        config_report(reader, PROBLEM_ERROR, at_url, "leave the query out: that of the visitor is passed",
                      "a query in the url of a backend is not served here");
        return;
    }
    check_scheme(reader, at_url, connecting, strncmp(read->url, "wss:", 4) == 0, "ws", "wss");
    backend->kind = BACKEND_WEBSOCKET;
    backend->target = connecting->target;
    backend->tls = connecting->tls;
    backend->proxy_protocol = connecting->proxy_protocol;
    backend->path = path_of_url(read->url);
    backend->name = read->id ? read->id : print_address(builder_of(reader), backend);
    websocket_options_apply(builder_of(reader), read->options, &backend->settings);
    gate_apply_backend(reader, config_place_key(reader, place, "options"), read->options, backend);
    read->made.backend = backend;
}

static void finish_rawsocket(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct rawsocket_backend *read = settings;
    struct connecting *connecting = read->endpoint.settings;
    struct backend *backend = builder_alloc(builder_of(reader), sizeof *backend);

    if (!backend || !connecting)
        return;
    if (read->serializer && read->words.serializers.given) {
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "serializer"), "keep one of them",
                      "serializer and serializers exclude each other");
        return;
    }
    if (read->url)
        check_scheme(reader, config_place_key(reader, place, "url"), connecting, strncmp(read->url, "rss:", 4) == 0,
                     "rs", "rss");
    backend->kind = BACKEND_RAWSOCKET;
    backend->target = connecting->target;
    backend->tls = connecting->tls;
    backend->proxy_protocol = connecting->proxy_protocol;
    backend->name = read->id ? read->id : print_address(builder_of(reader), backend);
    rawsocket_settings_apply(builder_of(reader), &read->words, &backend->rawsocket);
    if (read->serializer)
        backend->rawsocket.serializers = wamp_set_of(wamp_by_name(span_string(read->serializer)));
    read->made.backend = backend;
}

static const struct config_object websocket_object = {
    .name = "backend of type websocket",
    CONFIG_ROWS(websocket_rows),
    .size = sizeof(struct websocket_backend),
    .finish = finish_websocket,
    .doc = "The node behind the door, called by WebSocket.",
};

static const struct config_object rawsocket_object = {
    .name = "backend of type rawsocket",
    CONFIG_ROWS(rawsocket_rows),
    .size = sizeof(struct rawsocket_backend),
    .finish = finish_rawsocket,
    .doc = "The node behind the door, called by RawSocket: no HTTP, so that it learns nothing of path, fields, cookies "
           "and address of the visitor.",
};

static const struct config_variant variants[] = {
    {.type = "websocket", .object = &websocket_object},
    {.type = "rawsocket", .status = CONFIG_EXTENSION, .object = &rawsocket_object},
};

const struct config_variants backend_variants = {
    .name = "backend of a websocket-reverseproxy",
    .standard = "websocket",
    CONFIG_VARIANTS(variants),
    .doc = "Crossbar's connecting transports.",
};

static const struct config_variant http_types[] = {{.type = "websocket", .object = &websocket_object}};

const struct config_variants http_backend_variants = {
    .name = "backend of a service of the node",
    .standard = "websocket",
    CONFIG_VARIANTS(http_types),
};

static const struct config_variant connection_types[] = {
    {.type = "websocket", .object = &websocket_object},
    {.type = "rawsocket", .object = &rawsocket_object},
};

const struct config_variants connection_variants = {
    .name = "transport of a connection",
    CONFIG_VARIANTS(connection_types),
};

void backend_add(struct config_reader *reader, const struct config_place *place, struct upstream *upstream,
                 const struct made_backend *made, const struct balance *balance)
{
    const char *address = made->backend ? print_address(builder_of(reader), made->backend) : NULL;

    upstream_add_at(reader, place, upstream, made->backend, address, balance);
}

/* --backend URL: "ws://host[:port]", "wss://host[:port]", "ws+unix:/path", and the same with rs for RawSocket. */

struct url_scheme {
    const char *prefix;
    enum backend_kind kind;
    enum net_kind where;
    bool secure;
};

static const struct url_scheme schemes[] = {
    {"ws://", BACKEND_WEBSOCKET, NET_TCP, false},     {"wss://", BACKEND_WEBSOCKET, NET_TCP, true},
    {"ws+unix:", BACKEND_WEBSOCKET, NET_UNIX, false}, {"rs://", BACKEND_RAWSOCKET, NET_TCP, false},
    {"rss://", BACKEND_RAWSOCKET, NET_TCP, true},     {"rs+unix:", BACKEND_RAWSOCKET, NET_UNIX, false},
};

static const struct url_scheme *scheme_of(struct span url)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (span_starts(url, span_string(schemes[i].prefix)))
            return &schemes[i];
    }
    return NULL;
}

static const char remedy_url[] =
    "write ws://HOST:PORT, wss://HOST:PORT or ws+unix:/PATH; for RawSocket rs://, rss:// or rs+unix:/PATH";

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

/* NULL: it is where to connect to; else what is wrong. */
static const char *read_where(struct builder *builder, const struct url_scheme *scheme, struct span url,
                              struct backend *backend)
{
    if (!scheme)
        return "the scheme is unknown";
    struct span rest = span_tail(url, strlen(scheme->prefix));
    backend->kind = scheme->kind;
    return scheme->where == NET_UNIX ? read_unix(builder, rest, backend)
                                     : read_tcp(builder, rest, scheme->secure, backend);
}

/* NULL: refused, or memory is out. */
static const struct backend *read_url(struct builder *builder, const char *url)
{
    struct backend *backend = builder_alloc(builder, sizeof *backend);
    const struct url_scheme *scheme = scheme_of(span_string(url));

    if (!backend)
        return NULL;
    const char *why = read_where(builder, scheme, span_string(url), backend);
    if (why) {
        refuse(builder, url, why, remedy_url);
        return NULL;
    }
    backend->target.timeout = LIMIT_CONNECT;
    websocket_options_apply(builder, NULL, &backend->settings);
    rawsocket_settings_apply(builder, NULL, &backend->rawsocket);
    if (scheme->secure && !add_tls(builder, url, backend))
        return NULL;
    backend->name = print_address(builder, backend);
    return backend;
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

static bool all_speak_http(const struct upstream *upstream)
{
    for (size_t i = 0; i < upstream->count; i++) {
        if (upstream->members[i].backend->kind != BACKEND_WEBSOCKET)
            return false;
    }
    return true;
}

struct upstream *upstream_of_words_by_source(struct builder *builder)
{
    struct upstream *upstream = upstream_of_words(builder);

    if (!upstream || (upstream->count == 1 && all_speak_http(upstream)))
        return upstream;
    if (!builder->by_source)
        builder->by_source = upstream_by_source(builder, upstream);
    return builder->by_source;
}
