/* What is accepted, and what becomes of it. */
#include "node.h"

#include "crossgate/limits.h"

#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODE(transports) "{'version': 2, 'workers': [{'type': 'router', 'transports': [" transports "]}]}"
#define WEB(paths)       NODE("{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 80}, 'paths': {" paths "}}")
#define WEB_OPTIONS(options)                                                                                           \
    NODE("{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 80}, 'paths': {}, 'options': {" options "}}")
#define ENDPOINT(endpoint) NODE("{'type': 'web', 'paths': {}, 'endpoint': " endpoint "}")
#define TCP(keys)          ENDPOINT("{'type': 'tcp', " keys "}")
#define TLS                "'tls': {'key': 'server.key', 'certificate': 'server.pem'}"
#define TESTEE(options)                                                                                                \
    NODE("{'type': 'websocket.testee', 'endpoint': {'type': 'tcp', 'port': 80}, 'options': {" options "}}")

static void load(struct loaded *loaded, const char *text, const char *backend)
{
    node_load(loaded, text, backend, false);
    if (!loaded->plan)
        diagnostics_print(loaded->diagnostics, PROBLEM_NOTE, stderr, false);
    assert_non_null(loaded->plan);
}

/* The one transport of the text. */
static const struct plan_transport *load_one(struct loaded *loaded, const char *text)
{
    load(loaded, text, NULL);
    assert_int_equal(loaded->plan->transport_count, 1);
    return &loaded->plan->transports[0];
}

static unsigned count(const struct loaded *loaded, enum problem_severity severity)
{
    return diagnostics_count(loaded->diagnostics, severity);
}

#define WITH_SCHEMA                                                                                                    \
    "{'$schema': 'x', 'version': 2, 'workers': [{'type': 'router', 'id': 'r01', 'options': {'disabled': false}, "      \
    "'transports': [{'type': 'web', 'paths': {}, 'endpoint': {'type': 'tcp', 'port': 80}}]}, {'type': 'router'}]}"
#define WITH_NOTES                                                                                                     \
    "{'version': 2, 'workers': [{'type': 'container'}, {'type': 'guest'}, {'type': 'router', 'realms': [], "           \
    "'components': [], 'manhole': {}, 'transports': [{'type': 'web', 'paths': {}, "                                    \
    "'endpoint': {'type': 'tcp', 'port': 80}}]}]}"

/* Facts section 11, and values that ask for nothing we lack. Without a warning. */
static void what_crossbar_accepts_is_accepted(void **state)
{
    static const char *const texts[] = {
        WEB(""),
        WEB("'a': {'type': 'nodeinfo', 'id': 'abc'}"),
        WEB("'a-B_9': {'type': 'path', 'paths': {'/': {'type': 'nodeinfo'}}}"),
        WEB("'/': {'type': 'static', 'directory': 'web', 'options': {'enable_directory_listing': true, "
            "'precompressed': false}}"),
        WEB("'/': {'type': 'redirect', 'url': 'https://localhost:8443/%20?a=b#c'}"),
        WEB("'/': {'type': 'redirect', 'url': 'https://localhost', 'status': 308, 'keep_path': true}"),
        WEB("'.well-known/acme-challenge': {'type': 'nodeinfo'}, 'app.js': {'type': 'nodeinfo'}, 'a/b/~c': {'type': "
            "'nodeinfo'}"),
        WEB("'/': {'type': 'json', 'value': null}"),
        WEB("'/': {'type': 'reverseproxy', 'host': '::1', 'port': 80}"),
        WEB("'/': {'type': 'reverseproxy', 'host': 'n', 'port': 8080, 'path': '', 'forwarded_port': 443, "
            "'forwarded_proto': 'https'}"),
        WEB("'/': {'type': 'reverseproxy', 'endpoint': {'type': 'unix', 'path': 'n.sock'}, 'path': '/v1', 'websocket': "
            "true}"),
        WEB("'/': {'type': 'json', 'value': [1, {'a': 'b'}], 'options': {'prettify': true}}"),
        WEB("'ws': {'type': 'websocket-reverseproxy', 'url': 'wss://x', 'backend': {'type': 'websocket', 'url': "
            "'ws://x:1/ws', 'serializers': ['json'], 'endpoint': {'type': 'tcp', 'host': '::1', 'port': 1, 'timeout': "
            "0}, "
            "'options': {'max_message_size': 1}}}"),
        WEB("'ws': {'type': 'websocket-reverseproxy', 'backend': {'url': 'wss://x', 'endpoint': {'type': 'tcp', "
            "'host': "
            "'x', 'port': 443, 'tls': {'hostname': 'x', 'ca_certificates': ['server.pem']}}}}"),
        TESTEE("'max_message_size': 67108864, 'close_handshake_timeout': 0"),
        TESTEE("'allowed_origins': ['*'], 'allow_null_origin': true, 'enable_rfc6455': true, 'validate_utf8': true"),
        TESTEE(
            "'allowed_origins': ['https://shop.example:443', 'https://*.shop.example:*'], 'allow_null_origin': false"),
        TESTEE("'external_port': 0, 'open_handshake_timeout': 1000, 'show_server_version': true, 'tcp_nodelay': false"),
        TESTEE("'external_port': 65535, 'enable_webstatus': true, 'open_handshake_timeout': 3600000"),
        TESTEE("'enable_webstatus': false, 'mask_server_frames': false, 'require_masked_client_frames': true"),
        TESTEE("'apply_mask': true, 'max_frame_size': 0, 'auto_fragment_size': 0, 'fail_by_drop': false"),
        TESTEE("'tcp_nodelay': true, 'compression': {}"),
        TESTEE("'compression': {'deflate': {}}"),
        TESTEE("'compression': {'deflate': {'request_no_context_takeover': false, 'request_max_window_bits': 11,"
               " 'no_context_takeover': false, 'max_window_bits': 11, 'memory_level': 4}}"),
        TESTEE("'validate_utf8': false, 'mask_server_frames': true, 'require_masked_client_frames': false"),
        TESTEE("'max_frame_size': -1, 'auto_fragment_size': 65536, 'fail_by_drop': true"),
        TESTEE("'echo_close_codereason': true, 'auto_ping_interval': 0, 'auto_ping_timeout': 0"),
        TESTEE("'auto_ping_interval': 1000, 'auto_ping_timeout': 1000, 'auto_ping_size': 125"),
        TESTEE("'auto_ping_size': 12, 'auto_ping_restart_on_any_traffic': false"),
        TESTEE("'open_handshake_timeout': 0, 'show_server_version': false"),
        WEB_OPTIONS("'client_timeout': null, 'hsts_max_age': 0, 'access_log': false"),
        TCP("'port': 1, 'user_timeout': 65535, 'interface': ' localhost '"),
        TCP("'portrange': [80, 80]"),
        WITH_SCHEMA,
    };
    struct loaded loaded;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        load(&loaded, texts[i], NULL);
        if (count(&loaded, PROBLEM_WARNING) > 0)
            diagnostics_print(loaded.diagnostics, PROBLEM_NOTE, stderr, false);
        assert_int_equal(count(&loaded, PROBLEM_WARNING), 0);
        node_unload(&loaded);
    }
}

