/* Requests to a backend whose streams are in memory: net_connect and tls_connect are the test's. */
#include "websocket/fake.h"

#include "crossgate/fetch.h"
#include "crossgate/limits.h"

#include "kept.h"
#include "state.h"

#include <stdio.h>

enum { STREAMS = KEPT_MAX + 8, FIELDS = 4, GOT = 4096, BACKENDS = 3 };

struct owner {
    struct counted counted;
    bool freed;
};

struct asker {
    struct fake_world world;
    struct fake fakes[STREAMS];
    size_t made;
    struct http_header fields[FIELDS];
    struct http_request request;
    struct peer peer;
    struct backend backend; /* the first one */
    struct backend others[BACKENDS - 1];
    struct upstream_member members[BACKENDS];
    struct upstream upstream;
    struct owner owner;
    struct fetch_settings settings;
    struct fetch *fetch;
    int opened, rooms, answered, done, failed;
    unsigned status;
    uint64_t length;
    char got[GOT];
    size_t got_length;
    enum ending why;
    char detail[200];
    bool pause_after_each;
    bool cancel_in_answer;
    bool no_memory_for_stream;
};

/* Who net_connect works for. */
static struct asker *current;

struct stream *net_connect(struct loop *loop, const struct net_target *target)
{
    (void)target;
    if (current->no_memory_for_stream)
        return NULL;
    assert_true(current->made < STREAMS);
    struct fake *fake = &current->fakes[current->made++];
    fake_init(fake, loop);
    fake->paused = false;
    return &fake->stream;
}

struct stream *tls_connect(struct loop *loop, struct stream *below, struct tls_context *context, uint32_t timeout)
{
    (void)loop;
    (void)context;
    (void)timeout;
    return below;
}

static void on_open(void *user)
{
    struct asker *a = user;
    a->opened++;
}

static void on_room(void *user)
{
    struct asker *a = user;
    a->rooms++;
}

static void on_answer(void *user, const struct http_response *answer, uint64_t length)
{
    struct asker *a = user;
    a->answered++;
    a->status = answer->status;
    a->length = length;
    if (a->cancel_in_answer) {
        fetch_cancel(a->fetch);
        a->fetch = NULL;
    }
}

static void on_body(void *user, struct span bytes)
{
    struct asker *a = user;
    assert_non_null(a->fetch);
    assert_true(a->got_length + bytes.len < GOT);
    memcpy(a->got + a->got_length, bytes.at, bytes.len);
    a->got_length += bytes.len;
    if (a->pause_after_each)
        fetch_pause(a->fetch, true);
}

static void on_done(void *user)
{
    struct asker *a = user;
    a->done++;
    a->fetch = NULL;
}

static void on_fail(void *user, enum ending why, const char *detail)
{
    struct asker *a = user;
    a->failed++;
    a->fetch = NULL;
    a->why = why;
    snprintf(a->detail, sizeof a->detail, "%s", detail ? detail : "");
}

static const struct fetch_user fetch_user = {on_open, on_room, on_answer, on_body, on_done, on_fail};

static void owner_free(struct counted *counted)
{
    CONTAINER_OF(counted, struct owner, counted)->freed = true;
}

static struct asker *begin(const char *method)
{
    struct asker *a = calloc(1, sizeof *a);
    a->fields[0] = (struct http_header){SPAN("Host"), SPAN("a")};
    a->request = (struct http_request){
        .method = strcmp(method, "HEAD") == 0 ? HTTP_HEAD : HTTP_OTHER_METHOD,
        .method_name = span_string(method),
        .target = SPAN("/x"),
        .raw_path = SPAN("/x"),
        .path = SPAN("/x"),
        .host = SPAN("a"),
        .headers = {a->fields, 1},
    };
    a->backend = (struct backend){.target = {.timeout = 5000}, .name = "http://node"};
    a->settings = (struct fetch_settings){.answer_timeout = 9000};
    fake_world_init(&a->world);
    counted_init(&a->owner.counted, owner_free);
    a->members[0].backend = &a->backend;
    a->upstream = (struct upstream){
        .members = a->members,
        .count = 1,
        .settings = {.timeout = 20000, .eject_after = 2, .eject_time = 1000, .eject_time_max = 1000},
    };
    assert_true(upstream_bind(&a->upstream, &a->world.loop));
    current = a;
    return a;
}

