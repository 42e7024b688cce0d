/* Calls to a RawSocket backend, and of RawSocket visitors to a WebSocket backend; net_connect is the test's. And what becomes of
 * a message that the other side would not take. */
#include "websocket/ear.h"

#include "crossgate/relay.h"

#include <stdio.h>

struct owner {
    struct counted counted;
    bool freed;
};

struct call {
    struct fake_world world;
    struct fake fake;
    struct http_header fields[3];
    struct http_request request;
    struct peer peer;
    struct backend backend;
    struct owner owner;
    struct backend_call *call;
    struct ear back; /* user of the session that was opened */
    int opened, failed;
    bool dialed;
    enum ending why;
    char subprotocol[32];
    char detail[200];
};

static struct call *current;

struct stream *net_connect(struct loop *loop, const struct net_target *target)
{
    (void)target;
    current->dialed = true;
    fake_init(&current->fake, loop);
    return &current->fake.stream;
}

static void on_open(void *user, struct endpoint *back, const struct http_response *answer)
{
    struct call *t = user;
    struct span value = {0};
    t->opened++;
    t->back.endpoint = back;
    endpoint_attach(back, &ear_user, &t->back);
    assert_int_equal(answer->status, 101);
    assert_true(http_header_find(&answer->headers, SPAN("Sec-WebSocket-Protocol"), &value));
    snprintf(t->subprotocol, sizeof t->subprotocol, "%.*s", SPAN_ARGS(value));
}

static void on_fail(void *user, enum ending why, const struct http_response *answer, const char *detail)
{
    struct call *t = user;
    assert_null(answer);
    t->failed++;
    t->why = why;
    snprintf(t->detail, sizeof t->detail, "%s", detail);
}

static const struct backend_call_user call_user = {on_open, on_fail};

static void owner_free(struct counted *counted)
{
    CONTAINER_OF(counted, struct owner, counted)->freed = true;
}

/* A WebSocket visitor who offers these subprotocols in two fields. */
static void call_start(struct call *t, const char *first, const char *second)
{
    *t = (struct call){
        .fields = {{SPAN("Host"), SPAN("a")},
                   {SPAN("Sec-WebSocket-Protocol"), span_string(first)},
                   {SPAN("sec-websocket-protocol"), span_string(second)}},
        .request = {.target = SPAN("/ws"), .raw_path = SPAN("/ws"), .path = SPAN("/ws"), .host = SPAN("a")},
        .backend = {.kind = BACKEND_RAWSOCKET,
                    .target = {.timeout = 5000},
                    .name = "rs://node:8081",
                    .rawsocket = {.serializers = WAMP_SERIALIZERS_USUAL, .max_message = 1 << 20, .send_timeout = 1000}},
    };
    t->request.headers = (struct http_headers){t->fields, 3};
    fake_world_init(&t->world);
    counted_init(&t->owner.counted, owner_free);
    current = t;
}

static void call_make(struct call *t, const struct wamp_serializer *serializer)
{
    const struct backend_visitor visitor = {
        .request = serializer ? NULL : &t->request, .serializer = serializer, .peer = &t->peer};
    t->call = backend_call_new(&t->world.loop, &t->backend, &t->owner.counted, &visitor, &call_user, t);
    assert_non_null(t->call);
    assert_int_equal(t->opened + t->failed, 0);
    counted_unref(&t->owner.counted);
    fake_run(&t->world.loop);
    if (!t->dialed)
        return;
    t->fake.stream.on->on_open(t->fake.stream.user);
    t->fake.paused = false;
    fake_run(&t->world.loop);
}

static void call_stop(struct call *t)
{
    if (t->opened && !t->back.ended)
        endpoint_abort(t->back.endpoint, ENDING_PEER_LEFT);
    fake_run(&t->world.loop);
    assert_true(t->owner.freed);
    free(t->back.text.at);
    if (t->dialed)
        fake_deinit(&t->fake);
    fake_world_deinit(&t->world);
}

static void expect_sent(struct call *t, struct span bytes)
{
    assert_int_equal(t->fake.sent_length, bytes.len);
    assert_memory_equal(t->fake.sent, bytes.at, bytes.len);
}

