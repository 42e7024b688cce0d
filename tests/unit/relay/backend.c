/* Calls to a backend whose stream is in memory: net_connect and tls_connect are the test's. */
#include "websocket/ear.h"

#include "crossgate/plan.h"
#include "crossgate/relay.h"

#include <stdio.h>

enum { FIELDS = 4 };

struct owner {
    struct counted counted;
    bool freed;
};

struct call {
    struct fake_world world;
    struct fake fake;
    struct http_header fields[FIELDS];
    struct http_request request;
    struct peer peer;
    struct backend backend;
    struct owner owner;
    struct backend_call *call;
    struct ear back;
    int opened, failed;
    enum ending why;
    unsigned status;
    char detail[400];
    bool no_memory_for_stream;
    bool did_tls;
};

/* The call that net_connect is asked for. */
static struct call *current;

struct stream *net_connect(struct loop *loop, const struct net_target *target)
{
    assert_ptr_equal(target, &current->backend.target);
    if (current->no_memory_for_stream)
        return NULL;
    fake_init(&current->fake, loop);
    return &current->fake.stream;
}

struct stream *tls_connect(struct loop *loop, struct stream *below, struct tls_context *context, uint32_t timeout)
{
    (void)loop;
    assert_ptr_equal(context, current->backend.tls);
    assert_int_equal(timeout, current->backend.target.timeout);
    current->did_tls = true;
    return below;
}

static void on_open(void *user, struct endpoint *back, const struct http_response *answer)
{
    struct call *t = user;
    t->opened++;
    t->call = NULL;
    t->status = answer->status;
    t->back.endpoint = back;
    endpoint_attach(back, &ear_user, &t->back);
}

static void on_fail(void *user, enum ending why, const struct http_response *answer, const char *detail)
{
    struct call *t = user;
    t->failed++;
    t->call = NULL;
    t->why = why;
    t->status = answer ? answer->status : 0;
    snprintf(t->detail, sizeof t->detail, "%s", detail);
}

static const struct backend_call_user call_user = {on_open, on_fail};

static void owner_free(struct counted *counted)
{
    CONTAINER_OF(counted, struct owner, counted)->freed = true;
}

static void call_start(struct call *t)
{
    *t = (struct call){
        .fields = {{SPAN("Host"), SPAN("a")}, {SPAN("Sec-WebSocket-Protocol"), SPAN("wamp.2.cbor, wamp.2.json")}},
        .request = {.target = SPAN("/ws"), .raw_path = SPAN("/ws"), .path = SPAN("/ws"), .host = SPAN("a")},
        .backend = {.target = {.timeout = 5000},
                    .name = "ws://node:8080",
                    .settings = {.close_timeout = 1000, .send_timeout = 1000}},
    };
    t->request.headers = (struct http_headers){t->fields, 2};
    fake_world_init(&t->world);
    counted_init(&t->owner.counted, owner_free);
    current = t;
}

static void call_make(struct call *t)
{
    const struct backend_visitor visitor = {.request = &t->request, .peer = &t->peer};
    t->call = backend_call_new(&t->world.loop, &t->backend, &t->owner.counted, &visitor, &call_user, t);
    assert_int_equal(t->opened + t->failed, 0);
    counted_unref(&t->owner.counted);
}

static void call_open(struct call *t)
{
    t->fake.stream.on->on_open(t->fake.stream.user);
    t->fake.paused = false;
    fake_run(&t->world.loop);
}

static void call_stop(struct call *t)
{
    fake_run(&t->world.loop);
    assert_true(t->owner.freed);
    free(t->back.text.at);
    fake_deinit(&t->fake);
    fake_world_deinit(&t->world);
}

/* The head of a 101 to the key that was sent. */
static size_t accepting(struct call *t, char *text, size_t size, const char *more)
{
    char accept[WEBSOCKET_ACCEPT];
    t->fake.sent[t->fake.sent_length] = '\0';
    const char *key = strstr((const char *)t->fake.sent, "Sec-WebSocket-Key: ");
    assert_non_null(key);
    assert_true(websocket_accept(span_of(key + 19, 24), accept));
    int n = snprintf(text, size,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: %s\r\n%s\r\n",
                     accept, more);
    return (size_t)n;
}

static void finish_session(struct call *t)
{
    endpoint_close(t->back.endpoint, 1000, SPAN(""));
    fake_feed(&t->fake, SPAN("\x88\x02\x03\xE8"));
    fake_eof(&t->fake);
    assert_true(t->back.ended);
    assert_int_equal(t->back.why, ENDING_DONE);
}

