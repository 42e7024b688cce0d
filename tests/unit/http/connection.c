#include "test.h"

#include "world.h"

#include "connection.h"

/* A service with one behaviour per path; what it kept of the last exchange is in `kept`. */
struct kept {
    struct service service;
    struct exchange *exchange;
    struct stream *stream;
    unsigned rooms;
    unsigned ends;
    uint64_t left; /* of "/long" */
};

enum { LONG = 1000000 };

static void on_room(void *user)
{
    struct kept *kept = user;
    static const uint8_t piece[10000];
    kept->rooms++;
    while (kept->left > 0) {
        bool room = exchange_write(kept->exchange, span_of(piece, sizeof piece));
        kept->left -= sizeof piece;
        if (!room)
            break;
    }
    if (kept->left == 0)
        exchange_end(kept->exchange);
}

static void on_end(void *user)
{
    struct kept *kept = user;
    kept->exchange = NULL;
    kept->ends++;
}

static const struct exchange_user exchange_user = {.on_room = on_room, .on_end = on_end};

static size_t nobody_bytes(void *user, struct span in)
{
    struct kept *kept = user;
    (void)kept;
    return in.len;
}
static void nobody(void *user)
{
    (void)user;
}
static void nobody_end(void *user, enum ending why)
{
    (void)user;
    (void)why;
}
static const struct stream_user session = {nobody, nobody_bytes, nobody, nobody, nobody_end};

static void serve(const struct service *service, struct exchange *x)
{
    struct kept *kept = CONTAINER_OF((void *)(uintptr_t)service, struct kept, service);
    struct span path = exchange_request(x)->path;
    const struct http_answer ok = {.status = 200};
    if (span_equal(path, SPAN("/later"))) {
        kept->exchange = x;
        exchange_watch(x, &exchange_user, kept);
    } else if (span_equal(path, SPAN("/long"))) {
        kept->exchange = x;
        kept->left = LONG;
        exchange_watch(x, &exchange_user, kept);
        exchange_begin(x, &ok, LONG);
        on_room(kept);
    } else if (span_equal(path, SPAN("/chunks"))) {
        exchange_begin(x, &ok, HTTP_LENGTH_UNKNOWN);
        exchange_write(x, SPAN("hello"));
        exchange_write(x, SPAN(""));
        exchange_write(x, SPAN(" world"));
        exchange_end(x);
    } else if (span_equal(path, SPAN("/missing"))) {
        exchange_fail(x, ENDING_NOT_FOUND, "detail for the log");
    } else if (span_equal(path, SPAN("/method"))) {
        exchange_fail_method(x, "BREW");
    } else if (span_equal(path, SPAN("/websocket"))) {
        exchange_fail(x, ENDING_UPGRADE_REQUIRED, NULL);
    } else if (span_equal(path, SPAN("/broken"))) {
        exchange_begin(x, &ok, 10);
        exchange_write(x, SPAN("hello"));
        exchange_fail(x, ENDING_FILE_UNREADABLE, NULL);
    } else if (span_equal(path, SPAN("/none"))) {
        exchange_answer(x, &(struct http_answer){.status = 204}, SPAN(""));
    } else if (span_equal(path, SPAN("/upgrade"))) {
        const struct http_header field = {SPAN("Upgrade"), SPAN("websocket")};
        kept->stream = exchange_upgrade(x, &(struct http_answer){101, &field, 1});
        stream_attach(kept->stream, &session, kept);
    } else {
        exchange_answer(x, &ok, path);
    }
}

static const struct service_ops ops = {.type = "test", .serve = serve};

struct fixture {
    struct world world;
    struct kept kept;
};

static struct fixture *begin(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->kept.service.ops = &ops;
    world_init(&f->world, &f->kept.service);
    world_open(&f->world);
    return f;
}

static void end(struct fixture *f)
{
    world_close(&f->world);
    world_deinit(&f->world);
    free(f);
}

#define GET(path)      "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_LAST(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

static uint64_t endings(const struct fixture *f, enum ending why)
{
    return f->world.counters.endings[why];
}