static void what_is_not_used_is_noted(void **state)
{
    static const char *const texts[] = {
        WITH_NOTES,
        NODE("{'type': 'websocket.testee', 'endpoint': {'type': 'tcp', 'port': 80}, 'url': 'ws://x', 'debug': true, "
             "'options': {'enable_hybi10': true, 'auto_ping_timeout': 5000, 'require_websocket_subprotocol': true}}"),
        NODE("{'type': 'websocket.testee', 'endpoint': {'type': 'tcp', 'port': 80}, 'url': 'ws://x', 'debug': true},"
             "{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 81}, 'paths': {}, 'options': {'display_tracebacks': "
             "true}},"
             "{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 82, 'shared': true}, 'paths': {}},"
             "{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 82, 'shared': true}, 'paths': {'x': {'type': "
             "'websocket-reverseproxy', 'url': 'ws://x', 'backend': {'url': 'ws://n', 'endpoint': {'type': 'unix', "
             "'path': "
             "'n'}}}}}"),
    };
    struct loaded loaded;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        load(&loaded, texts[i], NULL);
        assert_int_equal(count(&loaded, PROBLEM_NOTE), 5);
        assert_int_equal(count(&loaded, PROBLEM_WARNING), 0);
        node_unload(&loaded);
    }
}

/* Only root has workers that are somebody else. */
static void a_directory_that_is_closed_to_others_is_noted(void **state)
{
    struct loaded loaded;
    char path[64];

    (void)state;
    snprintf(path, sizeof path, "%s/web", node_path());
    for (mode_t mode = 0750; mode <= 0755; mode++) {
        bool noted = geteuid() == 0 && mode != 0755;
        assert_int_equal(chmod(path, mode), 0);
        load(&loaded, WEB("'/': {'type': 'static', 'directory': 'web'}"), NULL);
        assert_int_equal(diagnostics_kept(loaded.diagnostics), noted);
        if (noted) {
            assert_non_null(strstr(diagnostics_at(loaded.diagnostics, 0)->text, "/web has mode 075"));
            assert_non_null(strstr(diagnostics_at(loaded.diagnostics, 0)->remedy, "chmod o+rx "));
        }
        node_unload(&loaded);
    }
}

static void what_is_doubtful_is_warned_of(void **state)
{
    static const char *const texts[] = {
        WEB_OPTIONS("'hsts': true"),
        TCP("'port': 80, 'portrange': [80, 90]"),
        WEB("'ws': {'type': 'websocket-reverseproxy', 'backend': {'url': 'wss://x', 'endpoint': {'type': 'tcp', "
            "'host': "
            "'x', 'port': 443}}}"),
    };
    struct loaded loaded;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        load(&loaded, texts[i], NULL);
        assert_int_equal(count(&loaded, PROBLEM_WARNING), 1);
        node_unload(&loaded);
    }
    load(&loaded, WEB(""), "ws://localhost");
    assert_non_null(strstr(diagnostics_at(loaded.diagnostics, 0)->text, "--backend is not used"));
    node_unload(&loaded);
}

/* Each at its element, with the pattern to write instead. */
static void doubtful_origins_are_warned_of(void **state)
{
    static const struct {
        const char *origins, *path, *text, *remedy;
    } rows[] = {
        {"'https://a:443', 'https://shop.example'", "[1]", "can never match: an origin is compared with its port",
         "write \"https://shop.example:443\""},
        {"'https://Shop.Example:443'", "[0]", "can never match: origins are compared in lower case",
         "write \"https://shop.example:443\""},
        {"'https://shop.example/app'", "[0]", "can never match: an origin has no path",
         "write \"https://shop.example:443\""},
        {"'shop.example'", "[0]", "can never match: an origin begins with its scheme",
         "write \"https://shop.example:443\""},
        {"'wss://shop.example'", "[0]", "can never match: an origin is the address of a page",
         "write \"https://shop.example:443\""},
        {"'https://m\xc3\xbcller.example:443'", "[0]", "can never match: it has a character", "xn--"},
        {"'null'", "[0]", "can never match", "allow_null_origin"},
        {"'https://shop.example*'", "[0]", "admits foreign hosts", "write \"https://shop.example:443\""},
        {"'https://*shop.example:443'", "[0]", "admits foreign hosts", "write \"https://*.shop.example:443\""},
        {"'https://shop.*:443'", "[0]", "admits foreign hosts", "https://shop.example:443"},
        {"", "", "no page may connect", "[\"*\"]"},
    };
    struct loaded loaded;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512], path[128];
        snprintf(
            text, sizeof text,
            "{'version': 2, 'workers': [{'type': 'router', 'transports': [{'type': 'websocket.testee', 'endpoint': "
            "{'type': 'tcp', 'port': 80}, 'options': {'allowed_origins': [%s]}}]}]}",
            rows[i].origins);
        snprintf(path, sizeof path, "$.workers[0].transports[0].options.allowed_origins%s", rows[i].path);
        load(&loaded, text, NULL);
        assert_int_equal(count(&loaded, PROBLEM_WARNING), 1);
        const struct diagnostic *warning = diagnostics_at(loaded.diagnostics, 0);
        assert_string_equal(warning->path, path);
        assert_non_null(strstr(warning->text, rows[i].text));
        assert_non_null(strstr(warning->remedy, rows[i].remedy));
        node_unload(&loaded);
    }
}