static void the_visitors_first_serializer_is_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second, *subprotocol;
        uint8_t number;
    } rows[] = {
        {"wamp.2.cbor.batched, wamp.2.json", "wamp.2.cbor", "wamp.2.json", 1},
        {"wamp.2.msgpack,wamp.2.json", "", "wamp.2.msgpack", 2},
        {"mqtt", "x, wamp.2.cbor", "wamp.2.cbor", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t cut = 0; cut <= 4; cut++) {
            struct call t;
            call_start(&t, rows[i].first, rows[i].second);
            call_make(&t, NULL);
            const uint8_t asked[] = {0x7F, (uint8_t)(0xB0 | rows[i].number), 0, 0}; /* 2^(9+11) */
            expect_sent(&t, span_of(asked, 4));
            const uint8_t answer[] = {0x7F, (uint8_t)(0x00 | rows[i].number), 0, 0, 0, 0, 0, 1, 'x'};
            fake_feed(&t.fake, span_of(answer, cut));
            fake_feed(&t.fake, span_of(answer + cut, sizeof answer - cut));
            assert_int_equal(t.opened, 1);
            assert_string_equal(t.subprotocol, rows[i].subprotocol);
            /* What the node said at once is the session's; what it takes is known. */
            assert_true(heard(&t.back, "x"));
            static const uint8_t payload[513];
            enum message_kind kind = rows[i].number == 1 ? MESSAGE_TEXT : MESSAGE_BINARY;
            endpoint_send(t.back.endpoint, kind, span_of(payload, 513), true);
            fake_run(&t.world.loop);
            assert_int_equal(t.back.why, ENDING_UNSENDABLE_SIZE);
            call_stop(&t);
        }
    }
}

static void without_a_common_serializer_nobody_is_called(void **state)
{
    (void)state;
    static const char *const offers[] = {"", "wamp.2.cbor.batched", "mqtt", "wamp.2.cbor", "wamp.2.flatbuffers"};
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
        struct call t;
        call_start(&t, offers[i], "");
        t.backend.rawsocket.serializers = wamp_set_of(wamp_by_number(1));
        call_make(&t, NULL);
        assert_false(t.dialed);
        assert_int_equal(t.failed, 1);
        assert_int_equal(t.why, ENDING_NO_SERIALIZER);
        assert_string_equal(t.detail, "rs://node:8081");
        call_stop(&t);
    }
}

static void such_a_call_can_be_cancelled(void **state)
{
    (void)state;
    struct call t;
    call_start(&t, "", "");
    const struct backend_visitor visitor = {.request = &t.request, .peer = &t.peer};
    t.call = backend_call_new(&t.world.loop, &t.backend, &t.owner.counted, &visitor, &call_user, &t);
    counted_unref(&t.owner.counted);
    backend_call_cancel(t.call);
    fake_run(&t.world.loop);
    assert_int_equal(t.opened + t.failed, 0);
    call_stop(&t);
}

static void refusals_and_nonsense_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum ending why;
        const char *detail;
    } rows[] = {
        {"\x7F\x10\0", ENDING_BACKEND_DENIED, "rs://node:8081: serializer not supported"},
        {"\x7F\x40\0", ENDING_BACKEND_DENIED, "rs://node:8081: too many connections"},
        {"\x7F\xF1\0", ENDING_BACKEND_BROKEN, "rs://node:8081"},
        {"HTTP", ENDING_BACKEND_BROKEN, "rs://node:8081"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call t;
        call_start(&t, "wamp.2.cbor", "");
        call_make(&t, NULL);
        fake_feed(&t.fake, span_of(rows[i].bytes, 4));
        assert_int_equal(t.failed, 1);
        assert_int_equal(t.why, rows[i].why);
        assert_string_equal(t.detail, rows[i].detail);
        call_stop(&t);
    }
}

/* AutobahnPython refuses a serializer that way. */
static void a_node_that_hangs_up_is_lost(void **state)
{
    (void)state;
    struct call t;
    call_start(&t, "wamp.2.cbor", "");
    call_make(&t, NULL);
    fake_feed(&t.fake, SPAN("\x7F\xF3"));
    fake_eof(&t.fake);
    assert_int_equal(t.why, ENDING_BACKEND_LOST);
    call_stop(&t);
}