static void an_answer_has_date_server_and_length_and_leaves_in_one_write(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, GET("/x"));
    assert_true(world_said(&f->world, "HTTP/1.1 200 OK\r\n"));
    assert_true(world_said(&f->world, "Server: Crossgate\r\n"));
    assert_true(world_said(&f->world, " GMT\r\n"));
    assert_true(world_said(&f->world, "Content-Length: 2\r\n"));
    assert_true(world_said(&f->world, "\r\n\r\n/x"));
    assert_false(world_said(&f->world, "Connection:"));
    assert_false(world_said(&f->world, "Strict-Transport-Security"));
    assert_int_equal(f->world.fake->writes, 1);
    assert_int_equal(f->world.counters.requests, 1);
    end(f);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    static const char text[] = GET("/1") GET("/later") GET("/3") "\r\n" GET("/4");
    for (size_t step = 0; step < sizeof text; step++) {
        struct fixture *f = begin();
        world_feed(&f->world, text, sizeof text - 1, step);
        assert_int_equal(world_count(&f->world, "HTTP/1.1 200 OK"), 1);
        assert_non_null(f->kept.exchange);
        exchange_answer(f->kept.exchange, &(struct http_answer){.status = 202}, SPAN("/2"));
        world_turn(&f->world);
        assert_int_equal(f->kept.ends, 1);
        assert_int_equal(world_count(&f->world, "HTTP/1.1 200 OK"), 3);
        const char *out = (const char *)f->world.fake->out;
        assert_true(strstr(out, "/1HTTP") < strstr(out, "/2HTTP") && strstr(out, "/2HTTP") < strstr(out, "/3HTTP"));
        assert_string_equal(out + f->world.fake->out_length - 2, "/4");
        assert_false(world_closed(&f->world));
        end(f);
    }
}

static void nothing_is_read_after_the_last_request(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, GET_LAST("/1") GET("/2"));
    assert_int_equal(world_count(&f->world, "HTTP/1.1 "), 1);
    assert_true(f->world.fake->finished);
    assert_int_equal(endings(f, ENDING_DONE), 1);
    end(f);
}

static void head_gets_the_head_only(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, "HEAD /body HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(world_said(&f->world, "Content-Length: 5\r\n"));
    assert_memory_equal(f->world.fake->out + f->world.fake->out_length - 4, "\r\n\r\n", 4);
    world_clear_output(&f->world);
    world_say(&f->world, "HEAD /chunks HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_memory_equal(f->world.fake->out + f->world.fake->out_length - 4, "\r\n\r\n", 4);
    assert_false(world_said(&f->world, "hello"));
    world_clear_output(&f->world);
    world_say(&f->world, "HEAD /missing HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(world_status(&f->world), 404);
    assert_memory_equal(f->world.fake->out + f->world.fake->out_length - 4, "\r\n\r\n", 4);
    assert_false(world_closed(&f->world));
    end(f);
}

static void an_unknown_length_is_chunked_and_for_http_1_0_ends_with_the_connection(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, GET("/chunks"));
    assert_true(world_said(&f->world, "Transfer-Encoding: chunked\r\n"));
    assert_true(world_said(&f->world, "\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"));
    world_clear_output(&f->world);
    world_say(&f->world, "GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(world_said(&f->world, "Connection: close\r\n"));
    assert_true(world_said(&f->world, "\r\n\r\nhello world"));
    assert_true(f->world.fake->finished);
    end(f);
}

static void no_content_has_no_length(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, GET("/none"));
    assert_int_equal(world_status(&f->world), 204);
    assert_false(world_said(&f->world, "Content-Length"));
    end(f);
}

static void failures_say_why_in_the_form_that_is_wanted_and_echo_nothing(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, GET("/missing"));
    assert_true(world_said(&f->world, "text/plain"));
    assert_true(world_said(&f->world, "404 nothing is served at this path\n"));
    assert_false(world_said(&f->world, "detail"));
    world_say(&f->world, "GET /missing?<script> HTTP/1.1\r\nHost: a\r\nAccept: text/html,*/*\r\n\r\n");
    assert_true(world_said(&f->world, "<h1>404 Not Found</h1>"));
    assert_false(world_said(&f->world, "script"));
    assert_int_equal(endings(f, ENDING_NOT_FOUND), 2);
    world_say(&f->world, GET("/method"));
    assert_true(world_said(&f->world, "Allow: BREW\r\n"));
    world_say(&f->world, GET("/websocket"));
    assert_true(world_said(&f->world, "Upgrade: websocket\r\n"));
    assert_true(world_said(&f->world, "Connection: Upgrade\r\n"));
    assert_false(world_closed(&f->world));
    end(f);
}

