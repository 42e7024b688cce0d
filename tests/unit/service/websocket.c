/* The WebSocket service behind a real HTTP connection, with streams in memory: net_connect is the test's. */
#include "websocket/ear.h"

#include "crossgate/services.h"

#include <stdio.h>

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define ASK(more)                                                                                                      \
    "GET /ws?x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                                   \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n" more "\r\n"

struct owner {
    struct counted counted;
    bool freed;
};

struct scene {
    struct fake_world world;
    struct arena *arena;
    struct owner owner;
    bool superseded;
    struct http_site site;
    struct backend backend;
    struct upstream_member member;
    struct upstream upstream;
    struct fake visitor; /* what the HTTP connection has */
    struct fake node;    /* what the backend call has */
    bool dialed;
};

static struct scene *current;

struct stream *net_connect(struct loop *loop, const struct net_target *target)
{
    (void)target;
    assert_false(current->dialed);
    current->dialed = true;
    fake_init(&current->node, loop);
    return &current->node.stream;
}

static void owner_free(struct counted *counted)
{
    CONTAINER_OF(counted, struct owner, counted)->freed = true;
}

/* `more`: settings besides those of the backend and of time. */
static void scene_start_with(struct scene *t, bool echo, struct websocket_service_settings more)
{
    static const struct peer peer = {.family = PEER_IPV4, .ip = {192, 0, 2, 1}};
    *t = (struct scene){
        .backend = {.name = "ws://node", .target.timeout = 5000, .settings.close_timeout = 1000},
        .site = {.idle_timeout = 9000, .head_timeout = 9000, .body_timeout = 9000, .send_timeout = 9000},
    };
    fake_world_init(&t->world);
    t->arena = arena_new();
    counted_init(&t->owner.counted, owner_free);
    t->site.owner = &t->owner.counted;
    t->site.superseded = &t->superseded;
    t->member.backend = &t->backend;
    t->upstream = (struct upstream){.members = &t->member, .count = 1};
    assert_true(upstream_bind(&t->upstream, &t->world.loop));
    more.upstream = echo ? NULL : &t->upstream;
    more.front.close_timeout = more.front.send_timeout = 1000;
    t->site.root = websocket_service_new(t->arena, &more);
    assert_non_null(t->site.root);
    current = t;
    fake_init(&t->visitor, &t->world.loop);
    assert_non_null(http_connection_new(&t->world.loop, &t->visitor.stream, &t->site, &peer));
    t->visitor.stream.on->on_open(t->visitor.stream.user);
    t->visitor.paused = false;
    fake_run(&t->world.loop);
}

static void scene_start(struct scene *t, bool echo)
{
    scene_start_with(t, echo, (struct websocket_service_settings){.upstream = NULL});
}

static void scene_stop(struct scene *t)
{
    if (!t->visitor.ended)
        stream_abort(&t->visitor.stream, ENDING_PEER_RESET);
    fake_run(&t->world.loop);
    fake_wait(&t->world.loop, 20000);
    fake_deinit(&t->visitor);
    if (t->dialed)
        fake_deinit(&t->node);
    counted_unref(&t->owner.counted);
    assert_true(t->owner.freed);
    upstream_unbind(&t->upstream);
    fake_world_deinit(&t->world);
    arena_free(t->arena);
}

/* All that a stream has sent so far, as text. */
static const char *sent(struct fake *fake)
{
    if (fake->sent_length == 0)
        return "";
    fake->sent[fake->sent_length] = '\0';
    return (const char *)fake->sent;
}

static bool answered(struct scene *t, const char *part)
{
    return strstr(sent(&t->visitor), part) != NULL;
}

static void node_opens(struct scene *t)
{
    assert_true(t->dialed);
    t->node.stream.on->on_open(t->node.stream.user);
    t->node.paused = false;
    fake_run(&t->world.loop);
}

static void node_accepts(struct scene *t, const char *more)
{
    char text[512], accept[WEBSOCKET_ACCEPT];
    const char *key = strstr(sent(&t->node), "Sec-WebSocket-Key: ");
    assert_non_null(key);
    assert_true(websocket_accept(span_of(key + 19, 24), accept));
    snprintf(text, sizeof text,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n%s\r\n",
             accept, more);
    fake_feed(&t->node, span_string(text));
}

