#include "settings.h"

#include "crossgate/limits.h"

struct reverseproxy_service {
    struct made_service made;
    const char *host;
    int64_t port;
    const char *path;
    int64_t forwarded_port;
    const char *forwarded_proto;
    struct config_choice endpoint;
    bool websocket;
};

/* Something can be put behind it. */
static bool fits_base_path(const char *text)
{
    return !*text || (text[0] == '/' && fits_location(text) && !strpbrk(text, "?#"));
}

static bool fits_proto(const char *text)
{
    return strcmp(text, "http") == 0 || strcmp(text, "https") == 0;
}

static const struct config_row rows[] = {
    ROW_ID,
    {.key = "host",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct reverseproxy_service, host, const char *),
     .fits = fits_host,
     .allowed = "an address or a host name, without brackets",
     .doc = "Where the backend listens; required unless there is an `endpoint`."},
    {.key = "port",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct reverseproxy_service, port, int64_t),
     .min = 1,
     .max = 65535,
     .doc = "Its port; required with `host`."},
    {.key = "endpoint",
     .kind = CONFIG_CHOICE,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct reverseproxy_service, endpoint, struct config_choice),
     .variants = &connecting_variants,
     .doc = "Where the backend listens, instead of `host` and `port`: a connecting endpoint, with TLS or on a Unix "
            "socket, "
            "where the visitor's Host is passed."},
    {.key = "path",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct reverseproxy_service, path, const char *),
     .fits = fits_base_path,
     .allowed = "empty, or a path that begins with /, without query",
     .doc = "Path at the backend; what the visitor's path has below the service is put behind it."},
    {.key = "forwarded_port",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct reverseproxy_service, forwarded_port, int64_t),
     .min = 1,
     .max = 65535,
     .doc = "X-Forwarded-Port; if absent, the port that the visitor came to."},
    {.key = "forwarded_proto",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct reverseproxy_service, forwarded_proto, const char *),
     .fits = fits_proto,
     .allowed = "\"http\" or \"https\"",
     .doc = "X-Forwarded-Proto; if absent, how the visitor came. Crossbar says http even behind TLS."},
    {.key = "websocket",
     .kind = CONFIG_BOOL,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct reverseproxy_service, websocket, bool),
     .doc = "Relay WebSockets to the backend, too; without it their upgrade is not passed."},
};

/* Host of requests to it: the port is left out where it is the scheme's own (RFC 9110 section 7.2). */
static const char *print_host(struct config_reader *reader, const struct connecting *to)
{
    const char *host = to->target.host;
    bool literal = strchr(host, ':') != NULL;
    int length = (int)strcspn(host, "%"); /* the zone of an address means nothing elsewhere (RFC 6874 section 3) */
    const char *form = to->target.port == (to->tls ? 443 : 80) ? "%s%.*s%s" : "%s%.*s%s:%u";

    return config_format(reader, form, literal ? "[" : "", length, host, literal ? "]" : "", (unsigned)to->target.port);
}

static void fill_backend(struct config_reader *reader, const struct reverseproxy_service *read,
                         const struct connecting *to, struct backend *backend)
{
    backend->target = to->target;
    backend->tls = to->tls;
    backend->proxy_protocol = to->proxy_protocol;
    backend->path = read->path && *read->path ? read->path : "/";
    backend->forwarded_port = (uint16_t)read->forwarded_port;
    backend->forwarded_proto = read->forwarded_proto;
    if (to->target.kind == NET_UNIX) {
        backend->name = config_format(reader, "unix:%s", to->target.path);
    } else {
        backend->host = print_host(reader, to);
        backend->name = config_format(reader, "%s://%s", to->tls ? "https" : "http", backend->host);
    }
    websocket_options_apply(builder_of(reader), NULL, &backend->settings);
}

const struct service *reverseproxy_build(struct builder *builder, const struct backend *backend,
                                         const struct service *websocket)
{
    struct reverseproxy_settings made = {
        .backend = backend,
        .websocket = websocket,
        .answer_timeout = (uint32_t)builder->limits.answer_timeout,
    };

    return builder_keep_service(builder, reverseproxy_service_new(builder->plan->arena, &made));
}

/* Either host and port, or an endpoint. False: reported. */
static bool find_target(struct config_reader *reader, const struct config_place *place,
                        const struct reverseproxy_service *read, struct connecting *to)
{
    const char *missing = !read->host ? "host" : read->port == 0 ? "port" : NULL;

    if (read->endpoint.settings && (read->host || read->port > 0)) {
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "endpoint"),
                      "keep the endpoint, or host and port", "it says a second time where the backend listens");
        return false;
    }
    if (read->endpoint.settings) {
        *to = *(const struct connecting *)read->endpoint.settings;
        return true;
    }
    if (missing) {
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, missing), NULL,
                      "neither %s nor an endpoint says where the backend listens", missing);
        return false;
    }
    to->target = (struct net_target){
        .kind = NET_TCP, .host = read->host, .port = (uint16_t)read->port, .timeout = LIMIT_CONNECT};
    return true;
}

static void finish_reverseproxy(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct reverseproxy_service *read = settings;
    struct builder *builder = builder_of(reader);
    struct backend *backend = builder_alloc(builder, sizeof *backend);
    const struct service *websocket = NULL;
    struct upstream *upstream;
    struct connecting to = {.tls = NULL};

    if (!backend || !find_target(reader, place, read, &to))
        return;
    fill_backend(reader, read, &to, backend);
    if (read->websocket) {
        upstream = upstream_of_one(reader, place, backend);
        websocket = upstream ? websocket_build(builder, upstream, NULL) : NULL;
        if (!websocket)
            return;
    }
    read->made.service = reverseproxy_build(builder, backend, websocket);
}

const struct config_object service_reverseproxy_object = {
    .name = "service of type reverseproxy",
    CONFIG_ROWS(rows),
    .size = sizeof(struct reverseproxy_service),
    .finish = finish_reverseproxy,
    .doc =
        "HTTP to a backend. What a visitor says of his own forwarding is replaced: X-Forwarded-For, -Host, -Port and "
        "-Proto, X-Real-IP.",
};