static void what_is_about_visitors_is_noted_in_a_backend(void **state)
{
    struct loaded loaded;

    (void)state;
    load(
        &loaded,
        WEB("'ws': {'type': 'websocket-reverseproxy', 'backend': {'url': 'ws://x', 'endpoint': {'type': 'tcp', 'host': "
            "'x', 'port': 1}, 'options': {'allowed_origins': ['*'], 'allow_null_origin': false, 'external_port': 1, "
            "'enable_webstatus': false, 'show_server_version': false, 'tcp_nodelay': false, "
            "'open_handshake_timeout': 1000}}}"),
        NULL);
    assert_int_equal(count(&loaded, PROBLEM_NOTE), 5);
    assert_non_null(strstr(diagnostics_at(loaded.diagnostics, 0)->text, "a backend has none"));
    node_unload(&loaded);
}

/* A transport that serves WebSocket only has no other use for the time before the request. */
static void the_opening_handshake_bounds_its_steps(void **state)
{
    struct loaded loaded;
    const struct plan_transport *transport = load_one(&loaded, TESTEE("'open_handshake_timeout': 2500"));

    (void)state;
    assert_int_equal(transport->handshake_timeout, 2500);
    assert_int_equal(transport->site.head_timeout, 2500);
    node_unload(&loaded);
    transport = load_one(&loaded, TESTEE("'open_handshake_timeout': 3600000"));
    assert_int_equal(transport->handshake_timeout, LIMIT_HANDSHAKE);
    assert_int_equal(transport->site.head_timeout, LIMIT_HEAD);
    node_unload(&loaded);
    transport =
        load_one(&loaded, WEB("'ws': {'type': 'websocket-testee', 'options': {'open_handshake_timeout': 2500}}"));
    assert_int_equal(transport->handshake_timeout, LIMIT_HANDSHAKE);
    assert_int_equal(transport->site.head_timeout, LIMIT_HEAD);
    node_unload(&loaded);
}

/* Whatever is in it, and however it is said. */
static void a_disabled_worker_is_left_out(void **state)
{
    static const char *const values[] = {"true", "'${CROSSGATE_TEST_WORD}'"};
    struct loaded loaded;
    char text[1024];

    (void)state;
    setenv("CROSSGATE_TEST_WORD", "no", 1);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        snprintf(
            text, sizeof text,
            "{'version': 2, 'workers': [{'type': 'proxy', 'connections': {}, 'transports': [{'type': 'websocket'}], "
            "'options': {'disabled': %s}}, {'type': 'websocket-testee', 'options': {'disabled': %s}}, "
            "{'type': 'router', 'options': {'disabled': '${CROSSGATE_TEST_UNSET}'}, 'transports': [{'type': 'web', "
            "'paths': {}, 'endpoint': {'type': 'tcp', 'port': 80}}]}]}",
            values[i], values[i]);
        unsetenv("CROSSGATE_TEST_UNSET");
        load_one(&loaded, text);
        assert_int_equal(count(&loaded, PROBLEM_NOTE), 2);
        assert_int_equal(count(&loaded, PROBLEM_WARNING), 1);
        assert_string_equal(diagnostics_at(loaded.diagnostics, 0)->path, "$.workers[0].options.disabled");
        assert_non_null(strstr(diagnostics_at(loaded.diagnostics, 0)->text, "nothing of it is served"));
        assert_string_equal(diagnostics_at(loaded.diagnostics, 2)->path, "$.workers[2].options.disabled");
        node_unload(&loaded);
    }
}

static void the_transport_of_a_testee_worker_echoes(void **state)
{
    struct loaded loaded;
    const struct plan_transport *transport = load_one(
        &loaded, "{'version': 2, 'workers': [{'type': 'websocket-testee', 'id': 'testee', 'options': {'title': "
                 "'x'}, 'transport': {'type': 'websocket', 'url': 'ws://x', 'serializers': [], 'auth': {}, "
                 "'endpoint': {'type': 'tcp', 'port': 9000, 'shared': true}}}]}");

    (void)state;
    assert_int_equal(transport->where.port, 9000);
    assert_string_equal(transport->id, "workers[0].transport");
    assert_int_equal(count(&loaded, PROBLEM_NOTE), 4);
    node_unload(&loaded);
}

static void endpoints_become_addresses(void **state)
{
    struct loaded loaded;
    const struct plan_transport *transport = load_one(
        &loaded,
        TCP("'port': 443, 'interface': ' 127.0.0.1 ', 'backlog': 7, 'shared': true, 'user_timeout': 9, 'version': 6"));

    (void)state;
    assert_int_equal(transport->where.kind, NET_TCP);
    assert_string_equal(transport->where.interface, "127.0.0.1");
    assert_int_equal(transport->where.version, 4); /* the literal wins */
    assert_int_equal(transport->where.port, 443);
    assert_int_equal(transport->where.port_last, 443);
    assert_int_equal(transport->where.backlog, 7);
    assert_int_equal(transport->where.user_timeout, 9);
    assert_true(transport->where.shared);
    assert_string_equal(transport->id, "workers[0].transports[0]");
    node_unload(&loaded);

    transport = load_one(&loaded, TCP("'portrange': [80, 90]"));
    assert_int_equal(transport->where.port, 80);
    assert_int_equal(transport->where.port_last, 90);
    assert_int_equal(transport->where.version, 4);
    assert_int_equal(transport->where.backlog, 50);
    assert_string_equal(transport->where.interface, "");
    node_unload(&loaded);

    transport = load_one(&loaded, TCP("'port': '$CROSSGATE_TEST_PORT', 'shared': true"));
    assert_int_equal(transport->where.port, 8443);
    node_unload(&loaded);
}