static void requests_that_are_no_websocket_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *request, *status, *field;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 ", "\r\nUpgrade: websocket\r\n"},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 ", "\r\nSec-WebSocket-Version: 13\r\n"},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ", "\r\nAllow: GET\r\n"},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
         "Sec-WebSocket-Key: " KEY "\r\n\r\n",
         "HTTP/1.1 426 ", "\r\nSec-WebSocket-Version: 13\r\n"},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: short\r\n\r\n",
         "HTTP/1.1 400 ", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene t;
        scene_start(&t, false);
        fake_feed(&t.visitor, span_string(rows[i].request));
        assert_true(answered(&t, rows[i].status));
        assert_true(answered(&t, rows[i].field));
        assert_false(t.dialed);
        scene_stop(&t);
    }
}

static void a_worker_that_leaves_takes_no_new_session(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, true);
    t.world.loop.leaving = true;
    fake_feed(&t.visitor, SPAN(ASK("")));
    assert_true(answered(&t, "HTTP/1.1 503 "));
    scene_stop(&t);
}

static void the_echo_takes_the_first_subprotocol_and_frames_behind_the_head(void **state)
{
    (void)state;
    struct scene t;
    struct frame_text text = {0};
    scene_start(&t, true);
    text.length = strlen(ASK("Sec-WebSocket-Protocol: x, y\r\n"));
    text.at = malloc(text.length);
    memcpy(text.at, ASK("Sec-WebSocket-Protocol: x, y\r\n"), text.length);
    frame_put(&text, 0x81, true, SPAN("hello"));
    fake_feed(&t.visitor, span_of(text.at, text.length));
    assert_true(answered(&t, "HTTP/1.1 101 "));
    assert_true(answered(&t, "\r\nConnection: Upgrade\r\n"));
    assert_true(answered(&t, "\r\nUpgrade: websocket\r\n"));
    assert_true(answered(&t, "\r\nSec-WebSocket-Accept: " ACCEPT "\r\n"));
    assert_true(answered(&t, "\r\nSec-WebSocket-Protocol: x\r\n"));
    assert_true(answered(&t, "\r\n\r\n\x81\x05hello"));
    assert_int_equal(t.world.counters->websockets_open, 1);
    free(text.at);
    scene_stop(&t);
}

static void a_visitor_is_coupled_when_the_backend_has_said_yes(void **state)
{
    (void)state;
    struct scene t;
    struct frame_text text = {0};
    scene_start(&t, false);
    fake_feed(&t.visitor, SPAN(ASK("Sec-WebSocket-Protocol: wamp.2.cbor, wamp.2.json\r\nCookie: c=1\r\n")));
    node_opens(&t);
    assert_non_null(strstr(sent(&t.node), "GET /ws?x HTTP/1.1\r\n"));
    assert_non_null(strstr(sent(&t.node), "\r\nCookie: c=1\r\n"));
    assert_non_null(strstr(sent(&t.node), "\r\nX-Forwarded-For: 192.0.2.1\r\n"));
    assert_int_equal(t.visitor.sent_length, 0);
    node_accepts(&t,
                 "Sec-WebSocket-Protocol: wamp.2.json\r\nSet-Cookie: a=1\r\nServer: Crossbar\r\nSet-Cookie: b=2\r\n");
    assert_true(answered(&t, "HTTP/1.1 101 "));
    assert_true(answered(&t, "\r\nSec-WebSocket-Protocol: wamp.2.json\r\n"));
    assert_true(answered(&t, "\r\nSet-Cookie: a=1\r\n"));
    assert_true(answered(&t, "\r\nSet-Cookie: b=2\r\n"));
    assert_false(answered(&t, "Server: Crossbar"));
    size_t head = t.node.sent_length;
    frame_put(&text, 0x81, true, SPAN("up"));
    fake_feed(&t.visitor, span_of(text.at, text.length));
    uint8_t *at = t.node.sent + head;
    size_t left = t.node.sent_length - head;
    struct frame_seen seen = {0};
    assert_true(frame_cut(&at, &left, &seen));
    assert_true(seen.masked && span_equal(seen.payload, SPAN("up")));
    fake_feed(&t.node, SPAN("\x81\x04"
                            "down"));
    assert_true(answered(&t, "\x81\x04"
                             "down"));
    free(text.at);
    fake_eof(&t.node);
    assert_true(answered(&t, "\x88"));
    scene_stop(&t);
}