static void ask(struct asker *a)
{
    const struct backend_visitor visitor = {.request = &a->request, .peer = &a->peer, .tail = a->request.path};
    a->opened = a->rooms = a->answered = a->done = a->failed = 0;
    a->got_length = 0;
    a->fetch = fetch_new(&a->world.loop, &a->upstream, &a->owner.counted, &visitor, &a->settings, &fetch_user, a);
    assert_int_equal(a->opened + a->answered + a->done + a->failed, 0);
}

static struct fake *last(struct asker *a)
{
    return &a->fakes[a->made - 1];
}

/* The stream that was made last is connected. */
static void connect_it(struct asker *a)
{
    last(a)->stream.on->on_open(last(a)->stream.user);
    fake_run(&a->world.loop);
}

static void say(struct asker *a, const char *text)
{
    fake_feed(last(a), span_string(text));
}

static const char *heard(struct fake *fake)
{
    assert_non_null(fake->sent);
    fake->sent[fake->sent_length] = '\0';
    return (const char *)fake->sent;
}

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* All is given back when the kept connections have gone. */
static void end(struct asker *a)
{
    if (a->fetch)
        fetch_cancel(a->fetch);
    fake_run(&a->world.loop);
    fake_wait(&a->world.loop, LIMIT_KEPT);
    for (size_t i = 0; i < a->upstream.count; i++) {
        assert_int_equal(a->members[i].state->waiting, 0);
        assert_int_equal(a->members[i].state->counts->sessions, 0);
    }
    upstream_unbind(&a->upstream);
    counted_unref(&a->owner.counted);
    assert_true(a->owner.freed);
    for (size_t i = 0; i < a->made; i++)
        fake_deinit(&a->fakes[i]);
    fake_world_deinit(&a->world);
    free(a);
}

