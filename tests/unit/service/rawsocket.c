/* Visitors of transports without HTTP, or not only with it: RawSocket, universal, and the testee; net_connect is the test's. */
#include "websocket/ear.h"

#include "crossgate/services.h"

struct owner {
    struct counted counted;
    bool freed;
};

struct scene {
    struct fake_world world;
    struct owner owner;
    bool superseded;
    struct http_site site;
    struct backend backend;
    struct upstream_member member;
    struct upstream upstream;
    struct rawsocket_service service;
    struct fake visitor;
    struct fake node; /* what the backend call has */
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

static void serve_ok(const struct service *service, struct exchange *exchange)
{
    (void)service;
    exchange_answer(exchange, &(struct http_answer){.status = 200}, SPAN("web"));
}

static const struct service_ops web_ops = {.type = "web", .serve = serve_ok};
static const struct service web = {&web_ops};

static const struct peer peer = {.family = PEER_IPV4, .ip = {192, 0, 2, 1}};

enum kind { RAWSOCKET, UNIVERSAL, UNIVERSAL_WEB, TESTEE };

static bool make(struct scene *t, enum kind kind)
{
    struct loop *loop = &t->world.loop;
    switch (kind) {
    case RAWSOCKET:
        return rawsocket_visitor_new(loop, &t->visitor.stream, &t->service, &t->site, &peer);
    case UNIVERSAL:
        return universal_visitor_new(loop, &t->visitor.stream, &t->service, &t->site, &peer);
    case UNIVERSAL_WEB:
        return universal_visitor_new(loop, &t->visitor.stream, NULL, &t->site, &peer);
    case TESTEE:
        break;
    }
    return stream_testee_new(loop, &t->visitor.stream, &t->site, &peer);
}

/* A visitor whose stream is not open yet. */
static void scene_start(struct scene *t, enum kind kind)
{
    *t = (struct scene){
        .backend = {.kind = BACKEND_RAWSOCKET,
                    .name = "rs://node",
                    .target.timeout = 5000,
                    .rawsocket = {.serializers = WAMP_SERIALIZERS_USUAL, .max_message = 1 << 20}},
        .site = {.root = &web, .idle_timeout = 9000, .head_timeout = 4000, .body_timeout = 9000, .send_timeout = 3000},
        .service = {.front = {.serializers = 1 << 1 | 1 << 3, .max_message = 1 << 16}},
    };
    fake_world_init(&t->world);
    counted_init(&t->owner.counted, owner_free);
    t->site.owner = &t->owner.counted;
    t->site.superseded = &t->superseded;
    t->member = (struct upstream_member){.backend = &t->backend};
    t->upstream = (struct upstream){.settings.timeout = 6000, .members = &t->member, .count = 1};
    assert_true(upstream_bind(&t->upstream, &t->world.loop));
    t->service.upstream = &t->upstream;
    current = t;
    fake_init(&t->visitor, &t->world.loop);
    assert_true(make(t, kind));
    counted_unref(&t->owner.counted); /* the visitor alone holds the plan */
    assert_false(t->owner.freed);
}

static void scene_open(struct scene *t)
{
    t->visitor.stream.on->on_open(t->visitor.stream.user);
    t->visitor.paused = false;
    fake_run(&t->world.loop);
}

static void node_says(struct scene *t, struct span bytes)
{
    assert_true(t->dialed);
    t->node.stream.on->on_open(t->node.stream.user);
    t->node.paused = false;
    fake_feed(&t->node, bytes);
}

static void expect_sent(const struct fake *fake, struct span bytes)
{
    assert_int_equal(fake->sent_length, bytes.len);
    if (bytes.len > 0)
        assert_memory_equal(fake->sent, bytes.at, bytes.len);
}

/* All is over by itself; `why` has been reported, once, and nothing else. */
static void scene_stop(struct scene *t, enum ending why)
{
    assert_true(t->visitor.ended);
    assert_true(t->owner.freed);
    upstream_unbind(&t->upstream);
    for (int i = 0; i < ENDING_COUNT; i++)
        assert_int_equal(t->world.counters->endings[i], i == (int)why);
    assert_int_equal(deadlines_next(&t->world.loop.deadlines), UINT64_MAX);
    fake_deinit(&t->visitor);
    if (t->dialed)
        fake_deinit(&t->node);
    fake_world_deinit(&t->world);
}

#define ASK_CBOR SPAN("\x7F\xF3\x00\x00")

/* ---- RawSocket */

static void the_visitor_is_answered_when_the_backend_is_there(void **state)
{
    (void)state;
    for (int kind = RAWSOCKET; kind <= UNIVERSAL; kind++) {
        for (size_t chunk = 1; chunk <= 16; chunk++) {
            struct scene t;
            scene_start(&t, (enum kind)kind);
            scene_open(&t);
            t.visitor.chunk = chunk;
            fake_feed(&t.visitor, SPAN("\x7F\xF3\x00\x00\x00\x00\x00\x02hi")); /* it does not wait for the answer */
            expect_sent(&t.visitor, SPAN(""));
            node_says(&t, SPAN("\x7F\xF3\x00\x00\x00\x00\x00\x01!"));
            expect_sent(&t.visitor, SPAN("\x7F\x73\x00\x00\x00\x00\x00\x01!")); /* 2^(9+7) */
            expect_sent(&t.node, SPAN("\x7F\xB3\x00\x00\x00\x00\x00\x02hi"));
            assert_int_equal(t.world.counters->rawsockets_open, 1);
            fake_eof(&t.visitor);
            assert_true(t.node.finished);
            scene_stop(&t, ENDING_PEER_LEFT);
        }
    }
}

static void requests_that_are_not_served_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *request, *refusal;
        enum ending why;
    } rows[] = {
        {"\x7F\xF2\0", "\x7F\x10\0", ENDING_NO_SERIALIZER},
        {"\x7F\xF1\1", "\x7F\x30\0", ENDING_RS_HANDSHAKE},
        {"GET ", "\x7F\x30\0", ENDING_RS_HANDSHAKE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene t;
        scene_start(&t, RAWSOCKET);
        scene_open(&t);
        fake_feed(&t.visitor, span_of(rows[i].request, 4));
        expect_sent(&t.visitor, span_of(rows[i].refusal, 4));
        assert_false(t.dialed);
        scene_stop(&t, rows[i].why);
    }
}

