/* Request bodies for a service that takes them. */
#include "test.h"

#include "world.h"

#include "connection.h"

/* Takes the body on all paths but "/drop"; wants it at once on "/now", when the test says so on others. */
struct taker {
    struct service service;
    struct exchange *exchange;
    uint64_t length;
    char got[8192];
    size_t got_length;
    unsigned pieces;
    unsigned lasts;
    unsigned ends;
    bool pause_after_each;
    bool answers_last;
};

static const struct http_answer ok = {.status = 200};

static void on_room(void *user)
{
    (void)user;
}

static void on_body(void *user, struct span bytes, bool last)
{
    struct taker *t = user;
    assert_true(t->got_length + bytes.len <= sizeof t->got);
    assert_int_equal(t->lasts, 0);
    memcpy(t->got + t->got_length, bytes.at, bytes.len);
    t->got_length += bytes.len;
    t->pieces++;
    t->lasts += last;
    if (t->pause_after_each)
        exchange_receive(t->exchange, false);
    if (last && t->answers_last)
        exchange_answer(t->exchange, &ok, span_of(t->got, t->got_length));
}

static void on_end(void *user)
{
    struct taker *t = user;
    t->exchange = NULL;
    t->ends++;
}

static const struct exchange_user exchange_user = {on_room, on_body, on_end};

static bool takes_body(const struct service *service, struct exchange *x)
{
    (void)service;
    return !span_equal(exchange_request(x)->path, SPAN("/drop"));
}

static void serve(const struct service *service, struct exchange *x)
{
    struct taker *t = CONTAINER_OF((void *)(uintptr_t)service, struct taker, service);
    t->length = exchange_body_length(x);
    if (t->length == 0 || !takes_body(service, x)) {
        exchange_answer(x, &ok, exchange_request(x)->path);
        return;
    }
    t->exchange = x;
    exchange_watch(x, &exchange_user, t);
    if (span_equal(exchange_request(x)->path, SPAN("/now")))
        exchange_receive(x, true);
}

static const struct service_ops ops = {"test", serve, takes_body};

struct fixture {
    struct world world;
    struct taker taker;
};

static struct fixture *begin(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->taker.service.ops = &ops;
    world_init(&f->world, &f->taker.service);
    world_open(&f->world);
    return f;
}

static void end(struct fixture *f)
{
    world_close(&f->world);
    world_deinit(&f->world);
    free(f);
}

static void want(struct fixture *f, bool wanted)
{
    exchange_receive(f->taker.exchange, wanted);
    world_turn(&f->world);
}

#define HOST         " HTTP/1.1\r\nHost: a\r\n"
#define LENGTH(path) "POST " path HOST "Content-Length: 11\r\n\r\nhello world"
#define CHUNKS(path)                                                                                                   \
    "POST " path HOST "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nA: b\r\n\r\n"
#define NEXT "GET /next" HOST "\r\n"

static void the_body_comes_in_pieces_and_the_next_request_stays_in_the_stream(void **state)
{
    (void)state;
    static const char *const texts[] = {LENGTH("/now") NEXT, CHUNKS("/now") NEXT};
    for (size_t i = 0; i < 2; i++) {
        for (size_t step = 0; step < strlen(texts[i]); step++) {
            struct fixture *f = begin();
            world_feed(&f->world, texts[i], strlen(texts[i]), step);
            assert_true(f->taker.length == (i == 0 ? 11 : HTTP_LENGTH_UNKNOWN));
            assert_int_equal(f->taker.lasts, 1);
            assert_int_equal(f->taker.got_length, 11);
            assert_memory_equal(f->taker.got, "hello world", 11);
            assert_int_equal(f->world.fake->out_length, 0);
            exchange_answer(f->taker.exchange, &ok, SPAN("done"));
            world_turn(&f->world);
            assert_int_equal(f->taker.ends, 1);
            assert_int_equal(world_count(&f->world, "HTTP/1.1 200 OK"), 2);
            assert_true(world_said(&f->world, "/next"));
            assert_false(world_said(&f->world, "Connection: close"));
            assert_false(world_closed(&f->world));
            end(f);
        }
    }
}

