/* The tables of Crossbar's objects, one file per subject, and what is read into by them. */
#ifndef CROSSGATE_PLAN_SETTINGS_H
#define CROSSGATE_PLAN_SETTINGS_H

#include "builder.h"

/* Strings (words.c). */
bool fits_id(const char *text);          /* Crossbar's ids */
bool fits_path(const char *text);        /* a path of a file; not the file's content */
bool fits_url_path(const char *text);    /* keys of `paths` */
bool extends_url_path(const char *text); /* likewise, with dots or several segments: extension */
bool fits_websocket_url(const char *text);
bool fits_rawsocket_url(const char *text);
bool fits_location(const char *text); /* target of a redirect */
bool fits_interface(const char *text);
bool fits_host(const char *text);
bool fits_extension(const char *text); /* ".wasm" */
bool fits_header_value(const char *text);
bool fits_text(const char *text); /* not empty, no control characters */

/* For the schema: a regular expression that says the same as one of these functions, of what ECMA-262 and POSIX have in
 * common. NULL: there is none of fits_path and fits_text, nor of other functions. */
const char *words_pattern(bool (*fits)(const char *text));

bool fits_domain(const char *text); /* DNS name in ASCII, without wildcard; no address */
bool fits_email(const char *text);
bool fits_https_url(const char *text); /* with host, perhaps port and path */

#define ALLOWED_ID            "a lower-case letter and 2 to 63 more of a-z, 0-9 and _"
#define ALLOWED_PATH          "a path"
#define ALLOWED_WEBSOCKET_URL "a URL that begins with ws:// or wss://, without fragment"

#define ALLOWED_RAWSOCKET_URL "a URL that begins with rs:// or rss://, without path, query and fragment"

#define WHY_NODE "it is the business of the node"

/* Rows that many objects have. */
#define ROW_ID                                                                                                         \
    {                                                                                                                  \
        .key = "id", .kind = CONFIG_STRING, .at = CONFIG_UNSTORED, .fits = fits_id, .allowed = ALLOWED_ID,             \
        .doc = "Name of the item."                                                                                     \
    }
#define ROW_NODE(name, its_kind, its_doc)                                                                              \
    {                                                                                                                  \
        .key = (name), .kind = (its_kind), .status = CONFIG_NODE, .why = WHY_NODE, .doc = (its_doc)                    \
    }
#define ROW_URL                                                                                                        \
    {                                                                                                                  \
        .key = "url", .kind = CONFIG_STRING, .status = CONFIG_NODE, .fits = fits_websocket_url,                        \
        .allowed = ALLOWED_WEBSOCKET_URL, .why = "it only tells the node its own address",                             \
        .doc = "The address under which clients reach the transport."                                                  \
    }

/* A websocket transport or service has these besides; all are the node's. */
#define ROWS_WEBSOCKET_OF_NODE                                                                                         \
    ROW_URL, ROW_NODE("serializers", CONFIG_LIST, "WAMP serializers."),                                                \
        ROW_NODE("cookie", CONFIG_OBJECT, "WAMP cookie tracking."),                                                    \
        ROW_NODE("auth", CONFIG_OBJECT, "WAMP authentication."), ROW_NODE("debug", CONFIG_BOOL, "More log lines.")
#define ROW_WEBSOCKET_OPTIONS(T)                                                                                       \
    {                                                                                                                  \
        .key = "options", .kind = CONFIG_OBJECT, .at = CONFIG_AT(T, options, struct websocket_options *),              \
        .implied = true, .object = &websocket_options_object, .doc = "Options of WebSocket."                           \
    }

#define ALLOWED_URL_PATH                                                                                               \
    "`/` or one segment of letters, digits, _ and -; as an extension also dots and several segments, such as "         \
    "`.well-known/acme-challenge`"
#define REMEDY_URL_PATH "write ws, not /ws or ws/; the key is compared with the decoded path"