static void an_answer_that_cannot_be_completed_aborts(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, GET("/broken") GET("/next"));
    assert_true(f->world.fake->aborted);
    assert_int_equal(f->world.fake->why, ENDING_FILE_UNREADABLE);
    assert_int_equal(world_count(&f->world, "HTTP/1.1 "), 1);
    assert_int_equal(endings(f, ENDING_FILE_UNREADABLE), 1);
    end(f);
}

static void a_long_answer_waits_for_room(void **state)
{
    (void)state;
    struct fixture *f = begin();
    f->world.fake->clogged = true;
    world_say(&f->world, GET("/long") GET("/next"));
    assert_true(f->world.fake->queued > STREAM_HIGH && f->world.fake->queued < STREAM_HIGH + 20000);
    unsigned rounds = 0;
    while (!world_said(&f->world, "/next") && rounds++ < 10)
        world_drain(&f->world);
    assert_true(world_said(&f->world, "/next"));
    assert_int_equal(f->kept.ends, 1);
    assert_int_equal(f->kept.left, 0);
    assert_int_equal(world_count(&f->world, "HTTP/1.1 200"), 1); /* zeroes follow the first head */
    end(f);
}

static void the_next_request_waits_until_the_answer_before_it_has_room(void **state)
{
    (void)state;
    struct fixture *f = begin();
    f->world.fake->clogged = true;
    static char text[200000];
    size_t used = 0;
    while (used + sizeof GET("/x") < sizeof text) {
        memcpy(text + used, GET("/x"), sizeof GET("/x"));
        used += sizeof GET("/x") - 1;
    }
    world_feed(&f->world, text, used, 0);
    for (int i = 0; i < 100; i++)
        world_wait(&f->world, 1);
    assert_true(f->world.fake->queued > STREAM_HIGH && f->world.fake->queued < STREAM_HIGH + 1000);
    assert_true(f->world.fake->in_length > 0);
    while (f->world.fake->in_length > 0) {
        world_drain(&f->world);
        world_wait(&f->world, 1);
    }
    assert_int_equal(f->world.counters.requests, used / (sizeof GET("/x") - 1));
    end(f);
}

static void a_burst_of_requests_lets_others_have_their_turn(void **state)
{
    (void)state;
    static char text[256 * sizeof GET("/x")];
    for (size_t i = 0; i < 256; i++)
        memcpy(text + i * (sizeof GET("/x") - 1), GET("/x"), sizeof GET("/x"));
    for (size_t step = 0; step < 3; step++) {
        struct fixture *f = begin();
        world_feed(&f->world, text, strlen(text), step);
        for (unsigned turns = 1; turns <= 4; turns++) {
            assert_true(f->world.counters.requests > 60 * turns && f->world.counters.requests <= 64 * turns);
            world_wait(&f->world, 1);
        }
        assert_int_equal(f->world.counters.requests, 256);
        assert_false(world_closed(&f->world));
        end(f);
    }
}

static void leaving_ends_a_connection_that_draws_breath(void **state)
{
    (void)state;
    struct fixture *f = begin();
    for (int i = 0; i < 64; i++)
        world_say(&f->world, GET("/x"));
    f->world.loop.leaving = true;
    assert_false(world_closed(&f->world));
    world_wait(&f->world, 1);
    assert_true(f->world.fake->finished);
    assert_int_equal(endings(f, ENDING_GOING_AWAY), 1);
    end(f);
}

static void a_service_that_was_not_told_to_wait_is_not_told_of_room(void **state)
{
    (void)state;
    struct fixture *f = begin();
    f->world.fake->clogged = true;
    world_say(&f->world, GET("/later"));
    f->world.fake->queued = STREAM_HIGH;
    exchange_begin(f->kept.exchange, &(struct http_answer){.status = 200}, 5);
    world_drain(&f->world);
    assert_int_equal(f->kept.rooms, 0);
    f->world.fake->queued = STREAM_HIGH;
    assert_false(exchange_write(f->kept.exchange, SPAN("hel")));
    f->kept.left = 10000;
    f->kept.exchange->length = 10003;
    world_drain(&f->world);
    assert_int_equal(f->kept.rooms, 1);
    assert_int_equal(f->kept.ends, 1);
    end(f);
}