static void paths_of_sockets_are_expanded_and_begin_at_the_node(void **state)
{
    struct loaded loaded;
    char expected[256];
    const struct plan_transport *transport =
        load_one(&loaded, ENDPOINT("{'type': 'unix', 'path': 'a$CROSSGATE_TEST_PORT-${CROSSGATE_TEST_PORT}b$-$'}"));

    (void)state;
    snprintf(expected, sizeof expected, "%s/a8443-8443b$-$", node_path());
    assert_int_equal(transport->where.kind, NET_UNIX);
    assert_string_equal(transport->where.path, expected);
    node_unload(&loaded);

    transport = load_one(&loaded, ENDPOINT("{'type': 'unix', 'path': '/run/x.sock'}"));
    assert_string_equal(transport->where.path, "/run/x.sock");
    node_unload(&loaded);
}

static void tls_makes_a_context_on_both_versions(void **state)
{
    struct loaded loaded;
    const struct plan_transport *transport = load_one(&loaded, TCP("'port': 443, " TLS));

    (void)state;
    assert_non_null(transport->tls);
    assert_true(transport->site.secure);
    node_unload(&loaded);
    transport = load_one(&loaded, TCP("'port': 443, 'version': 6, " TLS));
    assert_non_null(transport->tls);
    assert_int_equal(transport->where.version, 6);
    node_unload(&loaded);
    transport = load_one(&loaded, TCP("'port': 443"));
    assert_null(transport->tls);
    assert_false(transport->site.secure);
    node_unload(&loaded);
}

static void options_and_limits_reach_the_site(void **state)
{
    struct loaded loaded;
    const struct http_site *site = &load_one(&loaded, WEB_OPTIONS("'client_timeout': 60, 'access_log': true"))->site;

    (void)state;
    assert_int_equal(site->idle_timeout, 60000);
    assert_int_equal(site->head_timeout, LIMIT_HEAD);
    assert_true(site->access_log);
    assert_ptr_equal(site->owner, &loaded.plan->counted);
    assert_ptr_equal(site->superseded, &loaded.plan->superseded);
    assert_non_null(site->root);
    assert_int_equal(loaded.plan->process.workers, 0);
    assert_int_equal(loaded.plan->process.drain_timeout, LIMIT_DRAIN);
    node_unload(&loaded);

    /* "crossgate" counts wherever it stands. */
    const struct plan_transport *transport = load_one(
        &loaded,
        "{'version': 2, 'workers': [{'type': 'proxy', 'transports': [{'type': 'web', 'id': 'front', 'paths': {}, "
        "'endpoint': {'type': 'tcp', 'port': 80}, 'options': {'client_timeout': null}}]}], 'crossgate': {'workers': "
        "3, 'user': 'www', 'group': 'web', 'drain_timeout': 100, 'max_connections': 5, 'limits': "
        "{'handshake_timeout': 101, 'head_timeout': 102, 'idle_timeout': 103, 'body_timeout': 104, "
        "'send_timeout': 105}}}");
    assert_int_equal(transport->handshake_timeout, 101);
    assert_int_equal(transport->site.head_timeout, 102);
    assert_int_equal(transport->site.idle_timeout, 103);
    assert_int_equal(transport->site.body_timeout, 104);
    assert_int_equal(transport->site.send_timeout, 105);
    assert_string_equal(transport->id, "front");
    assert_int_equal(loaded.plan->process.workers, 3);
    assert_string_equal(loaded.plan->process.user, "www");
    assert_string_equal(loaded.plan->process.group, "web");
    assert_int_equal(loaded.plan->process.drain_timeout, 100);
    assert_int_equal(loaded.plan->process.max_connections, 5);
    node_unload(&loaded);
}

static void transports_keep_the_order_of_the_file(void **state)
{
    struct loaded loaded;

    (void)state;
    load(&loaded,
         "{'version': 2, 'workers': [{'type': 'router', 'transports': [{'type': 'web', 'paths': {}, 'endpoint': "
         "{'type': "
         "'tcp', 'port': 1}}, {'type': 'websocket.testee', 'endpoint': {'type': 'tcp', 'port': 2}}]}, {'type': "
         "'guest'}, "
         "{'type': 'proxy', 'transports': [{'type': 'web', 'paths': {}, 'endpoint': {'type': 'tcp', 'port': 3}}]}]}",
         NULL);
    assert_int_equal(loaded.plan->transport_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(loaded.plan->transports[i].where.port, i + 1);
    assert_string_equal(loaded.plan->transports[2].id, "workers[2].transports[0]");
    node_unload(&loaded);
}

static void a_backend_of_the_command_line_serves_websocket_transports(void **state)
{
    static const char *const urls[] = {
        "ws://node",       "ws://localhost:8080/", "ws://[::1]:8080",       "ws://192.0.2.1",
        "wss://localhost", "wss://localhost:8443", "ws+unix:/run/node.sock"};
    struct loaded loaded;

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        load(&loaded,
             "{'version': 2, 'workers': [{'type': 'proxy', 'connections': {}, 'routes': {}, 'transports': ["
             "{'type': 'websocket', 'endpoint': {'type': 'tcp', 'port': 80}, 'serializers': ['json']},"
             "{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 81}, 'paths': {'ws': {'type': 'websocket', 'auth': "
             "{}}}}"
             "]}]}",
             urls[i]);
        assert_int_equal(count(&loaded, PROBLEM_WARNING), 0);
        assert_int_equal(count(&loaded, PROBLEM_NOTE), 3);
        assert_non_null(loaded.plan->transports[0].site.root);
        node_unload(&loaded);
    }
}