static void a_call_opens_a_session_wherever_the_answer_is_cut(void **state)
{
    (void)state;
    size_t length = 1000;
    for (size_t cut = 1; cut < length; cut += cut < 160 ? 13 : 1) {
        struct call t;
        char text[512];
        call_start(&t);
        call_make(&t);
        call_open(&t);
        length = accepting(&t, text, sizeof text, "Sec-WebSocket-Protocol: wamp.2.cbor\r\n");
        memcpy(text + length, "\x81\x05hello", 7); /* the backend speaks at once */
        length += 7;
        fake_feed(&t.fake, span_of(text, cut));
        fake_feed(&t.fake, span_of(text + cut, length - cut));
        assert_int_equal(t.opened, 1);
        assert_int_equal(t.status, 101);
        assert_true(heard(&t.back, "hello"));
        assert_true(t.owner.freed);
        finish_session(&t);
        call_stop(&t);
    }
}

static void the_request_leaves_in_one_write(void **state)
{
    (void)state;
    struct call t;
    call_start(&t);
    call_make(&t);
    assert_int_equal(t.fake.out.length, 0);
    t.fake.stream.on->on_open(t.fake.stream.user);
    size_t whole = t.fake.out.length;
    fake_run(&t.world.loop);
    assert_int_equal(t.fake.sent_length, whole);
    assert_memory_equal(t.fake.sent + whole - 4, "\r\n\r\n", 4);
    backend_call_cancel(t.call);
    call_stop(&t);
}

static void a_refusal_is_passed_up_with_its_head(void **state)
{
    (void)state;
    static const unsigned statuses[] = {200, 302, 400, 401, 403, 404, 426, 500, 503};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct call t;
        char text[256], expected[64];
        call_start(&t);
        call_make(&t);
        call_open(&t);
        int n = snprintf(text, sizeof text, "HTTP/1.1 %u No\r\nContent-Length: 2\r\n\r\nno", statuses[i]);
        fake_feed(&t.fake, span_of(text, (size_t)n));
        assert_int_equal(t.failed, 1);
        assert_int_equal(t.why, ENDING_BACKEND_DENIED);
        assert_int_equal(t.status, statuses[i]);
        snprintf(expected, sizeof expected, "ws://node:8080 answered %u", statuses[i]);
        assert_string_equal(t.detail, expected);
        call_stop(&t);
    }
}

static void answers_that_are_not_understood_are_broken(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        ("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"),
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct call t;
        call_start(&t);
        call_make(&t);
        call_open(&t);
        fake_feed(&t.fake, span_string(answers[i]));
        assert_int_equal(t.failed, 1);
        assert_int_equal(t.why, ENDING_BACKEND_BROKEN);
        call_stop(&t);
    }
}

static void a_subprotocol_nobody_offered_is_broken(void **state)
{
    (void)state;
    struct call t;
    char text[512];
    call_start(&t);
    call_make(&t);
    call_open(&t);
    size_t length = accepting(&t, text, sizeof text, "Sec-WebSocket-Protocol: mqtt\r\n");
    fake_feed(&t.fake, span_of(text, length));
    assert_int_equal(t.why, ENDING_BACKEND_BROKEN);
    call_stop(&t);
}

static void an_interim_answer_is_not_the_answer(void **state)
{
    (void)state;
    struct call t;
    char text[512];
    call_start(&t);
    call_make(&t);
    call_open(&t);
    fake_feed(&t.fake, SPAN("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"));
    assert_int_equal(t.opened + t.failed, 0);
    fake_feed(&t.fake, span_of(text, accepting(&t, text, sizeof text, "")));
    assert_int_equal(t.opened, 1);
    finish_session(&t);
    call_stop(&t);
}

static void one_deadline_covers_connecting_and_answering(void **state)
{
    (void)state;
    for (int opened = 0; opened < 2; opened++) {
        struct call t;
        call_start(&t);
        call_make(&t);
        if (opened) {
            fake_wait(&t.world.loop, 3000);
            call_open(&t);
            fake_feed(&t.fake, SPAN("HTTP/1.1 101 Switching"));
            fake_wait(&t.world.loop, 1999);
        } else {
            fake_wait(&t.world.loop, 4999);
        }
        assert_int_equal(t.failed, 0);
        fake_wait(&t.world.loop, 1);
        assert_int_equal(t.failed, 1);
        assert_int_equal(t.why, ENDING_BACKEND_LATE);
        assert_string_equal(t.detail, "ws://node:8080");
        call_stop(&t);
    }
}

