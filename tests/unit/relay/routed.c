/* Sessions that are routed by the realm of their first message; net_connect is the test's. The front is a WebSocket session, the
 * backends speak RawSocket. */
#include "websocket/ear.h"

#include "crossgate/relay.h"

static const struct websocket_settings web = {.close_timeout = 1000, .send_timeout = 1000};

#define BACKEND(its_name)                                                                                              \
    {                                                                                                                  \
        .kind = BACKEND_RAWSOCKET, .name = (its_name), .target.timeout = 5000, .rawsocket = {                          \
            .serializers = WAMP_SERIALIZERS_USUAL,                                                                     \
            .max_message = 1 << 24                                                                                     \
        }                                                                                                              \
    }

static const struct backend one = BACKEND("rs://one"), two = BACKEND("rs://two");
static const struct backend json_only = {
    .kind = BACKEND_RAWSOCKET, .name = "rs://json", .rawsocket.serializers = 1 << 1};

struct owner {
    struct counted counted;
    bool freed;
};

struct scene {
    struct fake_world world;
    struct fake front, node;
    const struct backend *called;
    struct owner owner;
};

static struct scene *current;

struct stream *net_connect(struct loop *loop, const struct net_target *target)
{
    assert_null(current->called);
    current->called = target == &one.target ? &one : &two;
    fake_init(&current->node, loop);
    return &current->node.stream;
}

static void owner_free(struct counted *counted)
{
    CONTAINER_OF(counted, struct owner, counted)->freed = true;
}

static struct upstream_member to_one[] = {{.backend = &one}}, to_both[] = {{.backend = &two}, {.backend = &one}},
                              to_wrong[] = {{.backend = &json_only}};

static struct upstream upstreams[] = {
    {.settings.timeout = 6000, .members = to_one, .count = 1},
    {.settings.timeout = 6000, .members = to_both, .count = 2},
    {.settings.timeout = 6000, .members = to_wrong, .count = 1},
};

static void scene_start(struct scene *t, unsigned serializer)
{
    static struct route at[3];
    static struct routes routes = {at, 3, WAMP_SERIALIZERS_READ};
    at[0] = (struct route){SPAN("shop"), &upstreams[0]};
    at[1] = (struct route){SPAN("both"), &upstreams[1]};
    at[2] = (struct route){SPAN("json"), &upstreams[2]};
    *t = (struct scene){.owner.freed = false};
    fake_world_init(&t->world);
    counted_init(&t->owner.counted, owner_free);
    current = t;
    for (size_t i = 0; i < 3; i++)
        assert_true(upstream_bind(&upstreams[i], &t->world.loop));
    fake_init(&t->front, &t->world.loop);
    struct endpoint *front = websocket_session_new(&t->world.loop, &t->front.stream, WEBSOCKET_SERVER, &web, NULL);
    const struct routed_visitor visitor = {
        .owner = &t->owner.counted,
        .serializer = wamp_by_number(serializer),
        .facts.arena = arena_new(),
        .hello_timeout = 3000,
    };
    assert_true(routed_new(&t->world.loop, front, &routes, &visitor));
    counted_unref(&t->owner.counted);
    fake_run(&t->world.loop);
}

static void say(struct scene *t, uint8_t first, struct span payload)
{
    struct frame_text text = {0};
    frame_put(&text, first, true, payload);
    fake_feed(&t->front, span_of(text.at, text.length));
    free(text.at);
}

static void node_says(struct scene *t, struct span bytes)
{
    assert_non_null(t->called);
    t->node.stream.on->on_open(t->node.stream.user);
    t->node.paused = false;
    fake_feed(&t->node, bytes);
}

/* What the front was sent: messages, then the code of its Close (0: none). */
static unsigned close_code(struct scene *t, struct span *message)
{
    uint8_t *at = t->front.sent;
    size_t left = t->front.sent_length;
    struct frame_seen seen;
    *message = span_of(NULL, 0);
    while (frame_cut(&at, &left, &seen)) {
        if (seen.first == 0x88)
            return (unsigned)(seen.payload.at[0] << 8 | seen.payload.at[1]);
        *message = seen.payload;
    }
    return 0;
}

static void scene_stop(struct scene *t, enum ending why)
{
    fake_eof(&t->front);
    fake_wait(&t->world.loop, 5000);
    assert_true(t->front.ended && t->owner.freed);
    for (size_t i = 0; i < 3; i++)
        upstream_unbind(&upstreams[i]);
    for (int i = 0; i < ENDING_COUNT; i++)
        assert_int_equal(t->world.counters->endings[i], i == (int)why);
    assert_int_equal(deadlines_next(&t->world.loop.deadlines), UINT64_MAX);
    fake_deinit(&t->front);
    if (t->called)
        fake_deinit(&t->node);
    fake_world_deinit(&t->world);
}