static void a_backends_refusal_reaches_the_visitor(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *status;
    } rows[] = {
        {"HTTP/1.1 401 x\r\nWWW-Authenticate: Basic\r\nRetry-After: 7\r\n\r\n", "HTTP/1.1 401 "},
        {"HTTP/1.1 403 x\r\nWWW-Authenticate: Basic\r\nRetry-After: 7\r\n\r\n", "HTTP/1.1 403 "},
        {"HTTP/1.1 503 x\r\nWWW-Authenticate: Basic\r\nRetry-After: 7\r\n\r\n", "HTTP/1.1 503 "},
        {"HTTP/1.1 200 x\r\nWWW-Authenticate: Basic\r\nRetry-After: 7\r\n\r\n", "HTTP/1.1 502 "},
        {"HTTP/1.1 302 x\r\nWWW-Authenticate: Basic\r\nRetry-After: 7\r\n\r\n", "HTTP/1.1 502 "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene t;
        scene_start(&t, false);
        fake_feed(&t.visitor, SPAN(ASK("")));
        node_opens(&t);
        fake_feed(&t.node, span_string(rows[i].answer));
        assert_true(answered(&t, rows[i].status));
        assert_true(answered(&t, "\r\nWWW-Authenticate: Basic\r\n"));
        assert_true(answered(&t, "\r\nRetry-After: 7\r\n"));
        assert_int_equal(t.world.counters->endings[ENDING_BACKEND_DENIED], 1);
        scene_stop(&t);
    }
}