static void a_visitor_that_leaves_ends_its_exchange_once(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, GET("/later"));
    assert_non_null(f->kept.exchange);
    stream_abort(&f->world.fake->stream, ENDING_PEER_RESET);
    world_turn(&f->world);
    assert_int_equal(f->kept.ends, 1);
    assert_null(f->kept.exchange);
    assert_int_equal(endings(f, ENDING_PEER_RESET), 1);
    end(f);
}

static void a_visitor_that_has_said_its_last_word_still_gets_its_answer(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, GET("/later"));
    world_eof(&f->world);
    assert_false(world_closed(&f->world));
    exchange_answer(f->kept.exchange, &(struct http_answer){.status = 200}, SPAN("late"));
    world_turn(&f->world);
    assert_true(world_said(&f->world, "late"));
    assert_true(f->world.fake->finished);
    end(f);
}

static void an_end_in_the_midst_of_a_request_is_no_request(void **state)
{
    (void)state;
    static const char *const parts[] = {"", "GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel"};
    for (size_t i = 0; i < 3; i++) {
        struct fixture *f = begin();
        world_say(&f->world, parts[i]);
        world_eof(&f->world);
        assert_true(f->world.fake->finished);
        assert_int_equal(f->world.fake->out_length, 0);
        assert_int_equal(endings(f, ENDING_PEER_LEFT), 1);
        end(f);
    }
}

static void bodies_nobody_wants_are_read_up_to_the_limit(void **state)
{
    (void)state;
    static char text[2 * HTTP_BODY_DRAIN_MAX];
    struct fixture *f = begin();
    int used =
        snprintf(text, sizeof text, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", HTTP_BODY_DRAIN_MAX);
    memset(text + used, 'x', HTTP_BODY_DRAIN_MAX);
    memcpy(text + used + HTTP_BODY_DRAIN_MAX, GET("/next"), sizeof GET("/next"));
    world_feed(&f->world, text, (size_t)used + HTTP_BODY_DRAIN_MAX + sizeof GET("/next") - 1, 5000);
    assert_true(world_said(&f->world, "/next"));
    world_clear_output(&f->world);
    world_say(&f->world, "POST /q HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < HTTP_BODY_DRAIN_MAX && !world_closed(&f->world); i += 10)
        world_say(&f->world, "5\r\nhello\r\n");
    assert_int_equal(world_status(&f->world), 200);
    assert_true(world_said(&f->world, "Connection: close"));
    assert_true(f->world.fake->finished);
    end(f);
}

static void an_idle_connection_ends_quietly(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, GET("/"));
    world_clear_output(&f->world);
    world_wait(&f->world, 59999);
    assert_false(world_closed(&f->world));
    world_wait(&f->world, 1);
    assert_true(f->world.fake->finished);
    assert_int_equal(f->world.fake->out_length, 0);
    assert_int_equal(endings(f, ENDING_IDLE), 1);
    end(f);
}

static void a_head_has_one_deadline_that_no_byte_restarts(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_wait(&f->world, 4000);
    world_say(&f->world, "GET / HTTP/1.1\r\n");
    world_wait(&f->world, 4000);
    world_say(&f->world, "Host: a\r\n");
    world_wait(&f->world, 1999);
    assert_false(world_closed(&f->world));
    world_wait(&f->world, 1);
    assert_int_equal(world_status(&f->world), 408);
    assert_true(f->world.fake->finished);
    assert_int_equal(endings(f, ENDING_HEAD_LATE), 1);
    end(f);
}

static void who_says_nothing_gets_nothing(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, "\r\n");
    world_wait(&f->world, 10000);
    assert_true(f->world.fake->finished);
    assert_int_equal(f->world.fake->out_length, 0);
    end(f);
}

static void a_body_must_make_progress(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        world_wait(&f->world, 19999);
        assert_false(world_closed(&f->world));
        world_say(&f->world, kibibyte());
    }
    world_wait(&f->world, 19999);
    world_say(&f->world, "x"); /* a byte now and then is no progress */
    assert_false(world_closed(&f->world));
    world_wait(&f->world, 1);
    assert_int_equal(world_status(&f->world), 408);
    assert_int_equal(endings(f, ENDING_BODY_LATE), 1);
    end(f);
}