/* With --backend, or a backend of its own. */
static void services_of_the_node_are_passed_to_it(void **state)
{
    static const char *const services[] = {
        "'type': 'wsgi', 'module': 'm', 'object': 'o', 'minthreads': 1, 'maxthreads': 20",
        "'type': 'cgi', 'directory': 'd', 'processor': 'p'",
        "'type': 'resource', 'classname': 'c', 'extra': [1]",
        "'type': 'longpoll', 'options': {'debug': true, 'debug_transport_id': 'x', 'request_timeout': 10, "
        "'session_timeout': 30, 'queue_limit_bytes': 131072, 'queue_limit_messages': 100}",
        "'type': 'caller', 'realm': 'r', 'role': 'o', 'options': {'key': 'k', 'secret': 's', 'require_tls': true, "
        "'require_ip': [], 'post_body_limit': 0, 'timestamp_delta_limit': 300}",
        "'type': 'publisher', 'realm': 'r', 'role': 'o', 'id': 'abc'",
        "'type': 'webhook', 'realm': 'r', 'role': 'o', 'options': {'topic': 't', 'success_response': 'y', "
        "'error_response': 'n', 'github_secret': 's', 'post_body_limit': 1048576}",
        "'type': 'archive', 'archive': 'a', 'origin': 'u', 'download': true, 'cache': false, 'default_object': 'i', "
        "'object_prefix': 'p', 'mime_types': {}, 'hashes': [], 'options': {}",
        "'type': 'wap', 'templates': {'package': 'p', 'resource': 'r'}, 'path': '/', 'sandbox': true, 'routes': "
        "[{'path': '/', 'method': 'GET', 'call': null, 'render': 'r'}], 'wamp': {'realm': 'r', 'authrole': 'o'}",
        "'type': 'catalog', 'filename': 'f', 'path': 'p'",
    };
    struct loaded loaded;
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        snprintf(text, sizeof text, WEB("'a': {%s}"), services[i]);
        load(&loaded, text, "ws+unix:/run/node.sock");
        assert_int_equal(count(&loaded, PROBLEM_WARNING), 0);
        node_unload(&loaded);
        snprintf(text, sizeof text,
                 WEB("'a': {%s, 'backend': {'url': 'ws://n', 'endpoint': {'type': 'unix', 'path': 'n'}}}"),
                 services[i]);
        load(&loaded, text, NULL);
        node_unload(&loaded);
        load(&loaded, text, "ws://localhost"); /* which nobody needs */
        assert_int_equal(count(&loaded, PROBLEM_WARNING), 1);
        node_unload(&loaded);
    }
}