static void the_streams_endings_become_the_backends(void **state)
{
    (void)state;
    static const struct {
        enum ending stream, call;
    } rows[] = {
        {ENDING_BACKEND_NAME, ENDING_BACKEND_NAME},
        {ENDING_BACKEND_REFUSED, ENDING_BACKEND_REFUSED},
        {ENDING_BACKEND_UNREACHABLE, ENDING_BACKEND_UNREACHABLE},
        {ENDING_BACKEND_LATE, ENDING_BACKEND_LATE},
        {ENDING_BACKEND_TLS, ENDING_BACKEND_TLS},
        {ENDING_DESCRIPTORS, ENDING_DESCRIPTORS},
        {ENDING_MEMORY, ENDING_MEMORY},
        {ENDING_HANDSHAKE_LATE, ENDING_BACKEND_LATE},
        {ENDING_HANDSHAKE_FAILED, ENDING_BACKEND_TLS},
        {ENDING_TLS_BROKEN, ENDING_BACKEND_TLS},
        {ENDING_PEER_RESET, ENDING_BACKEND_LOST},
        {ENDING_PEER_TRUNCATED, ENDING_BACKEND_LOST},
        {ENDING_DONE, ENDING_BACKEND_LOST},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call t;
        call_start(&t);
        call_make(&t);
        t.fake.stream.detail = "why it was";
        stream_abort(&t.fake.stream, rows[i].stream);
        fake_run(&t.world.loop);
        assert_int_equal(t.failed, 1);
        assert_int_equal(t.why, rows[i].call);
        assert_string_equal(t.detail, "ws://node:8080: why it was");
        call_stop(&t);
    }
}

static void the_longest_name_leaves_room_for_the_cause(void **state)
{
    (void)state;
    struct call t;
    char name[PLAN_BACKEND_NAME_MAX + 1];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    call_start(&t);
    t.backend.name = name;
    call_make(&t);
    t.fake.stream.detail = "why it was";
    stream_abort(&t.fake.stream, ENDING_BACKEND_TLS);
    fake_run(&t.world.loop);
    assert_int_equal(strlen(t.detail), PLAN_BACKEND_NAME_MAX + strlen(": why it was"));
    assert_string_equal(t.detail + PLAN_BACKEND_NAME_MAX, ": why it was");
    call_stop(&t);
}

static void a_backend_that_hangs_up_is_lost(void **state)
{
    (void)state;
    struct call t;
    call_start(&t);
    call_make(&t);
    call_open(&t);
    fake_feed(&t.fake, SPAN("HTTP/1.1 1"));
    fake_eof(&t.fake);
    assert_int_equal(t.failed, 1);
    assert_int_equal(t.why, ENDING_BACKEND_LOST);
    call_stop(&t);
}

static void cancelling_is_silent_at_any_time(void **state)
{
    (void)state;
    for (int step = 0; step < 4; step++) {
        struct call t;
        char text[512];
        call_start(&t);
        call_make(&t);
        if (step > 0)
            call_open(&t);
        if (step > 1)
            fake_feed(&t.fake, SPAN("HTTP/1.1 "));
        if (step > 2) { /* the answer is there, but has not been told */
            size_t length = accepting(&t, text, sizeof text, "");
            t.fake.stream.on->on_bytes(t.fake.stream.user, span_of(text + 9, length - 9));
            assert_true(t.fake.paused); /* what may follow is the session's */
        }
        backend_call_cancel(t.call);
        fake_run(&t.world.loop);
        fake_wait(&t.world.loop, 10000);
        assert_int_equal(t.opened + t.failed, 0);
        assert_true(t.fake.aborted);
        call_stop(&t);
    }
}

static void a_wss_backend_gets_tls(void **state)
{
    (void)state;
    struct call t;
    call_start(&t);
    assert_false(t.did_tls);
    t.backend.tls = (struct tls_context *)(void *)&t;
    call_make(&t);
    assert_true(t.did_tls);
    backend_call_cancel(t.call);
    call_stop(&t);
}

static void no_stream_is_no_call(void **state)
{
    (void)state;
    struct call t;
    call_start(&t);
    t.no_memory_for_stream = true;
    call_make(&t);
    assert_null(t.call);
    assert_true(t.owner.freed);
    fake_world_deinit(&t.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_opens_a_session_wherever_the_answer_is_cut),
        cmocka_unit_test(the_request_leaves_in_one_write),
        cmocka_unit_test(a_refusal_is_passed_up_with_its_head),
        cmocka_unit_test(answers_that_are_not_understood_are_broken),
        cmocka_unit_test(a_subprotocol_nobody_offered_is_broken),
        cmocka_unit_test(an_interim_answer_is_not_the_answer),
        cmocka_unit_test(one_deadline_covers_connecting_and_answering),
        cmocka_unit_test(the_streams_endings_become_the_backends),
        cmocka_unit_test(the_longest_name_leaves_room_for_the_cause),
        cmocka_unit_test(a_backend_that_hangs_up_is_lost),
        cmocka_unit_test(cancelling_is_silent_at_any_time),
        cmocka_unit_test(a_wss_backend_gets_tls),
        cmocka_unit_test(no_stream_is_no_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