static void a_backend_that_fails_is_a_gateway_error(void **state)
{
    (void)state;
    static const struct {
        enum ending why;
        const char *status;
    } rows[] = {
        {ENDING_BACKEND_REFUSED, "HTTP/1.1 503 "},
        {ENDING_BACKEND_NAME, "HTTP/1.1 502 "},
        {ENDING_BACKEND_LATE, "HTTP/1.1 504 "},
        {ENDING_PEER_RESET, "HTTP/1.1 502 "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene t;
        scene_start(&t, false);
        fake_feed(&t.visitor, SPAN(ASK("")));
        stream_abort(&t.node.stream, rows[i].why);
        fake_run(&t.world.loop);
        assert_true(answered(&t, rows[i].status));
        scene_stop(&t);
    }
}

static void a_visitor_that_leaves_while_waiting_cancels_the_call(void **state)
{
    (void)state;
    for (int opened = 0; opened < 2; opened++) {
        struct scene t;
        scene_start(&t, false);
        fake_feed(&t.visitor, SPAN(ASK("")));
        if (opened)
            node_opens(&t);
        stream_abort(&t.visitor.stream, ENDING_PEER_RESET);
        fake_run(&t.world.loop);
        assert_true(t.node.aborted && t.node.ended);
        scene_stop(&t);
    }
}

#define GET(more) "GET /?redirect=https://evil.example&after=1 HTTP/1.1\r\nHost: a\r\n" more "\r\n"

static void who_asks_no_websocket_gets_the_status_page(void **state)
{
    (void)state;
    static const struct {
        const char *request, *status, *part;
    } rows[] = {
        {GET(""), "HTTP/1.1 200 ", "</html>"},
        {GET("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), "HTTP/1.1 200 ", "</html>"},
        {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 ", "\r\n\r\n"},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ", "\r\nAllow: GET, HEAD\r\n"},
        /* Handshakes that a proxy has robbed of a field. */
        {GET("Upgrade: websocket\r\n"), "HTTP/1.1 426 ", "\r\nUpgrade: websocket\r\n"},
        {GET("Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"), "HTTP/1.1 426 ",
         "\r\nUpgrade: websocket\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene t;
        scene_start_with(&t, true, (struct websocket_service_settings){.gate.webstatus = true});
        fake_feed(&t.visitor, span_string(rows[i].request));
        assert_true(answered(&t, rows[i].status));
        assert_true(answered(&t, rows[i].part));
        assert_false(answered(&t, "evil"));
        scene_stop(&t);
    }
}

static void a_port_in_host_must_be_the_external_one(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool admitted;
    } rows[] = {
        {"a:443", true},   {"a", true},     {"a:", true},   {"[::1]", true},       {"[::1]:443", true},
        {"a:8443", false}, {"a:80", false}, {"a:0", false}, {"[::1]:4430", false}, {"[::443]", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene t;
        char request[512];
        scene_start_with(&t, true, (struct websocket_service_settings){.gate.external_port = 443});
        snprintf(request, sizeof request,
                 "GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n\r\n",
                 rows[i].host);
        fake_feed(&t.visitor, span_string(request));
        assert_true(answered(&t, rows[i].admitted ? "HTTP/1.1 101 " : "HTTP/1.1 400 "));
        assert_int_equal(t.world.counters->endings[ENDING_HOST_PORT], rows[i].admitted ? 0 : 1);
        scene_stop(&t);
    }
}

static void pages_of_other_origins_are_kept_from_the_backend(void **state)
{
    (void)state;
    struct scene t;
    struct arena *arena = arena_new();
    struct origin_pattern pattern;
    assert_true(origin_pattern_init(&pattern, arena, SPAN("https://shop.example:443")));
    struct websocket_service_settings settings = {.gate.origins = {&pattern, 1, false}};

    scene_start_with(&t, false, settings);
    fake_feed(&t.visitor, SPAN(ASK("Origin: https://shop.example.evil.example\r\n")));
    assert_true(answered(&t, "HTTP/1.1 403 "));
    assert_int_equal(t.world.counters->endings[ENDING_ORIGIN_DENIED], 1);
    assert_false(t.dialed);
    scene_stop(&t);

    scene_start_with(&t, false, settings);
    fake_feed(&t.visitor, SPAN(ASK("Origin: https://Shop.example\r\n")));
    node_opens(&t);
    assert_non_null(strstr(sent(&t.node), "\r\nOrigin: https://Shop.example\r\n"));
    node_accepts(&t, "");
    assert_true(answered(&t, "HTTP/1.1 101 "));
    scene_stop(&t);
    arena_free(arena);
}

static void a_visitor_waits_no_longer_than_the_opening_handshake_may_take(void **state)
{
    (void)state;
    for (int opened = 0; opened < 2; opened++) {
        struct scene t;
        scene_start_with(&t, false, (struct websocket_service_settings){.open_timeout = 2000});
        fake_feed(&t.visitor, SPAN(ASK("")));
        if (opened)
            node_opens(&t);
        fake_wait(&t.world.loop, 1999);
        assert_int_equal(t.visitor.sent_length, 0);
        fake_wait(&t.world.loop, 1);
        assert_true(answered(&t, "HTTP/1.1 504 "));
        assert_int_equal(t.world.counters->endings[ENDING_BACKEND_LATE], 1);
        assert_true(t.node.aborted && t.node.ended);
        scene_stop(&t);
    }
    struct scene t;
    scene_start_with(&t, false, (struct websocket_service_settings){.open_timeout = 2000});
    fake_feed(&t.visitor, SPAN(ASK("")));
    node_opens(&t);
    node_accepts(&t, "");
    fake_wait(&t.world.loop, 3000);
    assert_false(t.visitor.ended);
    assert_int_equal(t.world.counters->endings[ENDING_BACKEND_LATE], 0);
    scene_stop(&t);
}

static void the_version_is_shown_to_those_who_may_know_it(void **state)
{
    (void)state;
    static const char *const requests[] = {ASK(""), ASK("Origin: nonsense\r\n"), "GET / HTTP/1.1\r\nHost: a\r\n\r\n"};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        for (int shown = 0; shown < 2; shown++) {
            struct scene t;
            scene_start_with(&t, true, (struct websocket_service_settings){.show_version = shown == 1});
            fake_feed(&t.visitor, span_string(requests[i]));
            assert_true(answered(&t, shown ? "\r\nServer: Crossgate/" : "\r\nServer: Crossgate\r\n"));
            scene_stop(&t);
        }
    }
}

static void a_session_gathers_from_the_101_on_if_it_is_told(void **state)
{
    (void)state;
    for (int gathers = 0; gathers < 2; gathers++) {
        struct scene t;
        scene_start_with(&t, true, (struct websocket_service_settings){.front.gather = gathers == 1});
        assert_false(t.visitor.gathers);
        fake_feed(&t.visitor, SPAN(ASK("")));
        assert_true(answered(&t, "HTTP/1.1 101 "));
        assert_int_equal(t.visitor.gathers, gathers == 1);
        scene_stop(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_that_are_no_websocket_are_refused),
        cmocka_unit_test(a_worker_that_leaves_takes_no_new_session),
        cmocka_unit_test(the_echo_takes_the_first_subprotocol_and_frames_behind_the_head),
        cmocka_unit_test(a_visitor_is_coupled_when_the_backend_has_said_yes),
        cmocka_unit_test(a_backends_refusal_reaches_the_visitor),
        cmocka_unit_test(a_backend_that_fails_is_a_gateway_error),
        cmocka_unit_test(a_visitor_that_leaves_while_waiting_cancels_the_call),
        cmocka_unit_test(who_asks_no_websocket_gets_the_status_page),
        cmocka_unit_test(a_port_in_host_must_be_the_external_one),
        cmocka_unit_test(pages_of_other_origins_are_kept_from_the_backend),
        cmocka_unit_test(a_visitor_waits_no_longer_than_the_opening_handshake_may_take),
        cmocka_unit_test(the_version_is_shown_to_those_who_may_know_it),
        cmocka_unit_test(a_session_gathers_from_the_101_on_if_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