/* OCSP responses, per certificate (staple.c). */
struct staple_words {
    const char *response;
    bool fetches;
};
#define ROWS_STAPLE(T)                                                                                                 \
    {.key = "ocsp_response",                                                                                           \
     .kind = CONFIG_STRING,                                                                                            \
     .status = CONFIG_EXTENSION,                                                                                       \
     .at = CONFIG_AT(T, staple.response, const char *),                                                                \
     .fits = fits_path,                                                                                                \
     .allowed = ALLOWED_PATH,                                                                                          \
     .doc = "File of the OCSP response that is sent with the certificate, as `openssl ocsp -respout FILE` writes it "  \
            "(DER). Who names one keeps it fresh: one that has ended is not sent."},                                   \
    {                                                                                                                  \
        .key = "ocsp_stapling", .kind = CONFIG_BOOL, .status = CONFIG_EXTENSION,                                       \
        .at = CONFIG_AT(T, staple.fetches, bool), .standard = true,                                                    \
        .doc = "Without `ocsp_response`, fetch one in the background and send it: this asks the responder that the "   \
               "certificate names over the network, now and then. Needs the issuer's certificate in `certificate` or " \
               "`chain_certificates`; nothing is fetched for a certificate that names no responder. Write false for "  \
               "a machine that must not ask."                                                                          \
    }

/* What goes with certificate `index` of the context (NULL: it has come to nothing). `place`: of the object that has the words; `file` and
 * `chain`: what it names besides, where the issuer may be. */
struct staple_files {
    const struct pki_file *file;
    const struct pki_files *chain;
};
void staple_build(struct config_reader *reader, const struct config_place *place, const struct staple_words *words,
                  const struct staple_files *files, struct tls_context *context, size_t index);

/* endpoint.tls.acme (acme.c). */
struct acme_words {
    const struct plan_acme *made; /* by finish; NULL: reported */
    const char *email;
    struct config_items domains;
    const char *directory;
    bool agree_tos;
    struct config_items ca_certificates;
    struct config_items challenges;
};
extern const struct config_object acme_object;

/* What is found wrong with the pair is said of `acme`; that a placeholder is self-signed is no news. With `words` NULL all is passed on to
 * `whole` as it is. */
struct acme_problems {
    struct problems problems;
    struct problems *whole;
    bool issued;
    bool placeholder;
};
void acme_problems_init(struct acme_problems *problems, struct problems *whole, const struct acme_words *words);

/* When all transports are composed: says which challenges will be used, and has every one of them answered. */
void acme_finish(struct builder *builder);

/* endpoint.tls (tls.c). */
struct tls_clients_words {
    const char *wanted;
    struct config_items ca_certificates;
    struct config_items crl_files;
};
struct server_tls {
    struct tls_context *context; /* made by finish */
    struct acme_words *acme;     /* NULL: key and certificate are files */
    const char *key;
    const char *certificate;
    struct config_items chain_certificates;
    struct tls_clients_words clients;
    struct config_items certificates;
    bool strict_sni;
    const char *dhparam;
    const char *profile;
    const char *min_version;
    const char *max_version;
    const char *ciphers;
    struct config_items ciphersuites;
    struct config_items groups;
    struct config_items signature_algorithms;
    const char *channel_binding;
    struct staple_words staple;
};
extern const struct config_object server_tls_object;

struct client_tls {
    struct tls_context *context; /* made by finish */
    const char *hostname;
    struct config_items ca_certificates;
    const char *certificate;
    const char *key;
};
extern const struct config_object client_tls_object;

/* Endpoints (listen.c, connect.c): each variant's settings begin with these. */
struct listening {
    struct net_listen where;
    struct tls_context *tls; /* NULL: plain */
};
extern const struct config_variants listening_variants;

struct connecting {
    struct net_target target;
    struct tls_context *tls; /* NULL: plain */
    bool proxy_protocol;
};
extern const struct config_variants connecting_variants;

/* compression of WebSocket (deflate.c). */
struct deflate_options {
    bool request_no_context_takeover;
    int64_t request_max_window_bits;
    bool no_context_takeover;
    int64_t max_window_bits;
    int64_t memory_level;
    struct websocket_deflate_settings made; /* by finish */
};
struct compression_options {
    struct deflate_options *deflate; /* NULL: off */
};
extern const struct config_object compression_object;