static void an_answer_within_the_last_piece_keeps_the_connection(void **state)
{
    (void)state;
    struct fixture *f = begin();
    f->taker.answers_last = true;
    world_say(&f->world, CHUNKS("/now") NEXT);
    assert_int_equal(world_count(&f->world, "HTTP/1.1 200 OK"), 2);
    assert_true(world_said(&f->world, "hello world"));
    assert_false(world_closed(&f->world));
    end(f);
}

static void bytes_that_are_not_wanted_wait_with_the_visitor(void **state)
{
    (void)state;
    struct fixture *f = begin();
    f->taker.pause_after_each = true;
    world_say(&f->world, CHUNKS("/later") NEXT);
    assert_int_equal(f->taker.pieces, 0);
    size_t waiting = f->world.fake->in_length;
    for (unsigned pieces = 1; pieces <= 3; pieces++) {
        want(f, true);
        assert_int_equal(f->taker.pieces, pieces);
        assert_true(f->world.fake->in_length < waiting);
        waiting = f->world.fake->in_length;
        assert_true(f->world.fake->blocked);
    }
    want(f, true);
    assert_int_equal(f->taker.lasts, 1);
    want(f, true); /* complete: of no effect */
    assert_memory_equal(f->taker.got, "hello world", 11);
    exchange_answer(f->taker.exchange, &ok, SPAN(""));
    world_turn(&f->world);
    assert_int_equal(world_count(&f->world, "HTTP/1.1 200 OK"), 2);
    end(f);
}

static void services_that_take_no_body_have_it_dropped_before_they_are_asked(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, "POST /drop" HOST "Content-Length: 5\r\n\r\nhel");
    assert_int_equal(f->world.fake->out_length, 0);
    world_say(&f->world, "lo" NEXT);
    assert_int_equal(world_count(&f->world, "HTTP/1.1 200 OK"), 2);
    assert_int_equal(f->taker.pieces, 0);
    end(f);
}

static void who_asks_is_told_to_go_on_once_and_only_when_the_body_is_wanted(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, "POST /later" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_int_equal(f->world.fake->out_length, 0);
    want(f, true);
    assert_string_equal((const char *)f->world.fake->out, "HTTP/1.1 100 Continue\r\n\r\n");
    want(f, false);
    want(f, true);
    assert_int_equal(world_count(&f->world, "100 Continue"), 1);
    world_say(&f->world, "hello");
    assert_int_equal(f->taker.lasts, 1);
    exchange_answer(f->taker.exchange, &ok, SPAN(""));
    world_turn(&f->world);
    assert_false(world_said(&f->world, "Connection: close"));
    world_clear_output(&f->world);
    world_say(&f->world, "POST /drop" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_int_equal(world_status(&f->world), 200);
    assert_true(world_said(&f->world, "Connection: close"));
    end(f);
}

static void who_asks_and_does_not_wait_is_not_told(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, "POST /later" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
    want(f, true);
    assert_int_equal(f->world.fake->out_length, 0);
    assert_int_equal(f->taker.lasts, 1);
    end(f);
}

static void nobody_is_told_to_go_on_within_an_answer(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, "POST /later" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    exchange_begin(f->taker.exchange, &ok, 4);
    want(f, true);
    assert_false(world_said(&f->world, "100 Continue"));
    end(f);
}

static void a_refusal_instead_of_100_ends_the_connection(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, "POST /later" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    exchange_fail(f->taker.exchange, ENDING_BACKEND_REFUSED, NULL);
    world_turn(&f->world);
    assert_int_equal(world_status(&f->world), 503);
    assert_true(world_said(&f->world, "Connection: close"));
    assert_true(f->world.fake->finished);
    assert_int_equal(f->taker.ends, 1);
    end(f);
}

static void an_answer_before_the_end_of_the_body_is_the_last(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, "POST /now" HOST "Content-Length: 50\r\n\r\nhello");
    exchange_begin(f->taker.exchange, &ok, 4);
    assert_true(world_said(&f->world, "Connection: close"));
    world_say(&f->world, " world");
    assert_int_equal(f->taker.got_length, 11); /* both ways at once */
    exchange_write(f->taker.exchange, SPAN("done"));
    exchange_end(f->taker.exchange);
    world_turn(&f->world);
    world_say(&f->world, NEXT);
    assert_true(f->world.fake->finished);
    assert_int_equal(world_count(&f->world, "HTTP/1.1 "), 1);
    assert_int_equal(f->taker.ends, 1);
    end(f);
}