#define HELLO_JSON SPAN("[1,\"shop\",{\"x\": 1}]")

static void the_hello_goes_to_the_backend_of_its_realm_as_it_came(void **state)
{
    (void)state;
    for (int frames = 1; frames <= 2; frames++) {
        struct scene t;
        scene_start(&t, 1);
        if (frames == 2)
            say(&t, 0x01, span_head(HELLO_JSON, 5));
        say(&t, frames == 2 ? 0x80 : 0x81, span_tail(HELLO_JSON, frames == 2 ? 5 : 0));
        say(&t, 0x81, SPAN("[2]")); /* waits */
        assert_ptr_equal(t.called, &one);
        node_says(&t, SPAN("\x7F\xF1\x00\x00\x00\x00\x00\x03[3]"));
        static const char expected[] = "\x7F\xF1\0\0\0\0\0\x13[1,\"shop\",{\"x\": 1}]\0\0\0\3[2]";
        assert_int_equal(t.node.sent_length, sizeof expected - 1);
        assert_memory_equal(t.node.sent, expected, sizeof expected - 1);
        struct span message;
        assert_int_equal(close_code(&t, &message), 0);
        assert_memory_equal(message.at, "[3]", 3);
        fake_eof(&t.front);
        scene_stop(&t, ENDING_PEER_LEFT);
    }
}

static void the_next_backend_is_tried(void **state)
{
    (void)state;
    struct scene t;
    scene_start(&t, 3);
    say(&t, 0x82,
        SPAN("\x83\x01\x64"
             "both\xA0"));
    const struct backend *first = t.called;
    t.called = NULL;
    stream_abort(&t.node.stream, ENDING_BACKEND_REFUSED);
    fake_run(&t.world.loop);
    assert_non_null(t.called);
    assert_ptr_not_equal(t.called, first);
    node_says(&t, SPAN("\x7F\xF3\x00\x00"));
    assert_int_equal(t.node.sent_length, 4 + 4 + 8);
    t.world.counters->endings[ENDING_BACKEND_REFUSED] = 0; /* told of the first one */
    fake_eof(&t.front);
    scene_stop(&t, ENDING_PEER_LEFT);
}

static void a_refusal_is_no_failure_of_the_backend(void **state)
{
    (void)state;
    struct scene t;
    struct span message;
    scene_start(&t, 3);
    say(&t, 0x82,
        SPAN("\x83\x01\x64"
             "both\xA0"));
    node_says(&t, SPAN("\x7F\x10\x00\x00"));
    assert_int_equal(close_code(&t, &message), 1013);
    scene_stop(&t, ENDING_BACKEND_DENIED);
}