static void a_rawsocket_visitor_calls_with_its_own_serializer(void **state)
{
    (void)state;
    struct call t;
    call_start(&t, "", "");
    call_make(&t, wamp_by_number(2));
    expect_sent(&t, SPAN("\x7F\xB2\x00\x00"));
    fake_feed(&t.fake, SPAN("\x7F\xF2\x00\x00"));
    assert_int_equal(t.opened, 1);
    call_stop(&t);
    call_start(&t, "", "");
    t.backend.rawsocket.serializers = wamp_set_of(wamp_by_number(1));
    call_make(&t, wamp_by_number(2));
    assert_int_equal(t.why, ENDING_NO_SERIALIZER);
    call_stop(&t);
}

static void answer_websocket(struct call *t, const char *more)
{
    char text[512], accept[WEBSOCKET_ACCEPT];
    t->fake.sent[t->fake.sent_length] = '\0';
    const char *key = strstr((const char *)t->fake.sent, "Sec-WebSocket-Key: ");
    assert_non_null(key);
    assert_true(websocket_accept(span_of(key + 19, 24), accept));
    snprintf(text, sizeof text,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n%s\r\n",
             accept, more);
    fake_feed(&t->fake, span_string(text));
}

static void a_rawsocket_visitor_offers_its_subprotocol(void **state)
{
    (void)state;
    static const struct net_target targets[] = {
        {.kind = NET_TCP, .host = "node", .port = 8080, .timeout = 5000},
        {.kind = NET_TCP, .host = "::1", .port = 8080, .timeout = 5000},
        {.kind = NET_UNIX, .path = "/run/n.sock", .timeout = 5000},
    };
    static const char *const hosts[] = {"\r\nHost: node:8080\r\n", "\r\nHost: [::1]:8080\r\n",
                                        "\r\nHost: localhost\r\n"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        for (int chosen = 0; chosen < 2; chosen++) {
            struct call t;
            call_start(&t, "", "");
            t.backend.kind = BACKEND_WEBSOCKET;
            t.backend.target = targets[i];
            call_make(&t, wamp_by_number(3));
            answer_websocket(&t, chosen ? "Sec-WebSocket-Protocol: wamp.2.cbor\r\n" : "");
            const char *sent = (const char *)t.fake.sent;
            assert_int_equal(strncmp(sent, "GET / HTTP/1.1\r\n", 16), 0);
            assert_non_null(strstr(sent, hosts[i]));
            assert_non_null(strstr(sent, "\r\nSec-WebSocket-Protocol: wamp.2.cbor\r\n"));
            assert_null(strstr(sent, "X-Forwarded-Host"));
            assert_int_equal(t.opened, chosen);
            assert_int_equal(t.failed, !chosen);
            if (!chosen)
                assert_int_equal(t.why, ENDING_BACKEND_BROKEN);
            call_stop(&t);
        }
    }
}

/* ---- coupled: a WebSocket visitor and a RawSocket node, or the other way round */

static const struct websocket_settings ws_settings = {.close_timeout = 1000, .send_timeout = 3000};
static const struct rawsocket_settings rs_settings = {.max_message = 1 << 20, .send_timeout = 3000};
static const struct rawsocket_terms small = {.accepts = 512};

struct scene {
    struct fake_world world;
    struct fake web_fake, raw_fake; /* what the relay's endpoints have */
    struct owner owner;
};

static void scene_start(struct scene *t, unsigned serializer, bool web_is_front)
{
    struct rawsocket_terms terms = small;
    struct peer peer = {.family = PEER_UNIX};
    terms.serializer = wamp_by_number(serializer);
    *t = (struct scene){.owner.freed = false};
    fake_world_init(&t->world);
    struct loop *loop = &t->world.loop;
    fake_init(&t->web_fake, loop);
    fake_init(&t->raw_fake, loop);
    struct endpoint *web = websocket_session_new(
        loop, &t->web_fake.stream, web_is_front ? WEBSOCKET_SERVER : WEBSOCKET_CLIENT, &ws_settings, NULL);
    struct endpoint *raw = rawsocket_session_new(
        loop, &t->raw_fake.stream, web_is_front ? RAWSOCKET_CLIENT : RAWSOCKET_SERVER, &terms, &rs_settings);
    counted_init(&t->owner.counted, owner_free);
    assert_true(relay_new(loop, web_is_front ? web : raw, web_is_front ? raw : web, &t->owner.counted, NULL, &peer));
    counted_unref(&t->owner.counted);
    fake_run(loop);
}