/* Options of WebSocket transports and services (websocket.c). */
struct websocket_options {
    int64_t max_message_size;
    int64_t max_frame_size;
    int64_t auto_fragment_size;
    int64_t close_handshake_timeout;
    int64_t auto_ping_interval;
    int64_t auto_ping_timeout;
    int64_t auto_ping_size;
    bool auto_ping_restart_on_any_traffic;
    bool mask_server_frames;
    bool require_masked_client_frames;
    bool validate_utf8;
    bool fail_by_drop;
    bool echo_close_codereason;
    bool tcp_nodelay;
    struct compression_options *compression; /* or NULL */
    /* of the opening handshake (gate.c) */
    struct config_items allowed_origins;
    struct origin_policy origins; /* made by finish */
    bool allow_null_origin;
    bool enable_webstatus;
    bool show_server_version;
    bool show_server_version_given;
    int64_t external_port;
    int64_t open_handshake_timeout;
};
extern const struct config_object websocket_options_object;

/* `options` may be NULL. */
void websocket_options_apply(const struct builder *builder, const struct websocket_options *options,
                             struct websocket_settings *settings);

/* The part of the options that is about the opening handshake (gate.c). `options` may be NULL everywhere. */
void websocket_options_finish(struct config_reader *reader, const struct config_place *place, void *settings);

/* `shows_version`: what holds where show_server_version is not given. */
void gate_apply(const struct websocket_options *options, bool shows_version,
                struct websocket_service_settings *service);

/* For transports that serve WebSocket only: what comes before the service is asked belongs to the opening handshake. */
void gate_apply_transport(const struct websocket_options *options, struct plan_transport *transport);

/* `place`: that of the options. */
void gate_apply_backend(struct config_reader *reader, const struct config_place *place,
                        const struct websocket_options *options, struct backend *backend);

/* Options of web transports (web.c). */
struct web_options {
    bool access_log;
    bool hsts;
    int64_t hsts_max_age;
    int64_t client_timeout;
};
extern const struct config_object web_options_object;

/* `options` may be NULL. */
void web_options_apply(const struct builder *builder, const struct web_options *options, struct http_site *site);

/* RawSocket (rawsocket.c): what its transports and backends have in common. */
struct rawsocket_words {
    struct config_items serializers;
    struct rawsocket_options *options;
};
extern const struct config_object rawsocket_options_object;
extern const struct config_row serializer_row; /* element of `serializers` */

bool fits_serializer(const char *text);
#define ALLOWED_SERIALIZER "\"json\", \"msgpack\", \"cbor\" or \"ubjson\""

#define ROW_RAWSOCKET_OPTIONS(T)                                                                                       \
    {                                                                                                                  \
        .key = "options", .kind = CONFIG_OBJECT, .at = CONFIG_AT(T, words.options, struct rawsocket_options *),        \
        .implied = true, .object = &rawsocket_options_object, .doc = "Options of RawSocket."                           \
    }

#define ROWS_RAWSOCKET(T)                                                                                              \
    {.key = "serializers",                                                                                             \
     .kind = CONFIG_LIST,                                                                                              \
     .at = CONFIG_AT(T, words.serializers, struct config_items),                                                       \
     .item = &serializer_row,                                                                                          \
     .min = 1,                                                                                                         \
     .doc = "Serializers that visitors may ask for; all four if absent."},                                             \
        ROW_RAWSOCKET_OPTIONS(T), ROW_NODE("auth", CONFIG_OBJECT, "WAMP authentication."),                             \
        ROW_NODE("debug", CONFIG_BOOL, "More log lines.")

/* What the words ask for; `words` may be NULL. */
void rawsocket_settings_apply(const struct builder *builder, const struct rawsocket_words *words,
                              struct rawsocket_settings *settings);

/* A rawsocket transport, or such a part of a universal one, to the node that --backend names. NULL: reported at the place. */
const struct rawsocket_service *rawsocket_build(struct config_reader *reader, const struct config_place *place,
                                                const struct rawsocket_words *words);

/* A backend of websocket-reverseproxy (backend.c): each variant's settings begin with what finish has made. */
struct made_backend {
    const struct backend *backend;
};
extern const struct config_variants backend_variants;
extern const struct config_variants http_backend_variants; /* the same, of a service that passes HTTP */
extern const struct config_variants connection_variants;   /* the same, of a proxy worker's connection */