static void assert_members(const struct upstream *upstream, const char *const *names, size_t count)
{
    assert_int_equal(upstream->count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(upstream->members[i].backend->name, names[i]);
}

static void several_backends_make_one_upstream(void **state)
{
    static const char *const names[] = {"ws://n:8080", "wss://[::1]:443", "ws+unix:/run/n.sock", "fourth"};
    struct loaded loaded;

    (void)state;
    load(&loaded,
         WEB("'ws': {'type': 'websocket-reverseproxy', 'backends': ["
             "{'url': 'ws://x', 'endpoint': {'type': 'tcp', 'host': 'n', 'port': 8080}},"
             "{'url': 'wss://x', 'endpoint': {'type': 'tcp', 'host': '::1', 'port': 443, 'tls': {'hostname': 'n'}}},"
             "{'url': 'ws://x', 'endpoint': {'type': 'unix', 'path': '/run/n.sock'}},"
             "{'url': 'ws://x', 'id': 'fourth', 'endpoint': {'type': 'unix', 'path': '/run/m.sock'}}],"
             "'balance': {'policy': 'least_connections', 'timeout': 101, 'eject_after': 0, 'eject_time': 102, "
             "'eject_time_max': 103, 'slow_start': 104}}"),
         NULL);
    const struct upstream *upstream = loaded.plan->upstreams;
    assert_members(upstream, names, 4);
    assert_null(upstream->next);
    assert_int_equal(loaded.plan->backend_count, 4);
    assert_int_equal(upstream->settings.policy, UPSTREAM_LEAST_CONNECTIONS);
    assert_int_equal(upstream->settings.timeout, 101);
    assert_int_equal(upstream->settings.eject_after, 0);
    assert_int_equal(upstream->settings.eject_time, 102);
    assert_int_equal(upstream->settings.eject_time_max, 103);
    assert_int_equal(upstream->settings.slow_start, 104);
    node_unload(&loaded);
}

static void several_http_backends_make_one_upstream(void **state)
{
    static const char *const names[] = {"http://n:8080", "https://[::1]", "unix:/run/n.sock", "fourth"};
    struct loaded loaded;

    (void)state;
    load(&loaded,
         WEB("'a': {'type': 'reverseproxy', 'path': '/v1', 'forwarded_port': 444, 'websocket': true, 'backends': ["
             "{'host': 'n', 'port': 8080},"
             "{'endpoint': {'type': 'tcp', 'host': '::1', 'port': 443, 'tls': {'hostname': 'n'}}},"
             "{'endpoint': {'type': 'unix', 'path': '/run/n.sock'}},"
             "{'id': 'fourth', 'host': 'm', 'port': 80}], 'balance': {'policy': 'source', 'timeout': 101}}"),
         NULL);
    const struct upstream *upstream = loaded.plan->upstreams;
    assert_members(upstream, names, 4);
    assert_null(upstream->next); /* the WebSockets' one, too */
    assert_int_equal(upstream->settings.policy, UPSTREAM_SOURCE);
    assert_int_equal(upstream->settings.timeout, 101);
    for (size_t i = 0; i < 4; i++) {
        const struct backend *backend = upstream->members[i].backend;
        assert_string_equal(backend->path, "/v1");
        assert_int_equal(backend->forwarded_port, 444);
    }
    assert_string_equal(upstream->members[0].backend->host, "n:8080");
    assert_non_null(upstream->members[1].backend->tls);
    assert_null(upstream->members[2].backend->host);
    assert_string_equal(upstream->members[3].backend->host, "m");
    node_unload(&loaded);
}

/* Their visitors stay at one node, whatever WebSockets do. */
static void services_of_the_node_choose_by_source(void **state)
{
    static const char *const names[] = {"ws://a:80", "ws://b:80"};
    struct loaded loaded;

    (void)state;
    load(
        &loaded,
        "{'version': 2, 'crossgate': {'balance': {'policy': 'least_connections', 'timeout': 103, 'health_check': {}}}, "
        "'workers': [{'type': 'router', 'transports': [{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 80}, "
        "'paths': {'ws': {'type': 'websocket'}, 'lp': {'type': 'longpoll'}, 'r': {'type': 'resource', 'classname': "
        "'c'}}}]}]}",
        "ws://a\nws://b");
    const struct upstream *sockets = loaded.plan->upstreams, *requests = sockets->next;
    assert_members(sockets, names, 2);
    assert_int_equal(sockets->settings.policy, UPSTREAM_LEAST_CONNECTIONS);
    assert_members(requests, names, 2);
    assert_int_equal(requests->settings.policy, UPSTREAM_SOURCE);
    assert_int_equal(requests->settings.timeout, 103);
    assert_null(requests->next); /* one for all of them */
    assert_ptr_equal(sockets->members[0].backend, requests->members[0].backend);
    assert_non_null(sockets->members[0].check);
    assert_null(requests->members[0].check); /* each is asked once */
    assert_int_equal(loaded.plan->backend_count, 2);
    node_unload(&loaded);
    load(&loaded, WEB("'lp': {'type': 'longpoll'}"), "ws://a");
    assert_null(loaded.plan->upstreams->next); /* there is no choice */
    node_unload(&loaded);
    load(&loaded, WEB("'lp': {'type': 'longpoll'}"), "rs://a\nws://b:80\nrs://c:9");
    assert_members(loaded.plan->upstreams->next, names + 1, 1); /* requests go to who speaks HTTP */
    node_unload(&loaded);
}

static void one_node_in_two_services_is_one_backend(void **state)
{
    static const char *const names[] = {"ws+unix:/run/n.sock"};
    struct loaded loaded;

    (void)state;
    load(
        &loaded,
        WEB("'a': {'type': 'websocket-reverseproxy', 'backend': {'url': 'ws://x', 'endpoint': {'type': 'unix', 'path': "
            "'/run/n.sock'}}}, 'b': {'type': 'websocket-proxy', 'backends': [{'url': 'ws://x/y', 'endpoint': {'type': "
            "'unix', 'path': '/run/n.sock'}}]}"),
        NULL);
    assert_members(loaded.plan->upstreams, names, 1);
    assert_members(loaded.plan->upstreams->next, names, 1);
    assert_int_equal(loaded.plan->backend_count, 1);
    assert_int_equal(loaded.plan->upstreams->settings.policy, UPSTREAM_ROUND_ROBIN);
    assert_int_equal(loaded.plan->upstreams->settings.timeout, LIMIT_CALL);
    assert_int_equal(loaded.plan->upstreams->settings.eject_time, LIMIT_EJECT);
    node_unload(&loaded);
}

static void a_shared_backend_is_asked_once(void **state)
{
    struct loaded loaded;

    (void)state;
    load(&loaded,
         WEB("'a': {'type': 'websocket-proxy', 'backends': [{'url': 'ws://x', 'endpoint': {'type': 'unix', 'path': "
             "'/run/n.sock'}}], 'balance': {'health_check': {'type': 'tcp', 'timeout': 99}}}, 'b': {'type': "
             "'websocket-proxy', 'backends': [{'url': 'ws://x/y', 'endpoint': {'type': 'unix', 'path': "
             "'/run/n.sock'}}], "
             "'balance': {'health_check': {'type': 'tcp', 'timeout': 99}}}"),
         NULL);
    const struct health_check *check = loaded.plan->upstreams->members[0].check;
    assert_non_null(check);
    assert_int_equal(check->type, HEALTH_TCP);
    assert_int_equal(check->interval, 5000);
    assert_int_equal(check->rise, 2);
    assert_int_equal(check->fall, 3);
    assert_int_equal(check->backend.target.timeout, 99);
    assert_string_equal(check->backend.target.path, "/run/n.sock");
    assert_int_equal(loaded.plan->upstreams->members[0].backend->target.timeout, 10000);
    assert_null(loaded.plan->upstreams->next->members[0].check);
    node_unload(&loaded);
}

static void two_nodes_of_one_id_get_two_names(void **state)
{
    static const char *const first[] = {"one"}, *const second[] = {"ws+unix:/run/m.sock"};
    struct loaded loaded;

    (void)state;
    load(
        &loaded,
        WEB("'a': {'type': 'websocket-reverseproxy', 'backend': {'id': 'one', 'url': 'ws://x', 'endpoint': {'type': "
            "'unix', 'path': '/run/n.sock'}}}, 'b': {'type': 'websocket-reverseproxy', 'backend': {'id': 'one', 'url': "
            "'ws://x', 'endpoint': {'type': 'unix', 'path': '/run/m.sock'}}}"),
        NULL);
    assert_int_equal(count(&loaded, PROBLEM_WARNING), 1);
    assert_members(loaded.plan->upstreams, first, 1);
    assert_members(loaded.plan->upstreams->next, second, 1);
    node_unload(&loaded);
}

static void the_control_socket_is_in_the_node_directory(void **state)
{
    static const struct {
        const char *extension, *path; /* relative to the node directory; NULL: none */
    } rows[] = {{"", "/crossgate.sock"},
                {"'crossgate': {'workers': 2},", "/crossgate.sock"},
                {"'crossgate': {'control': 'run/x.sock'},", "/run/x.sock"},
                {"'crossgate': {'control': './none'},", "/none"},
                {"'crossgate': {'control': 'none'},", NULL}};
    struct loaded loaded;
    char text[512], expected[256];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text,
                 "{'version': 2, %s 'workers': [{'type': 'router', 'transports': [{'type': 'web', 'endpoint': {'type': "
                 "'tcp', 'port': 80}, 'paths': {}}]}]}",
                 rows[i].extension);
        load(&loaded, text, NULL);
        snprintf(expected, sizeof expected, "%s%s", node_path(), rows[i].path ? rows[i].path : "");
        if (rows[i].path)
            assert_string_equal(loaded.plan->process.control, expected);
        else
            assert_null(loaded.plan->process.control);
        node_unload(&loaded);
    }
}

static void backends_of_the_command_line_are_one_upstream(void **state)
{
    static const char *const names[] = {"ws://a:80", "ws://b:8080", "ws+unix:/run/c d.sock"};
    struct loaded loaded;

    (void)state;
    load(&loaded,
         "{'version': 2, 'crossgate': {'balance': {'policy': 'least_connections'}}, 'workers': [{'type': 'router', "
         "'transports': [{'type': 'websocket', 'endpoint': {'type': 'tcp', 'port': 80}},"
         "{'type': 'websocket', 'endpoint': {'type': 'tcp', 'port': 81}}]}]}",
         "ws://a/\nws://b:8080\nws+unix:/run/c d.sock");
    assert_members(loaded.plan->upstreams, names, 3);
    assert_null(loaded.plan->upstreams->next);
    assert_int_equal(loaded.plan->upstreams->settings.policy, UPSTREAM_LEAST_CONNECTIONS);
    node_unload(&loaded);
}