static void feed_web(struct scene *t, uint8_t first, bool masked, struct span payload)
{
    struct frame_text text = {0};
    frame_put(&text, first, masked, payload);
    fake_feed(&t->web_fake, span_of(text.at, text.length));
    free(text.at);
}

static void scene_stop(struct scene *t, enum ending why)
{
    fake_eof(&t->web_fake);
    fake_wait(&t->world.loop, 2000);
    assert_true(t->owner.freed);
    for (int i = 0; i < ENDING_COUNT; i++)
        assert_int_equal(t->world.counters->endings[i], i == (int)why);
    fake_deinit(&t->web_fake);
    fake_deinit(&t->raw_fake);
    fake_world_deinit(&t->world);
}

static unsigned web_close_code(struct scene *t)
{
    uint8_t *at = t->web_fake.sent;
    size_t left = t->web_fake.sent_length;
    struct frame_seen seen;
    while (frame_cut(&at, &left, &seen)) {
        if (seen.first == 0x88 && seen.payload.len >= 2)
            return (unsigned)(seen.payload.at[0] << 8 | seen.payload.at[1]);
    }
    return 0;
}

static void payload_bytes_are_the_same_on_both_sides(void **state)
{
    (void)state;
    for (int web_is_front = 0; web_is_front < 2; web_is_front++) {
        struct scene t;
        scene_start(&t, 1, web_is_front);
        feed_web(&t, 0x01, web_is_front, SPAN("[1,")); /* in two frames */
        feed_web(&t, 0x80, web_is_front, SPAN("\"x\"]"));
        assert_int_equal(t.raw_fake.sent_length, 4 + 7);
        assert_memory_equal(t.raw_fake.sent, "\x00\x00\x00\x07[1,\"x\"]", 11);
        fake_feed(&t.raw_fake, SPAN("\x00\x00\x00\x03[2]"));
        uint8_t *at = t.web_fake.sent;
        size_t left = t.web_fake.sent_length;
        struct frame_seen seen;
        assert_true(frame_cut(&at, &left, &seen));
        assert_int_equal(seen.first, 0x81);
        assert_memory_equal(seen.payload.at, "[2]", 3);
        fake_eof(&t.raw_fake);
        assert_int_equal(web_close_code(&t), web_is_front ? 1012 : 1001);
        scene_stop(&t, web_is_front ? ENDING_BACKEND_LOST : ENDING_PEER_LEFT);
    }
}

static void who_sends_too_much_is_told_1009(void **state)
{
    (void)state;
    static const uint8_t payload[513];
    for (int web_is_front = 0; web_is_front < 2; web_is_front++) {
        struct scene t;
        scene_start(&t, 3, web_is_front);
        feed_web(&t, 0x82, web_is_front, span_of(payload, 513));
        assert_int_equal(web_close_code(&t), 1009);
        assert_true(t.raw_fake.ended);
        assert_int_equal(t.raw_fake.sent_length, 0);
        scene_stop(&t, ENDING_UNSENDABLE_SIZE);
    }
}

static void who_sends_the_wrong_kind_is_told_1003(void **state)
{
    (void)state;
    for (unsigned serializer = 1; serializer <= 3; serializer++) {
        struct scene t;
        scene_start(&t, serializer, true);
        feed_web(&t, serializer == 1 ? 0x82 : 0x81, true, SPAN("x"));
        assert_int_equal(web_close_code(&t), 1003);
        scene_stop(&t, ENDING_UNSENDABLE_KIND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_visitors_first_serializer_is_asked_for),
        cmocka_unit_test(without_a_common_serializer_nobody_is_called),
        cmocka_unit_test(such_a_call_can_be_cancelled),
        cmocka_unit_test(refusals_and_nonsense_are_told),
        cmocka_unit_test(a_node_that_hangs_up_is_lost),
        cmocka_unit_test(a_rawsocket_visitor_calls_with_its_own_serializer),
        cmocka_unit_test(a_rawsocket_visitor_offers_its_subprotocol),
        cmocka_unit_test(payload_bytes_are_the_same_on_both_sides),
        cmocka_unit_test(who_sends_too_much_is_told_1009),
        cmocka_unit_test(who_sends_the_wrong_kind_is_told_1003),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