/* Several backends (upstream.c). */
struct health_settings {
    const char *type; /* NULL: websocket */
    int64_t interval;
    int64_t timeout;
    int64_t rise;
    int64_t fall;
};
struct balance {
    const char *policy; /* NULL: round_robin */
    int64_t timeout;
    int64_t eject_after;
    int64_t eject_time;
    int64_t eject_time_max;
    int64_t slow_start;
    struct health_settings *health_check;
};
extern const struct config_object balance_object;

/* An upstream for at most `count` backends. `balance` may be NULL. NULL: memory is out, and the plan fails. */
struct upstream *upstream_begin(struct builder *builder, size_t count, const struct balance *balance);

/* NULL: it is one more of the upstream, asked as `balance` (or NULL) says. Else why not, and what to do, which the caller
 * reports. */
const char *upstream_add(struct builder *builder, struct upstream *upstream, const struct backend *backend,
                         const struct balance *balance, const char **remedy);

/* The same for a backend at a place, where it is reported why not. NULL: it was not made, which is reported already. If its
 * name is that of another node already, it gets its address for one. */
void upstream_add_at(struct config_reader *reader, const struct config_place *place, struct upstream *upstream,
                     const struct backend *backend, const char *address, const struct balance *balance);

/* upstream_add_at for a `backend` object (backend.c). */
void backend_add(struct config_reader *reader, const struct config_place *place, struct upstream *upstream,
                 const struct made_backend *made, const struct balance *balance);

/* Has the plan keep it. NULL: it has no backends, or memory is out. */
struct upstream *upstream_finish(struct builder *builder, struct upstream *upstream);

/* The members of another upstream that speak HTTP, of which a visitor gets always the same one. NULL: none does, or memory is
 * out. */
struct upstream *upstream_by_source(struct builder *builder, const struct upstream *other);

/* Services on paths (service.c has the list, service_*.c the tables): each variant's settings begin with the service that finish has made. */
struct made_service {
    const struct service *service;
};
extern const struct config_variants service_variants;
extern const struct config_row service_row; /* element of `paths` */
extern const struct config_object service_static_object;
extern const struct config_object service_redirect_object;
extern const struct config_object service_json_object;
extern const struct config_object service_nodeinfo_object;
extern const struct config_object service_path_object;
extern const struct config_object service_websocket_object;
extern const struct config_object service_websocket_reverseproxy_object;
extern const struct config_object service_websocket_proxy_object;
extern const struct config_object service_websocket_testee_object;
extern const struct config_object service_reverseproxy_object;
extern const struct config_object service_wsgi_object;
extern const struct config_object service_cgi_object;
extern const struct config_object service_resource_object;
extern const struct config_object service_longpoll_object;
extern const struct config_object service_caller_object;
extern const struct config_object service_publisher_object;
extern const struct config_object service_webhook_object;
extern const struct config_object service_archive_object;
extern const struct config_object service_wap_object;
extern const struct config_object service_catalog_object;

/* The service for a map of paths. */
const struct service *paths_build(struct builder *builder, const struct config_items *paths);

/* The service of a websocket transport or service in the configuration: to the node that --backend names, or by realm. NULL:
 * reported at the place. */
const struct service *websocket_build_for_node(struct config_reader *reader, const struct config_place *place,
                                               const struct websocket_options *options);

/* The service of a websocket transport or service: to `upstream`, or an echo (NULL). */
const struct service *websocket_build(struct builder *builder, struct upstream *upstream,
                                      const struct websocket_options *options);

/* The service that passes HTTP to `upstream`, and WebSocket upgrades to `websocket` (NULL: they are not passed). */
const struct service *reverseproxy_build(struct builder *builder, struct upstream *upstream,
                                         const struct service *websocket);

/* The backends that --backend names, for a transport or service that needs them. NULL: none, or reported. */
struct upstream *upstream_of_words(struct builder *builder);

/* The same for a service whose node remembers a visitor between two requests: he comes to the same one again. Only those
 * that speak HTTP. NULL: none does, or as above. */
struct upstream *upstream_of_words_by_source(struct builder *builder);

/* The backends of a websocket transport or service that names none: --backend. NULL: reported at the place. */
struct upstream *websocket_find_upstream(struct config_reader *reader, const struct config_place *place);