static void a_visitor_that_does_not_read_is_dropped_and_one_that_reads_slowly_is_not(void **state)
{
    (void)state;
    struct fixture *f = begin();
    f->world.fake->clogged = true;
    world_say(&f->world, GET("/long"));
    for (int i = 0; i < 5; i++) {
        f->world.fake->queued -= 1;
        world_wait(&f->world, 30000);
        assert_false(world_closed(&f->world));
    }
    world_wait(&f->world, 30000);
    assert_true(f->world.fake->aborted);
    assert_int_equal(f->world.fake->why, ENDING_WRITE_STALLED);
    assert_int_equal(f->kept.ends, 1);
    end(f);
}

static void last_words_that_nobody_reads_are_dropped(void **state)
{
    (void)state;
    struct fixture *f = begin();
    f->world.fake->clogged = true;
    world_say(&f->world, GET_LAST("/x"));
    assert_true(f->world.fake->finished && !f->world.fake->ended);
    world_wait(&f->world, 30000);
    assert_true(f->world.fake->aborted);
    assert_int_equal(f->world.fake->why, ENDING_WRITE_STALLED);
    end(f);
}

static void a_service_that_takes_its_time_is_waited_for(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, GET("/later"));
    for (int i = 0; i < 10; i++)
        world_wait(&f->world, 30000);
    assert_false(world_closed(&f->world));
    exchange_fail(f->kept.exchange, ENDING_BACKEND_LATE, NULL);
    world_turn(&f->world);
    assert_int_equal(world_status(&f->world), 504);
    assert_false(world_closed(&f->world));
    end(f);
}

static void leaving_ends_the_idle_at_once_and_the_busy_with_their_answer(void **state)
{
    (void)state;
    for (int busy = 0; busy < 2; busy++) {
        struct fixture *f = begin();
        world_say(&f->world, busy ? GET("/later") : GET("/"));
        struct guest *guest = CONTAINER_OF(f->world.loop.guests.next, struct guest, link);
        f->world.loop.leaving = true;
        guest->leave(guest);
        world_turn(&f->world);
        assert_true(f->world.fake->finished == !busy);
        assert_int_equal(endings(f, ENDING_GOING_AWAY), !busy);
        if (busy) {
            exchange_answer(f->kept.exchange, &(struct http_answer){.status = 200}, SPAN(""));
            world_turn(&f->world);
            assert_true(world_said(&f->world, "Connection: close"));
            assert_true(f->world.fake->finished);
        }
        assert_true(list_is_empty(&f->world.loop.guests));
        end(f);
    }
}

static void a_connection_is_a_guest_until_its_last_words_are_sent(void **state)
{
    (void)state;
    struct fixture *f = begin();
    f->world.fake->clogged = true;
    world_say(&f->world, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_true(f->world.fake->finished && !f->world.fake->ended);
    assert_false(list_is_empty(&f->world.loop.guests));
    struct guest *guest = CONTAINER_OF(f->world.loop.guests.next, struct guest, link);
    f->world.loop.leaving = true;
    guest->leave(guest);
    world_turn(&f->world);
    assert_false(list_is_empty(&f->world.loop.guests));
    assert_int_equal(endings(f, ENDING_DONE), 1);
    assert_int_equal(endings(f, ENDING_GOING_AWAY), 0);
    world_drain(&f->world);
    assert_true(list_is_empty(&f->world.loop.guests));
    end(f);
}

static void a_superseded_plan_answers_with_close(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, GET("/"));
    f->world.superseded = true;
    world_clear_output(&f->world);
    world_say(&f->world, GET("/"));
    assert_true(world_said(&f->world, "Connection: close"));
    assert_true(f->world.fake->finished);
    end(f);
}

static void hsts_is_sent_over_tls_only(void **state)
{
    (void)state;
    for (int secure = 0; secure < 2; secure++) {
        struct fixture *f = begin();
        f->world.site.hsts = true;
        f->world.site.hsts_max_age = UINT32_MAX;
        f->world.site.secure = secure;
        world_say(&f->world, GET("/missing"));
        assert_true(world_said(&f->world, "Strict-Transport-Security: max-age=4294967295\r\n") == secure);
        end(f);
    }
}