static void a_broken_body_is_refused_or_ends_the_answer(void **state)
{
    (void)state;
    for (int begun = 0; begun < 2; begun++) {
        struct fixture *f = begin();
        world_say(&f->world, "POST /now" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        if (begun)
            exchange_begin(f->taker.exchange, &ok, HTTP_LENGTH_UNKNOWN);
        world_say(&f->world, "5 \r\nworld\r\n0\r\n\r\n" NEXT);
        assert_int_equal(world_status(&f->world), begun ? 200 : 400);
        assert_true(begun ? f->world.fake->aborted : f->world.fake->finished);
        assert_int_equal(f->taker.lasts, 0);
        assert_int_equal(f->taker.ends, 1);
        assert_int_equal(world_count(&f->world, "HTTP/1.1 "), 1);
        end(f);
    }
}

static void a_visitor_that_ends_within_its_body_leaves(void **state)
{
    (void)state;
    for (int wanted = 0; wanted < 2; wanted++) {
        struct fixture *f = begin();
        world_say(&f->world, wanted ? "POST /now" HOST "Content-Length: 50\r\n\r\nhello"
                                    : "POST /later" HOST "Content-Length: 50\r\n\r\n");
        world_eof(&f->world);
        assert_int_equal(f->taker.ends, 1);
        assert_int_equal(f->taker.lasts, 0);
        assert_int_equal(f->world.fake->out_length, 0);
        assert_true(f->world.fake->finished);
        assert_int_equal(f->world.counters.endings[ENDING_PEER_LEFT], 1);
        end(f);
    }
}

static void a_body_that_is_wanted_must_make_progress(void **state)
{
    (void)state;
    for (int begun = 0; begun < 2; begun++) {
        struct fixture *f = begin();
        world_say(&f->world, "POST /now" HOST "Content-Length: 10000\r\n\r\n");
        for (int i = 0; i < 3; i++) {
            world_wait(&f->world, 19999);
            world_say(&f->world, kibibyte());
        }
        if (begun)
            exchange_begin(f->taker.exchange, &ok, 5);
        world_wait(&f->world, 19999);
        world_say(&f->world, "x"); /* a byte now and then is no progress */
        assert_int_equal(f->world.counters.endings[ENDING_BODY_LATE], 0);
        world_wait(&f->world, 1);
        assert_true(begun ? f->world.fake->aborted : world_status(&f->world) == 408);
        assert_int_equal(f->world.counters.endings[ENDING_BODY_LATE], 1);
        assert_int_equal(f->taker.ends, 1);
        end(f);
    }
}

static void a_body_that_is_not_wanted_has_time(void **state)
{
    (void)state;
    struct fixture *f = begin();
    world_say(&f->world, "POST /later" HOST "Content-Length: 100\r\n\r\n");
    for (int i = 0; i < 5; i++)
        world_wait(&f->world, 30000);
    assert_false(world_closed(&f->world));
    want(f, true);
    world_wait(&f->world, 20000);
    assert_int_equal(world_status(&f->world), 408);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_body_comes_in_pieces_and_the_next_request_stays_in_the_stream),
        cmocka_unit_test(an_answer_within_the_last_piece_keeps_the_connection),
        cmocka_unit_test(bytes_that_are_not_wanted_wait_with_the_visitor),
        cmocka_unit_test(services_that_take_no_body_have_it_dropped_before_they_are_asked),
        cmocka_unit_test(who_asks_is_told_to_go_on_once_and_only_when_the_body_is_wanted),
        cmocka_unit_test(who_asks_and_does_not_wait_is_not_told),
        cmocka_unit_test(nobody_is_told_to_go_on_within_an_answer),
        cmocka_unit_test(a_refusal_instead_of_100_ends_the_connection),
        cmocka_unit_test(an_answer_before_the_end_of_the_body_is_the_last),
        cmocka_unit_test(a_broken_body_is_refused_or_ends_the_answer),
        cmocka_unit_test(a_visitor_that_ends_within_its_body_leaves),
        cmocka_unit_test(a_body_that_is_wanted_must_make_progress),
        cmocka_unit_test(a_body_that_is_not_wanted_has_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