static void load_rawsocket(struct loaded *loaded, const char *transport, const char *backend)
{
    char text[1024];

    snprintf(text, sizeof text, "{'version': 2, 'workers': [{'type': 'router', 'transports': [%s]}]}", transport);
    load(loaded, text, backend);
}

static void rawsocket_words_become_settings(void **state)
{
    static const struct {
        const char *keys;
        wamp_serializers serializers;
        uint32_t max_message;
    } rows[] = {
        {"", 0x1E, 1 << 24},
        {", 'serializers': ['cbor', 'json'], 'auth': {}, 'debug': true, 'id': 'abc'", 1 << 3 | 1 << 1, 1 << 24},
        {", 'options': {}", 0x1E, 1 << 24},
        {", 'options': {'max_message_size': 512}", 0x1E, 512},
        {", 'options': {'max_message_size': 100000}", 0x1E, 131072},
    };
    struct loaded loaded;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char transport[512];
        snprintf(transport, sizeof transport, "{'type': 'rawsocket', 'endpoint': {'type': 'tcp', 'port': 80}%s}",
                 rows[i].keys);
        load_rawsocket(&loaded, transport, "rs+unix:/run/node.sock");
        assert_int_equal(count(&loaded, PROBLEM_WARNING), 0);
        assert_int_equal(loaded.plan->transports[0].protocol, PLAN_RAWSOCKET);
        const struct rawsocket_service *service = loaded.plan->transports[0].rawsocket;
        assert_int_equal(service->front.serializers, rows[i].serializers);
        assert_int_equal(service->front.max_message, rows[i].max_message);
        assert_int_equal(service->front.send_timeout, 30000);
        const struct backend *backend = service->upstream->members[0].backend;
        assert_int_equal(backend->kind, BACKEND_RAWSOCKET);
        assert_int_equal(backend->rawsocket.serializers, 0x1E);
        node_unload(&loaded);
    }
}

static void a_rawsocket_backend_may_be_named_in_all_ways(void **state)
{
    static const struct {
        const char *url, *name;
        enum backend_kind kind;
        uint16_t port;
        bool tls;
    } rows[] = {
        {"rs://localhost:8081", "rs://localhost:8081", BACKEND_RAWSOCKET, 8081, false},
        {"rs://node", "rs://node:80", BACKEND_RAWSOCKET, 80, false},
        {"rss://node", "rss://node:443", BACKEND_RAWSOCKET, 443, true},
        {"rs+unix:/run/n.sock", "rs+unix:/run/n.sock", BACKEND_RAWSOCKET, 0, false},
        {"rs://[::1]:8081", "rs://[::1]:8081", BACKEND_RAWSOCKET, 8081, false},
        {"ws://node", "ws://node:80", BACKEND_WEBSOCKET, 80, false},
    };
    struct loaded loaded;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        load_rawsocket(&loaded, "{'type': 'rawsocket', 'endpoint': {'type': 'tcp', 'port': 80}}", rows[i].url);
        const struct backend *backend = loaded.plan->transports[0].rawsocket->upstream->members[0].backend;
        assert_int_equal(backend->kind, rows[i].kind);
        assert_int_equal(backend->target.port, rows[i].port);
        assert_int_equal(backend->tls != NULL, rows[i].tls);
        assert_string_equal(backend->name, rows[i].name);
        node_unload(&loaded);
    }
}

static void a_reverseproxy_may_have_a_rawsocket_backend(void **state)
{
    static const char *const keys[] = {"", ", 'serializer': 'cbor', 'url': 'rs://localhost', 'debug': false",
                                       ", 'serializers': ['msgpack', 'json']",
                                       ", 'url': 'rss://n', 'options': {'max_message_size': 1048576}"};
    static const unsigned warnings[] = {0, 0, 0, 1}; /* rss, and no tls */
    struct loaded loaded;

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char transport[600];
        snprintf(transport, sizeof transport,
                 "{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 80}, 'paths': {'ws': {'type': "
                 "'websocket-reverseproxy', 'backend': {'type': 'rawsocket', 'endpoint': {'type': 'unix', 'path': "
                 "'n.sock'}%s}}}}",
                 keys[i]);
        load_rawsocket(&loaded, transport, NULL);
        assert_int_equal(count(&loaded, PROBLEM_WARNING), warnings[i]);
        node_unload(&loaded);
    }
}

static void a_universal_transport_has_parts(void **state)
{
    static const struct {
        const char *keys;
        unsigned warnings;
        bool rawsocket;
    } rows[] = {
        {"", 0, false},
        {", 'rawsocket': {}", 0, true},
        {", 'rawsocket': {'type': 'rawsocket', 'serializers': ['cbor']}, 'websocket': {'ws': {'type': 'websocket', "
         "'serializers': ['json']}}, 'web': {'type': 'web', 'paths': {'/': {'type': 'nodeinfo'}}}",
         0, true},
        {", 'web': {'paths': {}, 'options': {'hsts': true}}", 1, false},
        {", 'websocket': {'/': {'type': 'websocket'}}", 1, false},
        {", 'websocket': {'ws': {'type': 'websocket'}}, 'web': {'paths': {'ws': {'type': 'nodeinfo'}}}", 1, false},
        {", 'websocket': {'ws': {'type': 'websocket'}}, 'web': {'paths': {'ws/a': {'type': 'nodeinfo'}, 'wsx': "
         "{'type': "
         "'nodeinfo'}, 'w': {'type': 'nodeinfo'}}}",
         1, false},
    };
    struct loaded loaded;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char transport[600];
        snprintf(transport, sizeof transport,
                 "{'type': 'universal', 'endpoint': {'type': 'tcp', 'port': 80}%s}, {'type': 'stream.testee', "
                 "'endpoint': {'type': 'tcp', 'port': 81}, 'debug': true}, {'type': 'websocket', 'endpoint': {'type': "
                 "'tcp', 'port': 82}}",
                 rows[i].keys);
        load_rawsocket(&loaded, transport, "ws://node");
        assert_int_equal(count(&loaded, PROBLEM_WARNING), rows[i].warnings);
        assert_int_equal(loaded.plan->transports[0].protocol, PLAN_UNIVERSAL);
        assert_non_null(loaded.plan->transports[0].site.root);
        assert_int_equal(loaded.plan->transports[0].rawsocket != NULL, rows[i].rawsocket);
        assert_int_equal(loaded.plan->transports[1].protocol, PLAN_STREAM_TESTEE);
        assert_int_equal(loaded.plan->transports[2].protocol, PLAN_HTTP);
        node_unload(&loaded);
    }
}