static void an_upgrade_hands_over_the_stream_with_the_bytes_that_follow(void **state)
{
    (void)state;
    static const char text[] = GET("/upgrade") "\x81\x85";
    for (size_t step = 0; step < sizeof text; step++) {
        struct fixture *f = begin();
        world_feed(&f->world, text, sizeof text - 1, step);
        assert_int_equal(world_status(&f->world), 101);
        assert_true(world_said(&f->world, "Connection: Upgrade\r\n"));
        assert_false(world_said(&f->world, "Content-Length"));
        assert_ptr_equal(f->kept.stream, &f->world.fake->stream);
        assert_true(f->world.fake->blocked);
        assert_int_equal(f->world.fake->in_length, 2);
        assert_memory_equal(f->world.fake->in, "\x81\x85", 2);
        assert_int_equal(f->kept.ends, 0);
        assert_true(list_is_empty(&f->world.loop.guests));
        assert_int_equal(f->world.owner.count, 1);
        stream_pause(f->kept.stream, false);
        world_turn(&f->world);
        assert_int_equal(f->world.fake->in_length, 0);
        end(f);
    }
}

static void an_idle_connection_is_its_struct(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, GET("/"));
    struct http_connection *c = f->world.fake->stream.user;
    assert_null(c->exchange);
    assert_int_equal(f->world.loop.pool.lent, 0);
    assert_true(sizeof *c <= 256);
    print_message("http_connection: %zu bytes, exchange: %zu bytes\n", sizeof *c, sizeof(struct exchange));
    end(f);
}

static void a_stream_that_fails_before_it_opens_ends_the_connection(void **state)
{
    (void)state;
    struct fixture *f = calloc(1, sizeof *f);
    f->kept.service.ops = &ops;
    world_init(&f->world, &f->kept.service);
    f->world.fake = fake_new(&f->world.loop);
    assert_non_null(http_connection_new(&f->world.loop, &f->world.fake->stream, &f->world.site, &f->world.peer));
    assert_int_equal(f->world.owner.count, 2);
    stream_abort(&f->world.fake->stream, ENDING_HANDSHAKE_FAILED);
    world_turn(&f->world);
    assert_int_equal(endings(f, ENDING_HANDSHAKE_FAILED), 1);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_date_server_and_length_and_leaves_in_one_write),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(nothing_is_read_after_the_last_request),
        cmocka_unit_test(head_gets_the_head_only),
        cmocka_unit_test(an_unknown_length_is_chunked_and_for_http_1_0_ends_with_the_connection),
        cmocka_unit_test(no_content_has_no_length),
        cmocka_unit_test(failures_say_why_in_the_form_that_is_wanted_and_echo_nothing),
        cmocka_unit_test(an_answer_that_cannot_be_completed_aborts),
        cmocka_unit_test(a_long_answer_waits_for_room),
        cmocka_unit_test(the_next_request_waits_until_the_answer_before_it_has_room),
        cmocka_unit_test(a_burst_of_requests_lets_others_have_their_turn),
        cmocka_unit_test(leaving_ends_a_connection_that_draws_breath),
        cmocka_unit_test(a_service_that_was_not_told_to_wait_is_not_told_of_room),
        cmocka_unit_test(a_visitor_that_leaves_ends_its_exchange_once),
        cmocka_unit_test(a_visitor_that_has_said_its_last_word_still_gets_its_answer),
        cmocka_unit_test(an_end_in_the_midst_of_a_request_is_no_request),
        cmocka_unit_test(bodies_nobody_wants_are_read_up_to_the_limit),
        cmocka_unit_test(an_idle_connection_ends_quietly),
        cmocka_unit_test(a_head_has_one_deadline_that_no_byte_restarts),
        cmocka_unit_test(who_says_nothing_gets_nothing),
        cmocka_unit_test(a_body_must_make_progress),
        cmocka_unit_test(a_visitor_that_does_not_read_is_dropped_and_one_that_reads_slowly_is_not),
        cmocka_unit_test(last_words_that_nobody_reads_are_dropped),
        cmocka_unit_test(a_service_that_takes_its_time_is_waited_for),
        cmocka_unit_test(leaving_ends_the_idle_at_once_and_the_busy_with_their_answer),
        cmocka_unit_test(a_connection_is_a_guest_until_its_last_words_are_sent),
        cmocka_unit_test(a_superseded_plan_answers_with_close),
        cmocka_unit_test(hsts_is_sent_over_tls_only),
        cmocka_unit_test(an_upgrade_hands_over_the_stream_with_the_bytes_that_follow),
        cmocka_unit_test(an_idle_connection_is_its_struct),
        cmocka_unit_test(a_stream_that_fails_before_it_opens_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