static void the_request_leaves_in_one_write_and_the_answer_comes_however_it_is_cut(void **state)
{
    (void)state;
    static const char answer[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 203 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    for (size_t cut = 1; cut < sizeof answer; cut++) {
        struct asker *a = begin("GET");
        ask(a);
        connect_it(a);
        assert_int_equal(a->opened, 0); /* there is no body */
        assert_string_equal(heard(last(a)),
                            "GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n\r\n");
        fake_feed(last(a), span_of(answer, cut));
        fake_feed(last(a), span_of(answer + cut, sizeof answer - 1 - cut));
        assert_int_equal(a->answered, 1);
        assert_int_equal(a->status, 203);
        assert_int_equal(a->done, 1);
        assert_int_equal(a->got_length, 5);
        assert_memory_equal(a->got, "hello", 5);
        assert_false(last(a)->finished || last(a)->aborted);
        end(a);
    }
}

static void a_kept_connection_is_used_again_and_goes_in_time(void **state)
{
    (void)state;
    struct asker *a = begin("GET");
    for (int i = 0; i < 3; i++) {
        ask(a);
        if (i == 0)
            connect_it(a);
        fake_run(&a->world.loop);
        say(a, HELLO);
        assert_int_equal(a->done, 1);
        fake_wait(&a->world.loop, LIMIT_KEPT - 1);
    }
    assert_int_equal(a->made, 1);
    assert_false(last(a)->finished);
    fake_wait(&a->world.loop, 1);
    assert_true(last(a)->finished);
    ask(a);
    assert_int_equal(a->made, 2);
    end(a);
}

static void connections_are_kept_per_backend(void **state)
{
    (void)state;
    struct asker *a = begin("GET");
    ask(a);
    connect_it(a);
    say(a, HELLO);
    struct backend other = a->backend; /* in another plan, say */
    assert_null(kept_take(&a->world.loop, &other));
    ask(a);
    assert_int_equal(a->made, 1);
    end(a);
}

static void only_what_can_be_used_again_is_kept(void **state)
{
    (void)state;
    static const char *const answers[] = {
        HELLO "x", /* bytes nobody asked for */
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct asker *a = begin("GET");
        ask(a);
        connect_it(a);
        say(a, answers[i]);
        assert_int_equal(a->done, 1);
        assert_true(last(a)->finished || last(a)->aborted);
        end(a);
    }
    struct asker *a = begin("GET");
    ask(a);
    connect_it(a);
    a->world.loop.leaving = true;
    say(a, HELLO);
    assert_true(last(a)->finished);
    end(a);
}

static void what_a_kept_connection_says_unasked_ends_it(void **state)
{
    (void)state;
    for (int eof = 0; eof < 2; eof++) {
        struct asker *a = begin("GET");
        ask(a);
        connect_it(a);
        say(a, HELLO);
        if (eof)
            fake_eof(last(a));
        else
            say(a, HELLO);
        assert_true(last(a)->finished);
        assert_true(list_is_empty(&a->world.loop.kept));
        ask(a);
        assert_int_equal(a->made, 2);
        end(a);
    }
}

static void kept_connections_leave_with_the_worker(void **state)
{
    (void)state;
    struct asker *a = begin("GET");
    ask(a);
    connect_it(a);
    say(a, HELLO);
    struct guest *guest = CONTAINER_OF(a->world.loop.guests.next, struct guest, link);
    guest->leave(guest);
    guest->leave(guest);
    assert_true(last(a)->finished);
    fake_run(&a->world.loop);
    assert_true(list_is_empty(&a->world.loop.guests));
    end(a);
}

static void keep_one(struct asker *a, const struct backend *backend)
{
    struct stream *stream = net_connect(&a->world.loop, NULL);
    assert_true(kept_put(&a->world.loop, backend, &a->owner.counted, stream));
}

/* Whoever has waited longest goes, whoever's it is. */
static void their_number_is_bounded(void **state)
{
    (void)state;
    struct asker *a = begin("GET");
    static struct backend other;
    keep_one(a, &a->backend);
    for (size_t i = 1; i < KEPT_MAX; i++)
        keep_one(a, &other);
    assert_false(a->fakes[0].finished);
    keep_one(a, &a->backend);
    assert_true(a->fakes[0].finished);
    keep_one(a, &a->backend);
    assert_true(a->fakes[1].finished);
    size_t open = 0;
    for (size_t i = 0; i < a->made; i++)
        open += !a->fakes[i].finished;
    assert_int_equal(open, KEPT_MAX);
    assert_int_equal(a->world.loop.kept_count, KEPT_MAX);
    end(a);
}

/* Dies before a byte of the answer: by EOF, by reset, or before the request was sent. */
static void a_dead_kept_connection_is_replaced_once(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        uint64_t length;
        bool before; /* it dies before the request is sent */
        bool again;
    } rows[] = {
        {"GET", 0, false, true},    {"HEAD", 0, false, true},  {"DELETE", 0, false, true}, {"POST", 0, false, false},
        {"PATCH", 0, false, false}, {"POST", 5, false, false}, {"PUT", 5, false, false},   {"POST", 5, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int reset = 0; reset < (rows[i].before ? 1 : 2); reset++) {
            struct asker *a = begin("GET");
            ask(a);
            connect_it(a);
            say(a, HELLO);
            a->request.method_name = span_string(rows[i].method);
            a->settings.length = rows[i].length;
            ask(a);
            if (!rows[i].before)
                fake_run(&a->world.loop);
            if (reset)
                stream_abort(&last(a)->stream, ENDING_PEER_RESET);
            else if (rows[i].before)
                last(a)->stream.on->on_eof(last(a)->stream.user);
            else
                fake_eof(last(a));
            fake_run(&a->world.loop);
            assert_int_equal(a->made, rows[i].again ? 2 : 1);
            assert_int_equal(a->failed, !rows[i].again);
            if (rows[i].again) {
                connect_it(a);
                assert_true(strncmp(heard(last(a)), rows[i].method, strlen(rows[i].method)) == 0);
                fake_eof(last(a));
                assert_int_equal(a->failed, 1); /* once and no more */
            }
            assert_int_equal(a->why, ENDING_BACKEND_LOST);
            assert_int_equal(a->made, rows[i].again ? 2 : 1);
            end(a);
        }
    }
}

