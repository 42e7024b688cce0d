#include "settings.h"

#include "crossgate/limits.h"

/* Either host and port, or an endpoint. */
struct where {
    const char *host;
    int64_t port;
    struct config_choice endpoint;
};

/* One of `backends`. */
struct http_backend {
    struct where where;
    const char *id;
    bool found; /* made by finish */
    struct connecting to;
};

struct reverseproxy_service {
    struct made_service made;
    struct where where;
    struct config_items backends; /* instead */
    struct balance *balance;
    const char *path;
    int64_t forwarded_port;
    const char *forwarded_proto;
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

#define ROW_PORT(T, its_status, its_doc)                                                                               \
    {                                                                                                                  \
        .key = "port", .kind = CONFIG_INTEGER, .status = (its_status), .at = CONFIG_AT(T, where.port, int64_t),        \
        .min = 1, .max = 65535, .doc = (its_doc)                                                                       \
    }
#define ROW_HOST(T, its_status, its_doc)                                                                               \
    {                                                                                                                  \
        .key = "host", .kind = CONFIG_STRING, .status = (its_status), .at = CONFIG_AT(T, where.host, const char *),    \
        .fits = fits_host, .allowed = "an address or a host name, without brackets", .doc = (its_doc)                  \
    }
#define ROW_ENDPOINT(T)                                                                                                \
    {                                                                                                                  \
        .key = "endpoint", .kind = CONFIG_CHOICE, .status = CONFIG_EXTENSION,                                          \
        .at = CONFIG_AT(T, where.endpoint, struct config_choice), .variants = &connecting_variants,                    \
        .doc = "Where the backend listens, instead of `host` and `port`: a connecting endpoint, with TLS or on a "     \
               "Unix socket, where the visitor's Host is passed."                                                      \
    }

static const struct config_row backend_rows[] = {
    {.key = "id",
     .kind = CONFIG_STRING,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct http_backend, id, const char *),
     .fits = fits_id,
     .allowed = ALLOWED_ID,
     .doc = "Name of the backend, for logs and `crossgate backend`; if absent, its address: `http://HOST:PORT`, "
            "`https://HOST:PORT` or `unix:/PATH`."},
    ROW_HOST(struct http_backend, CONFIG_EXTENSION, "Where it listens; required unless there is an `endpoint`."),
    ROW_PORT(struct http_backend, CONFIG_EXTENSION, "Its port; required with `host`."),
    ROW_ENDPOINT(struct http_backend),
};

static void finish_backend(struct config_reader *reader, const struct config_place *place, void *settings);

static const struct config_object http_backend_object = {
    .name = "backend of a reverseproxy",
    CONFIG_ROWS(backend_rows),
    .size = sizeof(struct http_backend),
    .finish = finish_backend,
    .doc = "One of several backends of a reverseproxy. Extension.",
};

static const struct config_row backend_row = {.kind = CONFIG_OBJECT, .object = &http_backend_object};

static const struct config_row rows[] = {
    ROW_ID,
    ROW_HOST(struct reverseproxy_service, CONFIG_SERVED,
             "Where the backend listens; required unless there is an `endpoint`, or there are `backends`."),
    ROW_PORT(struct reverseproxy_service, CONFIG_SERVED, "Its port; required with `host`."),
    ROW_ENDPOINT(struct reverseproxy_service),
    {.key = "backends",
     .kind = CONFIG_LIST,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct reverseproxy_service, backends, struct config_items),
     .min = 1,
     .max = UPSTREAM_MEMBERS_MAX,
     .item = &backend_row,
     .doc = "Several backends instead of one."},
    {.key = "balance",
     .kind = CONFIG_OBJECT,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct reverseproxy_service, balance, struct balance *),
     .object = &balance_object,
     .doc = "How visitors are spread over the backends."},
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
     .doc = "Relay WebSockets to the backends, too; without it their upgrade is not passed."},
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