/* Transports (transport.c has the list and those with HTTP, rawsocket.c and universal.c the others): each variant's settings
 * begin with what listens. */
struct made_transport {
    struct plan_transport transport; /* without what only the whole plan knows */
    const char *id;
    struct config_choice endpoint;
};
extern const struct config_row transport_row; /* element of `transports` */
extern const struct config_object transport_rawsocket_object;
extern const struct config_object transport_universal_object;
extern const struct config_variants testee_transport_variants;

#define ROWS_TRANSPORT(T)                                                                                              \
    {.key = "id",                                                                                                      \
     .kind = CONFIG_STRING,                                                                                            \
     .at = CONFIG_AT(T, made.id, const char *),                                                                        \
     .fits = fits_id,                                                                                                  \
     .allowed = ALLOWED_ID,                                                                                            \
     .doc = "Name of the transport, for logs."},                                                                       \
    {                                                                                                                  \
        .key = "endpoint", .kind = CONFIG_CHOICE, .at = CONFIG_AT(T, made.endpoint, struct config_choice),             \
        .required = true, .variants = &listening_variants, .doc = "Where to listen."                                   \
    }

/* Of transport web, and the part `web` of universal. */
struct web_words {
    struct config_items paths;
    struct web_options *options;
};
#define ROWS_WEB(T)                                                                                                    \
    {.key = "paths",                                                                                                   \
     .kind = CONFIG_MAP,                                                                                               \
     .at = CONFIG_AT(T, web.paths, struct config_items),                                                               \
     .required = true,                                                                                                 \
     .item = &service_row,                                                                                             \
     .fits = fits_url_path,                                                                                            \
     .extends = extends_url_path,                                                                                      \
     .allowed = ALLOWED_URL_PATH,                                                                                      \
     .remedy = REMEDY_URL_PATH,                                                                                        \
     .doc = "Services by the first segments of the path, the longest match wins; `/` takes the rest."},                \
    {                                                                                                                  \
        .key = "options", .kind = CONFIG_OBJECT, .at = CONFIG_AT(T, web.options, struct web_options *),                \
        .implied = true, .object = &web_options_object, .doc = "See below."                                            \
    }

/* What listens, without what is spoken. `options` may be NULL. */
void transport_fill(struct config_reader *reader, const struct config_place *place, struct made_transport *made,
                    const struct web_options *options);

/* Whether the transport has TLS. */
bool transport_is_secure(const struct made_transport *made);

/* Warns of hsts without TLS. `place`: of the object that has the options. */
void web_check_hsts(struct config_reader *reader, const struct config_place *place, const struct web_options *options,
                    bool secure);

/* The document (node.c, proxy.c, process.c). */
struct node {
    struct config_items workers;
};
struct worker_options;
struct worker {
    struct worker_options *options;
    struct config_items connections; /* of type proxy */
    struct config_items routes;
    struct balance *balance;
    const struct routes *made_routes; /* NULL until somebody wants them */
    struct config_items transports;
};
extern const struct config_object worker_options_object;
extern const struct config_object worker_proxy_object;

/* Says that it is disabled, if it is. */
void worker_finish(struct config_reader *reader, const struct config_place *place, void *settings);

/* The options come before the transports, since they may leave them out. */
#define ROWS_WORKER                                                                                                    \
    ROW_ID,                                                                                                            \
    {                                                                                                                  \
        .key = "options", .kind = CONFIG_OBJECT, .at = CONFIG_AT(struct worker, options, struct worker_options *),     \
        .object = &worker_options_object, .doc = "Options of the process."                                             \
    }
#define ROW_TRANSPORTS                                                                                                 \
    {                                                                                                                  \
        .key = "transports", .kind = CONFIG_LIST, .at = CONFIG_AT(struct worker, transports, struct config_items),     \
        .item = &transport_row, .doc = "What listens."                                                                 \
    }

/* The routes of the proxy worker that is being read, for a transport or service that names no node. NULL: it has none, or
 * --backend names the node. What is wrong with them is reported, once. */
const struct routes *proxy_find_routes(struct config_reader *reader, const struct config_place *place);

extern const struct config_object node_object;
extern const struct config_object process_object;

#endif
