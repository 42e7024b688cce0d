/* The services that are Python code of the node: requests to them are passed to the node's own web transport, as they are. What
 * their keys say is for the node; here only their kinds are checked, as Crossbar does. */
#include "settings.h"

struct node_service {
    struct made_service made;
    struct config_choice backend;
};

#define ROW_NEEDED(name, its_kind, its_doc)                                                                            \
    {                                                                                                                  \
        .key = (name), .kind = (its_kind), .status = CONFIG_NODE, .required = true, .why = WHY_NODE, .doc = (its_doc)  \
    }
#define ROW_OPTIONS(its_object, its_need)                                                                              \
    {                                                                                                                  \
        .key = "options", .kind = CONFIG_OBJECT, .at = CONFIG_UNSTORED, .required = (its_need),                        \
        .object = &(its_object), .doc = "See below."                                                                   \
    }
#define ROW_NUMBER(name, its_max, its_unit, its_doc)                                                                   \
    {                                                                                                                  \
        .key = (name), .kind = CONFIG_INTEGER, .status = CONFIG_NODE, .max = (its_max), .unit = (its_unit),            \
        .why = WHY_NODE, .doc = (its_doc)                                                                              \
    }
#define ROW_DEBUG      ROW_NODE("debug", CONFIG_BOOL, "More log lines.")
#define ROW_BODY_LIMIT ROW_NUMBER("post_body_limit", 1048576, "bytes", "Longest body.")

/* NULL: reported. */
static struct upstream *upstream_of(struct config_reader *reader, const struct config_place *place,
                                    const struct made_backend *backend)
{
    struct upstream *upstream = upstream_begin(builder_of(reader), 1, NULL);

    if (!upstream)
        return NULL;
    backend_add(reader, place, upstream, backend, NULL);
    return upstream_finish(builder_of(reader), upstream);
}

static void finish(struct config_reader *reader, const struct config_place *place, void *settings, const char *type)
{
    struct node_service *read = settings;
    struct builder *builder = builder_of(reader);
    const struct made_backend *own = read->backend.settings;
    struct upstream *upstream =
        own ? upstream_of(reader, read->backend.place, own) : upstream_of_words_by_source(builder);

    if (upstream)
        read->made.service = reverseproxy_build(builder, upstream, NULL);
    else if (!own && upstream_of_words(builder))
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "type"),
                      "name the node's web transport: --backend ws://127.0.0.1:8080, or give the service a `backend`",
                      "requests to a service of type %s are passed by HTTP, which is not spoken by RawSocket", type);
    else if (!own && !sources_request(builder->sources)->backends)
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "type"),
                      "name the node: --backend ws://127.0.0.1:8080, or give the service a `backend`",
                      "a service of type %s is run by a node, and there is none here", type);
}