static void a_backend_that_is_down_closes_without_an_answer(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, RAWSOCKET);
    scene_open(&t);
    fake_feed(&t.visitor, ASK_CBOR);
    stream_abort(&t.node.stream, ENDING_BACKEND_REFUSED);
    fake_run(&t.world.loop);
    expect_sent(&t.visitor, SPAN(""));
    assert_true(t.visitor.finished);
    scene_stop(&t, ENDING_BACKEND_REFUSED);
}

static void a_visitor_that_leaves_while_it_waits_cancels_the_call(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, RAWSOCKET);
    scene_open(&t);
    fake_feed(&t.visitor, ASK_CBOR);
    assert_true(t.dialed);
    fake_eof(&t.visitor);
    assert_true(t.node.aborted);
    scene_stop(&t, ENDING_PEER_LEFT);
}

static void who_says_nothing_in_time_is_let_go(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 4; bytes++) {
        for (int kind = RAWSOCKET; kind <= UNIVERSAL; kind++) {
            struct scene t;
            scene_start(&t, (enum kind)kind);
            scene_open(&t);
            if (bytes > 0)
                fake_feed(&t.visitor, span_head(ASK_CBOR, bytes));
            fake_wait(&t.world.loop, 3999);
            assert_false(t.visitor.ended);
            fake_wait(&t.world.loop, 1);
            scene_stop(&t, bytes > 0 ? ENDING_RS_LATE : ENDING_IDLE);
        }
    }
}

static void the_streams_end_is_reported(void **state)
{
    (void)state;
    for (int kind = RAWSOCKET; kind <= TESTEE; kind++) {
        for (int opened = 0; opened < 2; opened++) {
            struct scene t;
            scene_start(&t, (enum kind)kind);
            if (opened)
                scene_open(&t);
            stream_abort(&t.visitor.stream, ENDING_HANDSHAKE_FAILED);
            fake_run(&t.world.loop);
            scene_stop(&t, ENDING_HANDSHAKE_FAILED);
        }
    }
}

/* At each moment before there is a session. */
static void who_waits_goes_when_the_worker_leaves(void **state)
{
    (void)state;
    for (int kind = RAWSOCKET; kind <= TESTEE; kind++) {
        for (size_t bytes = 0; bytes <= 4; bytes++) {
            struct scene t;
            scene_start(&t, (enum kind)kind);
            scene_open(&t);
            if (bytes > 0 && (kind == RAWSOCKET || kind == UNIVERSAL))
                fake_feed(&t.visitor, span_head(ASK_CBOR, bytes));
            t.world.loop.leaving = true;
            struct guest *guest = CONTAINER_OF(t.world.loop.guests.next, struct guest, link);
            guest->leave(guest);
            fake_run(&t.world.loop);
            assert_true(t.visitor.finished);
            scene_stop(&t, kind == TESTEE ? ENDING_DONE : ENDING_GOING_AWAY);
        }
    }
}