static void a_realm_without_a_route_is_aborted_in_its_serializer(void **state)
{
    (void)state;
    static const struct {
        unsigned serializer;
        uint8_t first;
        struct span hello, abort;
    } rows[] = {
        {1, 0x81, {(const uint8_t *)"[1,\"none\",{}]", 13}, {(const uint8_t *)"[3,{\"message\":\"", 15}},
        {2, 0x82, {(const uint8_t *)"\x93\x01\xA4none\x80", 8}, {(const uint8_t *)"\x93\x03\x81\xA7message", 11}},
        {3, 0x82, {(const uint8_t *)"\x83\x01\x64none\xA0", 8}, {(const uint8_t *)"\x83\x03\xA1\x67message", 11}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene t;
        struct span message;
        scene_start(&t, rows[i].serializer);
        say(&t, rows[i].first, rows[i].hello);
        assert_int_equal(close_code(&t, &message), 1000);
        assert_true(message.len > rows[i].abort.len);
        assert_memory_equal(message.at, rows[i].abort.at, rows[i].abort.len);
        assert_non_null(memmem(message.at, message.len, "wamp.error.no_such_realm", 24));
        assert_null(t.called);
        scene_stop(&t, ENDING_NO_ROUTE);
    }
}

static void what_is_no_hello_is_refused(void **state)
{
    (void)state;
    static uint8_t large[WAMP_HELLO_MAX + 1];
    memset(large, 'x', sizeof large);
    const struct {
        uint8_t first;
        struct span payload;
        enum ending why;
        unsigned code;
    } rows[] = {
        {0x81, SPAN("[3,\"shop\",{}]"), ENDING_BAD_HELLO, 1002},
        {0x81, SPAN(""), ENDING_BAD_HELLO, 1002},
        {0x82, HELLO_JSON, ENDING_UNSENDABLE_KIND, 1003},
        {0x81, span_of(large, sizeof large - 1), ENDING_BAD_HELLO, 1002},
        {0x01, span_of(large, sizeof large), ENDING_WS_TOO_LARGE, 1009},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene t;
        struct span message;
        scene_start(&t, 1);
        say(&t, rows[i].first, rows[i].payload);
        assert_int_equal(close_code(&t, &message), rows[i].code);
        scene_stop(&t, rows[i].why);
    }
}

static void the_first_message_has_a_deadline(void **state)
{
    (void)state;
    struct scene t;
    struct span message;
    scene_start(&t, 1);
    fake_wait(&t.world.loop, 2999);
    assert_int_equal(close_code(&t, &message), 0);
    say(&t, 0x01, SPAN("[1,"));
    fake_wait(&t.world.loop, 1);
    assert_int_equal(close_code(&t, &message), 1008);
    scene_stop(&t, ENDING_HELLO_LATE);
}

static void a_backend_that_is_down_closes_the_session(void **state)
{
    (void)state;
    struct scene t;
    struct span message;
    scene_start(&t, 1);
    say(&t, 0x81, HELLO_JSON);
    stream_abort(&t.node.stream, ENDING_BACKEND_REFUSED);
    fake_run(&t.world.loop);
    assert_int_equal(close_code(&t, &message), 1013);
    scene_stop(&t, ENDING_BACKEND_REFUSED);
}

static void a_backend_without_the_serializer_closes_the_session(void **state)
{
    (void)state;
    struct scene t;
    struct span message;
    scene_start(&t, 3);
    say(&t, 0x82, SPAN("\x83\x01\x64json\xA0"));
    assert_int_equal(close_code(&t, &message), 1003);
    assert_null(t.called);
    scene_stop(&t, ENDING_NO_SERIALIZER);
}

/* At each moment before there is a relay: it vanishes, says goodbye, or the worker leaves. While the backend is called the
 * visitor is not read, so that it is missed when the call is over. */
static void who_goes_before_he_is_routed_leaves_nothing(void **state)
{
    (void)state;
    static const enum ending endings[] = {ENDING_PEER_LEFT, ENDING_DONE, ENDING_GOING_AWAY};
    for (int said = 0; said < 3; said++) {
        for (int how = 0; how < 3; how++) {
            struct scene t;
            scene_start(&t, 1);
            if (said > 0)
                say(&t, said == 1 ? 0x01 : 0x81, said == 1 ? SPAN("[1") : HELLO_JSON);
            if (how == 1)
                say(&t, 0x88, SPAN("\x03\xE8"));
            if (how == 2) {
                struct guest *guest = CONTAINER_OF(t.world.loop.guests.next, struct guest, link);
                guest->leave(guest);
            }
            scene_stop(&t, said == 2 && how < 2 ? ENDING_BACKEND_LATE : endings[how]);
        }
    }
}

static void a_hello_that_the_node_does_not_take_is_told(void **state)
{
    (void)state;
    static char hello[700] = "[1,\"shop\",{\"x\":\"";
    struct scene t;
    struct span message;
    memset(hello + 16, 'x', sizeof hello - 16);
    memcpy(hello + sizeof hello - 3, "\"}]", 3);
    scene_start(&t, 1);
    say(&t, 0x81, span_of(hello, sizeof hello));
    node_says(&t, SPAN("\x7F\x01\x00\x00")); /* 512 bytes */
    assert_int_equal(close_code(&t, &message), 1009);
    scene_stop(&t, ENDING_UNSENDABLE_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hello_goes_to_the_backend_of_its_realm_as_it_came),
        cmocka_unit_test(the_next_backend_is_tried),
        cmocka_unit_test(a_refusal_is_no_failure_of_the_backend),
        cmocka_unit_test(a_realm_without_a_route_is_aborted_in_its_serializer),
        cmocka_unit_test(what_is_no_hello_is_refused),
        cmocka_unit_test(the_first_message_has_a_deadline),
        cmocka_unit_test(a_backend_that_is_down_closes_the_session),
        cmocka_unit_test(a_backend_without_the_serializer_closes_the_session),
        cmocka_unit_test(who_goes_before_he_is_routed_leaves_nothing),
        cmocka_unit_test(a_hello_that_the_node_does_not_take_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