/* A service with its rows besides those that all have. */
#define SERVICE(type, its_doc, ...)                                                                                    \
    static const struct config_row type##_rows[] = {                                                                   \
        ROW_ID,                                                                                                        \
        {.key = "backend",                                                                                             \
         .kind = CONFIG_CHOICE,                                                                                        \
         .status = CONFIG_EXTENSION,                                                                                   \
         .at = CONFIG_AT(struct node_service, backend, struct config_choice),                                          \
         .variants = &http_backend_variants,                                                                           \
         .doc = "The node that runs it, if it is none that `--backend` names; of several there, a visitor is always "  \
                "passed to the same one, chosen by his address."},                                                     \
        __VA_ARGS__};                                                                                                  \
    static void finish_##type(struct config_reader *reader, const struct config_place *place, void *settings)          \
    {                                                                                                                  \
        finish(reader, place, settings, #type);                                                                        \
    }                                                                                                                  \
    const struct config_object service_##type##_object = {                                                             \
        .name = "service of type " #type,                                                                              \
        CONFIG_ROWS(type##_rows),                                                                                      \
        .size = sizeof(struct node_service),                                                                           \
        .finish = finish_##type,                                                                                       \
        .doc = its_doc " Passed to the node.",                                                                         \
    };

SERVICE(wsgi, "A Python web application.", ROW_NEEDED("module", CONFIG_STRING, "Python module."),
        ROW_NEEDED("object", CONFIG_STRING, "Application object in it."),
        ROW_NUMBER("minthreads", INT32_MAX, NULL, "Fewest threads."),
        ROW_NUMBER("maxthreads", INT32_MAX, NULL, "Most threads."))

SERVICE(cgi, "Scripts of a directory.", ROW_NEEDED("directory", CONFIG_STRING, "Directory of the scripts."),
        ROW_NEEDED("processor", CONFIG_STRING, "Program that runs them."))

SERVICE(resource, "A Twisted resource.", ROW_NEEDED("classname", CONFIG_STRING, "Python class."),
        ROW_NODE("extra", CONFIG_ANY, "For its constructor."))

static const struct config_row longpoll_option_rows[] = {
    ROW_DEBUG,
    ROW_NODE("debug_transport_id", CONFIG_STRING, "Fixed id, for tests."),
    ROW_NUMBER("request_timeout", INT32_MAX, "s", "Longest wait of a receive."),
    ROW_NUMBER("session_timeout", INT32_MAX, "s", "Time without a request."),
    ROW_NUMBER("queue_limit_bytes", INT32_MAX, "bytes", "Most that waits."),
    ROW_NUMBER("queue_limit_messages", INT32_MAX, NULL, "Most that wait."),
};

static const struct config_object longpoll_options_object = {
    .name = "options of the service longpoll",
    CONFIG_ROWS(longpoll_option_rows),
};

SERVICE(longpoll, "WAMP over HTTP requests.", ROW_OPTIONS(longpoll_options_object, false))

static const struct config_row bridge_option_rows[] = {
    ROW_DEBUG,
    ROW_NODE("key", CONFIG_STRING, "Name of the secret."),
    ROW_NODE("secret", CONFIG_STRING, "Signs requests."),
    ROW_NODE("require_tls", CONFIG_BOOL,
             "Refuse requests without TLS: the node sees that of the backend's endpoint, not the visitor's."),
    ROW_NODE("require_ip", CONFIG_LIST,
             "Networks that requests may come from: the node sees the front door's address."),
    ROW_BODY_LIMIT,
    ROW_NUMBER("timestamp_delta_limit", 86400, "s", "Oldest signature."),
};

static const struct config_object bridge_options_object = {
    .name = "options of the services caller and publisher",
    CONFIG_ROWS(bridge_option_rows),
};

#define ROWS_SESSION ROW_NEEDED("realm", CONFIG_STRING, "WAMP realm."), ROW_NEEDED("role", CONFIG_STRING, "WAMP role.")

SERVICE(caller, "WAMP calls by HTTP POST.", ROWS_SESSION, ROW_OPTIONS(bridge_options_object, false))

SERVICE(publisher, "WAMP events by HTTP POST.", ROWS_SESSION, ROW_OPTIONS(bridge_options_object, false))

static const struct config_row webhook_option_rows[] = {
    ROW_DEBUG,
    ROW_BODY_LIMIT,
    ROW_NODE("topic", CONFIG_STRING, "Where events go."),
    ROW_NODE("success_response", CONFIG_STRING, "Body of a good answer."),
    ROW_NODE("error_response", CONFIG_STRING, "Body of a bad answer."),
    ROW_NODE("github_secret", CONFIG_STRING, "Signs requests of GitHub."),
};

static const struct config_object webhook_options_object = {
    .name = "options of the service webhook",
    CONFIG_ROWS(webhook_option_rows),
};

SERVICE(webhook, "WAMP events by webhooks of others.", ROWS_SESSION, ROW_OPTIONS(webhook_options_object, true))

SERVICE(archive, "Files of a ZIP archive.", ROW_NEEDED("archive", CONFIG_STRING, "The archive."),
        ROW_NODE("origin", CONFIG_STRING, "URL to load it from."), ROW_NODE("download", CONFIG_BOOL, "Load it."),
        ROW_NODE("cache", CONFIG_BOOL, "Keep it in memory."),
        ROW_NODE("default_object", CONFIG_STRING, "File for the empty path."),
        ROW_NODE("object_prefix", CONFIG_STRING, "Put before paths in the archive."),
        ROW_NODE("mime_types", CONFIG_OBJECT, "MIME types by file name extension."),
        ROW_NODE("hashes", CONFIG_LIST, "SHA3-256 that the archive may have."),
        ROW_NODE("options", CONFIG_OBJECT, "More."))

static const struct config_row route_rows[] = {
    ROW_NEEDED("path", CONFIG_STRING, "Path with parameters."),
    ROW_NEEDED("method", CONFIG_STRING, "HTTP method."),
    ROW_NODE("call", CONFIG_ANY, "Procedure to call, or null."),
    ROW_NEEDED("render", CONFIG_STRING, "Template."),
};

static const struct config_object route_object = {.name = "route of the service wap", CONFIG_ROWS(route_rows)};

static const struct config_row route_row = {.kind = CONFIG_OBJECT, .object = &route_object};

static const struct config_row wamp_rows[] = {
    ROW_NEEDED("realm", CONFIG_STRING, "WAMP realm."),
    ROW_NEEDED("authrole", CONFIG_STRING, "WAMP role."),
};

static const struct config_object wamp_object = {.name = "wamp of the service wap", CONFIG_ROWS(wamp_rows)};

SERVICE(wap, "Pages rendered from WAMP calls.", ROW_NODE("path", CONFIG_STRING, "Path for its routes."),
        ROW_NEEDED("templates", CONFIG_ANY, "Directory, or package and resource."),
        ROW_NODE("sandbox", CONFIG_BOOL, "Templates in a sandbox."),
        {.key = "routes",
         .kind = CONFIG_LIST,
         .at = CONFIG_UNSTORED,
         .required = true,
         .item = &route_row,
         .doc = "What is rendered for which path."},
        {.key = "wamp",
         .kind = CONFIG_OBJECT,
         .at = CONFIG_UNSTORED,
         .required = true,
         .object = &wamp_object,
         .doc = "The session that calls."})

SERVICE(catalog, "A catalogue of APIs.", ROW_NEEDED("filename", CONFIG_STRING, "The catalogue's file."),
        ROW_NODE("path", CONFIG_STRING, "Path for its routes."))