static void a_kept_connection_that_has_begun_to_answer_is_not_replaced(void **state)
{
    (void)state;
    struct asker *a = begin("GET");
    ask(a);
    connect_it(a);
    say(a, HELLO);
    ask(a);
    fake_run(&a->world.loop);
    say(a, "H");
    fake_eof(last(a));
    assert_int_equal(a->failed, 1);
    assert_int_equal(a->made, 1);
    end(a);
}

static void bodies_are_framed_anew(void **state)
{
    (void)state;
    for (int chunked = 0; chunked < 2; chunked++) {
        struct asker *a = begin("POST");
        a->settings.length = chunked ? HTTP_LENGTH_UNKNOWN : 11;
        ask(a);
        connect_it(a);
        assert_int_equal(a->opened, 1);
        assert_true(fetch_write(a->fetch, SPAN("hello ")));
        assert_true(fetch_write(a->fetch, SPAN("")));
        assert_true(fetch_write(a->fetch, SPAN("world")));
        fetch_finish(a->fetch);
        fake_run(&a->world.loop);
        const char *body = strstr(heard(last(a)), "\r\n\r\n") + 4;
        assert_string_equal(body, chunked ? "6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n" : "hello world");
        assert_non_null(strstr(heard(last(a)), chunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: 11\r\n"));
        say(a, HELLO);
        assert_int_equal(a->done, 1);
        end(a);
    }
}

static void an_answer_before_the_end_of_the_request_ends_the_connection(void **state)
{
    (void)state;
    struct asker *a = begin("POST");
    a->settings.length = 100;
    ask(a);
    connect_it(a);
    fetch_write(a->fetch, SPAN("hello"));
    say(a, HELLO);
    assert_int_equal(a->done, 1);
    assert_true(last(a)->aborted);
    end(a);
}

static void pauses_hold_the_answer_back(void **state)
{
    (void)state;
    struct asker *a = begin("GET");
    a->pause_after_each = true;
    ask(a);
    connect_it(a);
    say(a, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    assert_int_equal(a->got_length, 3);
    fake_wait(&a->world.loop, 100000); /* nobody's time but the visitor's */
    assert_int_equal(a->failed, 0);
    fetch_pause(a->fetch, false);
    fake_run(&a->world.loop);
    assert_int_equal(a->got_length, 5);
    assert_int_equal(a->done, 0);
    fetch_pause(a->fetch, false);
    fake_run(&a->world.loop);
    assert_int_equal(a->done, 1);
    end(a);
}

static void a_connection_that_was_paused_with_the_last_piece_is_used_again(void **state)
{
    (void)state;
    struct asker *a = begin("GET");
    a->pause_after_each = true;
    ask(a);
    connect_it(a);
    for (int i = 0; i < 2; i++) {
        say(a, HELLO);
        assert_int_equal(a->done, 1);
        ask(a);
        fake_run(&a->world.loop);
    }
    assert_int_equal(a->made, 1);
    end(a);
}

static void a_backend_that_does_not_read_makes_the_writer_wait(void **state)
{
    (void)state;
    static const uint8_t block[100000];
    struct asker *a = begin("POST");
    a->settings.length = 1000000;
    ask(a);
    connect_it(a);
    last(a)->stuck = true;
    size_t blocks = 1;
    while (fetch_write(a->fetch, span_of(block, sizeof block)))
        blocks++;
    assert_true(blocks * sizeof block < STREAM_HIGH + 2 * sizeof block);
    fake_wait(&a->world.loop, 8999);
    assert_int_equal(a->failed, 0);
    fake_unstick(last(a));
    assert_int_equal(a->rooms, 1);
    fake_wait(&a->world.loop, 100000); /* the visitor is slow: his own deadline runs */
    assert_int_equal(a->failed, 0);
    last(a)->stuck = true;
    while (fetch_write(a->fetch, span_of(block, sizeof block)))
        continue;
    fake_wait(&a->world.loop, 9000);
    assert_int_equal(a->failed, 1);
    assert_int_equal(a->why, ENDING_BACKEND_LATE);
    end(a);
}

static void each_wait_for_the_backend_has_a_deadline(void **state)
{
    (void)state;
    static const struct {
        const char *said; /* after 4000 ms */
        bool restarts;
    } rows[] = {
        {NULL, false}, /* it does not even connect */
        {"", false},
        {"HTTP/1.1 2", false},
        {"HTTP/1.1 100 Go on\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asker *a = begin("GET");
        uint64_t limit = !rows[i].said ? 5000 : rows[i].restarts ? 4000 + 9000 : 9000;
        ask(a);
        if (rows[i].said)
            connect_it(a);
        fake_wait(&a->world.loop, 4000);
        if (rows[i].said && *rows[i].said)
            say(a, rows[i].said);
        fake_wait(&a->world.loop, limit - 4000 - 1);
        assert_int_equal(a->failed, 0);
        fake_wait(&a->world.loop, 1);
        assert_int_equal(a->failed, 1);
        assert_int_equal(a->why, ENDING_BACKEND_LATE);
        end(a);
    }
}

static void a_backend_that_reads_slowly_has_time(void **state)
{
    (void)state;
    static const uint8_t block[200000];
    struct asker *a = begin("POST");
    a->settings.length = sizeof block;
    ask(a);
    connect_it(a);
    last(a)->stuck = true;
    assert_true(fetch_write(a->fetch, span_of(block, sizeof block)));
    fetch_finish(a->fetch);
    for (int i = 0; i < 5; i++) {
        fake_run(&a->world.loop);
        buffer_drop(&last(a)->out, 1000);
        fake_wait(&a->world.loop, 9000);
        assert_int_equal(a->failed, 0);
    }
    fake_wait(&a->world.loop, 9000);
    assert_int_equal(a->why, ENDING_BACKEND_LATE);
    end(a);
}

static void broken_answers_fail(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        int answered;
    } rows[] = {
        {"SSH-2.0\r\n\r\n", 0},
        {"HTTP/1.1 101 Switching\r\n\r\n", 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\n", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asker *a = begin("GET");
        ask(a);
        connect_it(a);
        say(a, rows[i].said);
        assert_int_equal(a->failed, 1);
        assert_int_equal(a->answered, rows[i].answered);
        assert_int_equal(a->why, ENDING_BACKEND_BROKEN);
        assert_true(last(a)->aborted);
        end(a);
    }
}

static void an_end_completes_only_what_ends_with_the_connection(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        bool reset, done;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\n\r\nhel", false, true},
        {"HTTP/1.1 200 OK\r\n\r\nhel", true, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", false, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", false, false},
        {"HTTP/1.1 200 OK\r\n", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asker *a = begin("GET");
        ask(a);
        connect_it(a);
        if (*rows[i].said)
            say(a, rows[i].said);
        if (rows[i].reset)
            stream_abort(&last(a)->stream, ENDING_PEER_RESET);
        else
            fake_eof(last(a));
        fake_run(&a->world.loop);
        assert_int_equal(a->done, rows[i].done);
        assert_int_equal(a->failed, !rows[i].done);
        assert_true(rows[i].done || a->why == ENDING_BACKEND_LOST);
        end(a);
    }
}

static void failures_name_backend_and_cause(void **state)
{
    (void)state;
    struct asker *a = begin("GET");
    ask(a);
    last(a)->stream.detail = "no route to host";
    stream_abort(&last(a)->stream, ENDING_BACKEND_UNREACHABLE);
    fake_run(&a->world.loop);
    assert_int_equal(a->why, ENDING_BACKEND_UNREACHABLE);
    assert_string_equal(a->detail, "http://node: no route to host");
    end(a);
}

static void cancelling_is_silent_at_any_time(void **state)
{
    (void)state;
    for (int step = 0; step < 5; step++) {
        struct asker *a = begin("GET");
        ask(a);
        if (step > 0)
            connect_it(a);
        if (step > 1)
            say(a, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n");
        if (step > 2)
            say(a, "\r\nhel");
        if (step == 4) {
            a->pause_after_each = true;
            say(a, "l");
        }
        int told = a->answered;
        fetch_cancel(a->fetch);
        a->fetch = NULL;
        fake_run(&a->world.loop);
        fake_wait(&a->world.loop, 10000);
        assert_int_equal(a->answered, told);
        assert_int_equal(a->done + a->failed, 0);
        assert_true(last(a)->aborted);
        end(a);
    }
    struct asker *a = begin("GET");
    a->cancel_in_answer = true;
    ask(a);
    connect_it(a);
    say(a, HELLO);
    assert_int_equal(a->answered, 1);
    assert_int_equal(a->got_length + (size_t)a->done + (size_t)a->failed, 0);
    end(a);
}

/* ---- several backends */

static struct asker *begin_several(const char *method, size_t count)
{
    static const char *const names[] = {"http://second", "http://third"};
    struct asker *a = begin(method);
    upstream_unbind(&a->upstream);
    a->upstream.count = count;
    for (size_t i = 1; i < count; i++) {
        a->others[i - 1] = (struct backend){.target = {.timeout = 5000}, .name = names[i - 1], .path = "/other"};
        a->members[i].backend = &a->others[i - 1];
    }
    assert_true(upstream_bind(&a->upstream, &a->world.loop));
    return a;
}

static void refuse(struct asker *a)
{
    stream_abort(&last(a)->stream, ENDING_BACKEND_REFUSED);
    fake_run(&a->world.loop);
}

static uint64_t failures_of(struct asker *a, size_t member)
{
    return a->members[member].state->counts->failures;
}

static uint64_t under_way(struct asker *a, size_t member)
{
    return a->members[member].state->counts->sessions;
}

static void what_could_not_be_sent_goes_on_to_the_next_backend(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        uint64_t length;
    } rows[] = {{"GET", 0}, {"POST", 0}, {"POST", 5}, {"PATCH", HTTP_LENGTH_UNKNOWN}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int late = 0; late < 2; late++) {
            struct asker *a = begin_several(rows[i].method, 2);
            a->settings.length = rows[i].length;
            ask(a);
            assert_int_equal(under_way(a, 0), 1);
            if (late)
                fake_wait(&a->world.loop, 5000);
            else
                refuse(a);
            assert_int_equal(a->made, 2);
            assert_int_equal(a->failed + a->opened, 0);
            assert_int_equal(failures_of(a, 0), 1);
            assert_int_equal(under_way(a, 0), 0);
            assert_int_equal(under_way(a, 1), 1);
            assert_int_equal(a->world.counters->backend_retries, 1);
            connect_it(a);
            assert_int_equal(a->opened, rows[i].length > 0);
            assert_non_null(strstr(heard(last(a)), " /other/x HTTP/1.1\r\n")); /* its own head */
            if (a->opened) {
                fetch_write(a->fetch, SPAN("hello"));
                fetch_finish(a->fetch);
            }
            say(a, HELLO);
            assert_int_equal(a->done, 1);
            assert_int_equal(failures_of(a, 1), 0);
            assert_int_equal(a->members[1].state->counts->opened, 1);
            end(a);
        }
    }
}

/* It was sent, and perhaps done; or answered in part. */
static void only_what_can_be_said_twice_is_said_to_another_backend(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        uint64_t length;
        const char *said;
        bool again;
    } rows[] = {
        {"GET", 0, "", true},
        {"HEAD", 0, "", true},
        {"DELETE", 0, "", true},
        {"PUT", 0, "", true},
        {"POST", 0, "", false},
        {"PATCH", 0, "", false},
        {"PUT", 5, "", false},
        {"POST", 5, "", false},
        {"GET", 0, "H", false},
        {"GET", 0, "HTTP/1.1 100 Go on\r\n\r\n", false},
        {"GET", 0, "HTTP/1.1 200 OK\r\n\r\nhel", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asker *a = begin_several(rows[i].method, 2);
        a->settings.length = rows[i].length;
        ask(a);
        connect_it(a);
        if (*rows[i].said)
            say(a, rows[i].said);
        stream_abort(&last(a)->stream, ENDING_PEER_RESET);
        fake_run(&a->world.loop);
        assert_int_equal(a->made, rows[i].again ? 2 : 1);
        assert_int_equal(a->failed, !rows[i].again);
        assert_int_equal(failures_of(a, 0), 1);
        end(a);
    }
}

static void each_backend_is_asked_once_and_the_last_failure_is_told(void **state)
{
    (void)state;
    struct asker *a = begin_several("GET", 3);
    ask(a);
    refuse(a);
    refuse(a);
    assert_int_equal(a->failed, 0);
    stream_abort(&last(a)->stream, ENDING_BACKEND_UNREACHABLE);
    fake_run(&a->world.loop);
    assert_int_equal(a->made, 3);
    assert_int_equal(a->failed, 1);
    assert_int_equal(a->why, ENDING_BACKEND_UNREACHABLE);
    assert_string_equal(a->detail, "http://third");
    end(a);
}

static void after_its_time_a_request_goes_on_to_nobody(void **state)
{
    (void)state;
    struct asker *a = begin_several("GET", 3);
    a->upstream.settings.timeout = 9000;
    ask(a);
    fake_wait(&a->world.loop, 5000);
    assert_int_equal(a->made, 2);
    fake_wait(&a->world.loop, 4000); /* who is being called has its own time */
    assert_int_equal(a->failed, 0);
    refuse(a);
    assert_int_equal(a->made, 2);
    assert_int_equal(a->failed, 1);
    assert_string_equal(a->detail, "http://second");
    end(a);
}

static void our_own_trouble_is_no_failure_of_a_backend(void **state)
{
    (void)state;
    struct asker *a = begin_several("GET", 2);
    ask(a);
    stream_abort(&last(a)->stream, ENDING_DESCRIPTORS);
    fake_run(&a->world.loop);
    assert_int_equal(a->made, 1);
    assert_int_equal(a->why, ENDING_DESCRIPTORS);
    assert_int_equal(failures_of(a, 0), 0);
    ask(a);
    a->no_memory_for_stream = true;
    refuse(a); /* and there is no memory for the next one */
    assert_int_equal(a->failed, 1);
    assert_int_equal(a->why, ENDING_MEMORY);
    end(a);
}

static void a_gateway_error_is_passed_on_and_proves_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        bool works;
    } rows[] = {
        {"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.1 504 No\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", true},
        {"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asker *a = begin_several("GET", 2);
        struct backend_state *first = a->members[0].state;
        first->failures = 1;
        ask(a);
        connect_it(a);
        say(a, rows[i].said);
        assert_int_equal(a->done, 1);
        assert_int_equal(a->made, 1);
        assert_int_equal(first->counts->failures, 0);
        assert_int_equal(first->failures, !rows[i].works);
        assert_int_equal(first->counts->opened, rows[i].works);
        end(a);
    }
}

static void who_fails_requests_is_left_out_and_comes_back_by_one(void **state)
{
    (void)state;
    struct asker *a = begin_several("GET", 2);
    for (int i = 0; i < 2; i++) {
        ask(a);
        if (a->members[0].state->waiting > 0)
            refuse(a);
        else
            i--;
        connect_it(a);
        say(a, HELLO);
        fake_wait(&a->world.loop, LIMIT_KEPT); /* so that connections are made anew */
        a->members[0].credit = a->members[1].credit = 0;
    }
    assert_int_equal(a->members[0].state->counts->condition, BACKEND_EJECTED);
    a->members[0].state->ejected_until = a->world.loop.now;
    ask(a);
    assert_int_equal(a->members[0].state->waiting, 1);
    assert_false(backend_state_may_be_tried(a->members[0].state)); /* by no second one */
    connect_it(a);
    say(a, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    assert_true(backend_state_may_be_tried(a->members[0].state));
    assert_int_equal(under_way(a, 0), 1); /* until it is complete */
    say(a, "hello");
    assert_int_equal(under_way(a, 0), 0);
    assert_int_equal(a->members[0].state->counts->condition, BACKEND_UP);
    end(a);
}

static void when_all_are_drained_the_visitor_is_told_later(void **state)
{
    (void)state;
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        struct asker *a = begin_several("GET", 2);
        assert_true(backend_set_drained(&a->world.loop, "http://node", true));
        assert_true(backend_set_drained(&a->world.loop, "http://second", true));
        ask(a);
        assert_int_equal(a->made, 0);
        if (cancelled) {
            fetch_cancel(a->fetch);
            a->fetch = NULL;
        }
        fake_run(&a->world.loop);
        assert_int_equal(a->failed, !cancelled);
        assert_true(cancelled || a->why == ENDING_BACKEND_DRAINED);
        end(a);
    }
}

/* A kept connection of a backend that has gone: once more to the same one, then to the next. */
static void a_kept_connection_of_a_lost_backend_leads_to_the_next(void **state)
{
    (void)state;
    struct asker *a = begin_several("GET", 2);
    ask(a);
    connect_it(a);
    say(a, HELLO);
    a->members[0].credit = a->members[1].credit = 0;
    ask(a);
    fake_run(&a->world.loop);
    stream_abort(&last(a)->stream, ENDING_PEER_RESET);
    fake_run(&a->world.loop);
    assert_int_equal(a->made, 2);
    assert_int_equal(failures_of(a, 0), 0);
    refuse(a);
    assert_int_equal(a->made, 3);
    assert_int_equal(failures_of(a, 0), 1);
    connect_it(a);
    say(a, HELLO);
    assert_int_equal(a->done, 1);
    end(a);
}

static void head_has_no_body(void **state)
{
    (void)state;
    struct asker *a = begin("HEAD");
    ask(a);
    connect_it(a);
    say(a, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    assert_int_equal(a->done, 1);
    assert_int_equal(a->length, 5);
    assert_false(last(a)->finished);
    end(a);
}

static void no_stream_is_no_fetch(void **state)
{
    (void)state;
    struct asker *a = begin("GET");
    a->no_memory_for_stream = true;
    ask(a);
    assert_null(a->fetch);
    end(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_leaves_in_one_write_and_the_answer_comes_however_it_is_cut),
        cmocka_unit_test(a_kept_connection_is_used_again_and_goes_in_time),
        cmocka_unit_test(connections_are_kept_per_backend),
        cmocka_unit_test(only_what_can_be_used_again_is_kept),
        cmocka_unit_test(what_a_kept_connection_says_unasked_ends_it),
        cmocka_unit_test(kept_connections_leave_with_the_worker),
        cmocka_unit_test(their_number_is_bounded),
        cmocka_unit_test(a_dead_kept_connection_is_replaced_once),
        cmocka_unit_test(a_kept_connection_that_has_begun_to_answer_is_not_replaced),
        cmocka_unit_test(bodies_are_framed_anew),
        cmocka_unit_test(an_answer_before_the_end_of_the_request_ends_the_connection),
        cmocka_unit_test(pauses_hold_the_answer_back),
        cmocka_unit_test(a_connection_that_was_paused_with_the_last_piece_is_used_again),
        cmocka_unit_test(a_backend_that_does_not_read_makes_the_writer_wait),
        cmocka_unit_test(each_wait_for_the_backend_has_a_deadline),
        cmocka_unit_test(a_backend_that_reads_slowly_has_time),
        cmocka_unit_test(broken_answers_fail),
        cmocka_unit_test(an_end_completes_only_what_ends_with_the_connection),
        cmocka_unit_test(failures_name_backend_and_cause),
        cmocka_unit_test(cancelling_is_silent_at_any_time),
        cmocka_unit_test(what_could_not_be_sent_goes_on_to_the_next_backend),
        cmocka_unit_test(only_what_can_be_said_twice_is_said_to_another_backend),
        cmocka_unit_test(each_backend_is_asked_once_and_the_last_failure_is_told),
        cmocka_unit_test(after_its_time_a_request_goes_on_to_nobody),
        cmocka_unit_test(our_own_trouble_is_no_failure_of_a_backend),
        cmocka_unit_test(a_gateway_error_is_passed_on_and_proves_nothing),
        cmocka_unit_test(who_fails_requests_is_left_out_and_comes_back_by_one),
        cmocka_unit_test(when_all_are_drained_the_visitor_is_told_later),
        cmocka_unit_test(a_kept_connection_of_a_lost_backend_leads_to_the_next),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(no_stream_is_no_fetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