static void a_drain_ends_sessions_in_an_orderly_way(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, RAWSOCKET);
    scene_open(&t);
    fake_feed(&t.visitor, ASK_CBOR);
    node_says(&t, ASK_CBOR);
    struct guest *guest = CONTAINER_OF(t.world.loop.guests.next, struct guest, link);
    guest->leave(guest);
    fake_run(&t.world.loop);
    assert_true(t.visitor.finished && t.node.finished);
    scene_stop(&t, ENDING_GOING_AWAY);
}

/* ---- universal */

static void the_first_byte_decides(void **state)
{
    (void)state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for (int kind = UNIVERSAL; kind <= UNIVERSAL_WEB; kind++) {
        for (size_t chunk = 1; chunk <= sizeof request; chunk += 7) {
            struct scene t;
            scene_start(&t, (enum kind)kind);
            scene_open(&t);
            t.visitor.chunk = chunk;
            fake_feed(&t.visitor, span_of(request, sizeof request - 1));
            t.visitor.sent[t.visitor.sent_length] = '\0';
            assert_non_null(strstr((const char *)t.visitor.sent, "HTTP/1.1 200"));
            scene_stop(&t, ENDING_DONE);
        }
    }
}

static void other_protocols_are_closed(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, UNIVERSAL);
    scene_open(&t);
    fake_feed(&t.visitor, SPAN("\x10\x0C\x00\x04MQTT")); /* CONNECT */
    expect_sent(&t.visitor, SPAN(""));
    scene_stop(&t, ENDING_NOT_SERVED);
    scene_start(&t, UNIVERSAL_WEB);
    scene_open(&t);
    fake_feed(&t.visitor, ASK_CBOR);
    expect_sent(&t.visitor, SPAN(""));
    scene_stop(&t, ENDING_NOT_SERVED);
}

static void a_visitor_without_a_byte_leaves(void **state)
{
    (void)state;
    for (int kind = RAWSOCKET; kind <= UNIVERSAL; kind++) {
        struct scene t;
        scene_start(&t, (enum kind)kind);
        scene_open(&t);
        fake_eof(&t.visitor);
        scene_stop(&t, ENDING_PEER_LEFT);
    }
}

/* ---- testee */

static void the_testee_sends_back_what_it_gets(void **state)
{
    (void)state;
    static uint8_t bytes[3 * STREAM_HIGH];
    struct scene t;
    scene_start(&t, TESTEE);
    scene_open(&t);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 3 + i / 1000);
    t.visitor.stuck = true;
    t.visitor.chunk = 50000;
    fake_feed(&t.visitor, span_of(bytes, sizeof bytes));
    assert_true(t.visitor.paused);
    assert_true(t.visitor.most_queued <= STREAM_HIGH + 50000);
    fake_unstick(&t.visitor);
    expect_sent(&t.visitor, span_of(bytes, sizeof bytes));
    for (int i = 0; i < 9; i++)
        fake_wait(&t.world.loop, 3000);
    assert_false(t.visitor.ended); /* it may be idle */
    fake_eof(&t.visitor);
    scene_stop(&t, ENDING_DONE);
}

static void the_testee_gives_up_who_does_not_read(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, TESTEE);
    scene_open(&t);
    t.visitor.stuck = true;
    fake_feed(&t.visitor, SPAN("x"));
    fake_wait(&t.world.loop, 3000);
    assert_true(t.visitor.ended);
    scene_stop(&t, ENDING_WRITE_STALLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_visitor_is_answered_when_the_backend_is_there),
        cmocka_unit_test(requests_that_are_not_served_are_refused),
        cmocka_unit_test(a_backend_that_is_down_closes_without_an_answer),
        cmocka_unit_test(a_visitor_that_leaves_while_it_waits_cancels_the_call),
        cmocka_unit_test(who_says_nothing_in_time_is_let_go),
        cmocka_unit_test(the_streams_end_is_reported),
        cmocka_unit_test(who_waits_goes_when_the_worker_leaves),
        cmocka_unit_test(a_drain_ends_sessions_in_an_orderly_way),
        cmocka_unit_test(the_first_byte_decides),
        cmocka_unit_test(other_protocols_are_closed),
        cmocka_unit_test(a_visitor_without_a_byte_leaves),
        cmocka_unit_test(the_testee_sends_back_what_it_gets),
        cmocka_unit_test(the_testee_gives_up_who_does_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