static void add(struct config_reader *reader, const struct config_place *place, struct upstream *upstream,
                const struct reverseproxy_service *read, const struct connecting *to, const char *id)
{
    struct backend *backend = builder_alloc(builder_of(reader), sizeof *backend);
    const char *address;

    if (!backend)
        return;
    backend->kind = BACKEND_HTTP;
    backend->target = to->target;
    backend->tls = to->tls;
    backend->proxy_protocol = to->proxy_protocol;
    backend->path = read->path && *read->path ? read->path : "/";
    backend->forwarded_port = (uint16_t)read->forwarded_port;
    backend->forwarded_proto = read->forwarded_proto;
    if (to->target.kind == NET_UNIX) {
        address = config_format(reader, "unix:%s", to->target.path);
    } else {
        backend->host = print_host(reader, to);
        address = config_format(reader, "%s://%s", to->tls ? "https" : "http", backend->host);
    }
    backend->name = id ? id : address;
    websocket_options_apply(builder_of(reader), NULL, &backend->settings);
    upstream_add_at(reader, place, upstream, backend, address, read->balance);
}

const struct service *reverseproxy_build(struct builder *builder, struct upstream *upstream,
                                         const struct service *websocket)
{
    struct reverseproxy_settings made = {
        .upstream = upstream,
        .websocket = websocket,
        .answer_timeout = (uint32_t)builder->limits.answer_timeout,
    };

    return builder_keep_service(builder, reverseproxy_service_new(builder->plan->arena, &made));
}

/* False: reported. */
static bool find_target(struct config_reader *reader, const struct config_place *place, const struct where *where,
                        struct connecting *to)
{
    const char *missing = !where->host ? "host" : where->port == 0 ? "port" : NULL;

    if (where->endpoint.settings && (where->host || where->port > 0)) {
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "endpoint"),
                      "keep the endpoint, or host and port", "it says a second time where the backend listens");
        return false;
    }
    if (where->endpoint.settings) {
        *to = *(const struct connecting *)where->endpoint.settings;
        return true;
    }
    if (missing) {
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, missing), NULL,
                      "neither %s nor an endpoint says where the backend listens", missing);
        return false;
    }
    to->target = (struct net_target){
        .kind = NET_TCP, .host = where->host, .port = (uint16_t)where->port, .timeout = LIMIT_CONNECT};
    return true;
}

static void finish_backend(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct http_backend *read = settings;

    read->found = find_target(reader, place, &read->where, &read->to);
}

/* False: reported. */
static bool names_its_backends_once(struct config_reader *reader, const struct config_place *place,
                                    const struct reverseproxy_service *read)
{
    const struct where *where = &read->where;

    if (!read->backends.given || !(where->host || where->port > 0 || where->endpoint.settings))
        return true;
    config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "backends"), "put all of them into it",
                  "another backend is named beside it");
    return false;
}

/* NULL: reported. */
static struct upstream *make_upstream(struct config_reader *reader, const struct config_place *place,
                                      const struct reverseproxy_service *read)
{
    struct builder *builder = builder_of(reader);
    struct upstream *upstream = upstream_begin(builder, read->backends.given ? read->backends.count : 1, read->balance);
    struct connecting to = {.tls = NULL};

    if (!upstream)
        return NULL;
    if (!read->backends.given && find_target(reader, place, &read->where, &to))
        add(reader, place, upstream, read, &to, NULL);
    for (size_t i = 0; i < read->backends.count; i++) {
        const struct http_backend *backend = read->backends.at[i].object;
        if (backend->found)
            add(reader, read->backends.at[i].place, upstream, read, &backend->to, backend->id);
    }
    return upstream_finish(builder, upstream);
}

static void finish_reverseproxy(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct reverseproxy_service *read = settings;
    struct builder *builder = builder_of(reader);
    struct upstream *upstream =
        names_its_backends_once(reader, place, read) ? make_upstream(reader, place, read) : NULL;
    const struct service *websocket = upstream && read->websocket ? websocket_build(builder, upstream, NULL) : NULL;

    if (upstream && (websocket || !read->websocket))
        read->made.service = reverseproxy_build(builder, upstream, websocket);
}

const struct config_object service_reverseproxy_object = {
    .name = "service of type reverseproxy",
    CONFIG_ROWS(rows),
    .size = sizeof(struct reverseproxy_service),
    .finish = finish_reverseproxy,
    .doc = "HTTP to a backend, or to one of several. What a visitor says of his own forwarding is replaced: "
           "X-Forwarded-For, -Host, -Port and "
           "-Proto, X-Real-IP.",
};