static void a_proxy_worker_has_routes(void **state)
{
    struct loaded loaded;

    (void)state;
    load(
        &loaded,
        "{'version': 2, 'workers': [{'type': 'proxy', 'transports': [{'type': 'rawsocket', 'endpoint': {'type': 'tcp', "
        "'port': 80}}, {'type': 'web', 'endpoint': {'type': 'tcp', 'port': 81}, 'paths': {'ws': {'type': "
        "'websocket'}}}, "
        "{'type': 'universal', 'endpoint': {'type': 'tcp', 'port': 82}, 'rawsocket': {}}], 'balance': {'policy': "
        "'least_connections'}, 'routes': {'a': {'x': "
        "'one', "
        "'y': ['one']}, 'b': {'x': ['one', 'two'], 'y': ['two', 'one']}}, 'connections': {'one': {'transport': "
        "{'type': "
        "'rawsocket', 'endpoint': {'type': 'unix', 'path': 'a'}, 'serializer': 'cbor'}, 'auth': {'anonymous-proxy': "
        "{'type': "
        "'static'}}}, 'two': {'transport': {'type': 'rawsocket', 'serializer': 'json', 'endpoint': {'type': 'unix', "
        "'path': "
        "'b'}}}}}]}",
        NULL);
    assert_int_equal(count(&loaded, PROBLEM_NOTE), 1); /* auth */
    const struct routes *routes = loaded.plan->transports[0].rawsocket->routes;
    assert_non_null(routes);
    assert_ptr_equal(loaded.plan->transports[2].rawsocket->routes, routes);
    assert_null(loaded.plan->transports[0].rawsocket->upstream);
    assert_int_equal(routes->serializers, 1 << 1 | 1 << 3);
    assert_int_equal(routes->count, 2);
    assert_true(span_equal(routes->at[0].realm, SPAN("a")));
    assert_int_equal(routes->at[0].upstream->count, 1);
    assert_true(span_equal(routes->at[1].realm, SPAN("b")));
    const struct upstream *both = routes->at[1].upstream;
    assert_int_equal(both->count, 2);
    assert_int_equal(both->settings.policy, UPSTREAM_LEAST_CONNECTIONS);
    assert_ptr_equal(routes->at[0].upstream->members[0].backend, both->members[0].backend);
    assert_string_equal(strrchr(both->members[1].backend->target.path, '/'), "/b");
    assert_ptr_equal(loaded.plan->upstreams, routes->at[0].upstream);
    assert_ptr_equal(loaded.plan->upstreams->next, both);
    node_unload(&loaded);
}

static void addresses_that_differ_are_no_conflict(void **state)
{
    struct loaded loaded;

    (void)state;
    load(&loaded,
         NODE("{'type': 'web', 'paths': {}, 'endpoint': {'type': 'tcp', 'port': 80, 'interface': '127.0.0.1'}},"
              "{'type': 'web', 'paths': {}, 'endpoint': {'type': 'tcp', 'port': 80, 'interface': '127.0.0.2'}},"
              "{'type': 'web', 'paths': {}, 'endpoint': {'type': 'tcp', 'port': 80, 'interface': '::1'}},"
              "{'type': 'web', 'paths': {}, 'endpoint': {'type': 'unix', 'path': 'a'}},"
              "{'type': 'web', 'paths': {}, 'endpoint': {'type': 'unix', 'path': 'b'}}"),
         NULL);
    assert_int_equal(loaded.plan->transport_count, 5);
    node_unload(&loaded);
}

static int make(void **state)
{
    setenv("CROSSGATE_TEST_PORT", "8443", 1);
    return node_make(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_crossbar_accepts_is_accepted),
        cmocka_unit_test(what_is_not_used_is_noted),
        cmocka_unit_test(a_directory_that_is_closed_to_others_is_noted),
        cmocka_unit_test(what_is_doubtful_is_warned_of),
        cmocka_unit_test(doubtful_origins_are_warned_of),
        cmocka_unit_test(what_is_about_visitors_is_noted_in_a_backend),
        cmocka_unit_test(the_opening_handshake_bounds_its_steps),
        cmocka_unit_test(a_disabled_worker_is_left_out),
        cmocka_unit_test(the_transport_of_a_testee_worker_echoes),
        cmocka_unit_test(endpoints_become_addresses),
        cmocka_unit_test(paths_of_sockets_are_expanded_and_begin_at_the_node),
        cmocka_unit_test(tls_makes_a_context_on_both_versions),
        cmocka_unit_test(options_and_limits_reach_the_site),
        cmocka_unit_test(transports_keep_the_order_of_the_file),
        cmocka_unit_test(a_backend_of_the_command_line_serves_websocket_transports),
        cmocka_unit_test(services_of_the_node_are_passed_to_it),
        cmocka_unit_test(several_backends_make_one_upstream),
        cmocka_unit_test(several_http_backends_make_one_upstream),
        cmocka_unit_test(services_of_the_node_choose_by_source),
        cmocka_unit_test(one_node_in_two_services_is_one_backend),
        cmocka_unit_test(a_shared_backend_is_asked_once),
        cmocka_unit_test(two_nodes_of_one_id_get_two_names),
        cmocka_unit_test(the_control_socket_is_in_the_node_directory),
        cmocka_unit_test(backends_of_the_command_line_are_one_upstream),
        cmocka_unit_test(rawsocket_words_become_settings),
        cmocka_unit_test(a_rawsocket_backend_may_be_named_in_all_ways),
        cmocka_unit_test(a_reverseproxy_may_have_a_rawsocket_backend),
        cmocka_unit_test(a_universal_transport_has_parts),
        cmocka_unit_test(a_proxy_worker_has_routes),
        cmocka_unit_test(addresses_that_differ_are_no_conflict),
    };

    return cmocka_run_group_tests(tests, make, node_remove);
}
