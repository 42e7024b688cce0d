#include "test.h"

#include "crossgate/base/outlet.h"

#include <string.h>

enum { LIMIT = 1000 };

/* A stream that does as the test says: what it has been given is queued until the peer takes it. */
struct pipe {
    struct stream stream;
    size_t queue;
    bool full;
    struct span last; /* that was written */
    unsigned looks;
};

struct scene {
    struct loop loop; /* its clock and its deadlines */
    struct pipe pipe;
    struct outlet outlet;
    unsigned limits; /* that have ended */
    bool stalled;
};

static bool pipe_write(struct stream *stream, struct span bytes)
{
    struct pipe *pipe = CONTAINER_OF(stream, struct pipe, stream);
    pipe->queue += bytes.len;
    pipe->last = bytes;
    return !pipe->full;
}

static size_t pipe_queued(const struct stream *stream)
{
    struct pipe *pipe = CONTAINER_OF(stream, struct pipe, stream);
    pipe->looks++;
    return pipe->queue;
}

static const struct stream_ops pipe_ops = {.write = pipe_write, .queued = pipe_queued};

static void on_limit(struct deadline *deadline)
{
    struct scene *t = CONTAINER_OF(deadline, struct scene, outlet.deadline);
    t->limits++;
    t->stalled = outlet_is_stalled(&t->outlet);
}

static void start(struct scene *t, uint32_t limit)
{
    *t = (struct scene){.loop = {.now = 5000}, .pipe = {.stream = {.ops = &pipe_ops}}};
    deadlines_init(&t->loop.deadlines);
    memset(&t->outlet, 0xA5, sizeof t->outlet);
    outlet_init(&t->outlet, &t->loop, &t->pipe.stream, limit, on_limit);
}

static void elapse(struct scene *t, uint64_t ms)
{
    t->loop.now += ms;
    deadlines_expire(&t->loop.deadlines, t->loop.now);
}

static void put(struct scene *t, size_t length)
{
    static const uint8_t bytes[100000];
    outlet_write(&t->outlet, span_of(bytes, length));
}

static void take(struct scene *t, size_t length)
{
    assert_true(length <= t->pipe.queue);
    t->pipe.queue -= length;
}

/* ---- writing */

static void what_is_written_goes_to_the_stream_and_its_answer_comes_back(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    assert_true(outlet_write(&t.outlet, SPAN("abc")));
    assert_true(span_equal(t.pipe.last, SPAN("abc")));
    assert_false(t.outlet.full);
    t.pipe.full = true;
    assert_false(outlet_write(&t.outlet, SPAN("de")));
    assert_true(t.outlet.full);
    assert_int_equal(outlet_look(&t.outlet), 5);
    t.pipe.full = false;
    assert_true(outlet_write(&t.outlet, SPAN("f")));
    assert_false(t.outlet.full);
}

static void who_writes_nothing_waits_for_nothing(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    assert_false(deadline_is_armed(&t.outlet.deadline));
    outlet_look(&t.outlet);
    assert_false(deadline_is_armed(&t.outlet.deadline));
}

static void without_a_limit_nobody_stalls(void **state)
{
    (void)state;
    struct scene t;
    start(&t, 0);
    put(&t, 10);
    put(&t, 10);
    assert_false(deadline_is_armed(&t.outlet.deadline));
}

/* ---- who stalls */

static void a_peer_that_takes_nothing_stalls_after_one_limit(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    put(&t, 10);
    elapse(&t, LIMIT - 1);
    put(&t, 10); /* does not begin the limit anew */
    assert_int_equal(t.limits, 0);
    elapse(&t, 1);
    assert_int_equal(t.limits, 1);
    assert_true(t.stalled);
    assert_false(deadline_is_armed(&t.outlet.deadline));
}

static void a_peer_that_takes_nothing_any_more_stalls_within_two_limits(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    put(&t, 10);
    take(&t, 1);
    elapse(&t, LIMIT);
    assert_int_equal(t.limits, 1);
    assert_false(t.stalled);
    elapse(&t, LIMIT - 1);
    assert_int_equal(t.limits, 1);
    elapse(&t, 1);
    assert_int_equal(t.limits, 2);
    assert_true(t.stalled);
}

static void a_slow_peer_does_not_stall(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    put(&t, 10);
    for (unsigned i = 1; i < 10; i++) {
        take(&t, 1);
        elapse(&t, LIMIT);
        assert_int_equal(t.limits, i);
        assert_false(t.stalled);
    }
}

static void what_is_written_meanwhile_hides_nothing_that_left(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    put(&t, 10);
    take(&t, 1);
    put(&t, 10);
    elapse(&t, LIMIT);
    assert_int_equal(t.limits, 1);
    assert_false(t.stalled);
}

/* An answer to HTTP, when a session begins. */
static void what_was_queued_before_hides_nothing_that_left(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    t.pipe.queue = 200;
    put(&t, 10);
    take(&t, 1);
    elapse(&t, LIMIT);
    assert_int_equal(t.limits, 1);
    assert_false(t.stalled);
}

static void what_left_before_the_limit_began_does_not_count(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    put(&t, 10);
    take(&t, 10);
    elapse(&t, LIMIT);
    put(&t, 10);
    elapse(&t, LIMIT);
    assert_int_equal(t.limits, 2);
    assert_true(t.stalled);
}

static void who_has_taken_all_owes_nothing(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    put(&t, 10);
    take(&t, 10);
    elapse(&t, LIMIT);
    assert_int_equal(t.limits, 1);
    assert_false(t.stalled);
    assert_false(deadline_is_armed(&t.outlet.deadline));
    elapse(&t, LIMIT / 2);
    put(&t, 10); /* begins a limit of its own */
    elapse(&t, LIMIT - 1);
    assert_int_equal(t.limits, 1);
    elapse(&t, 1);
    assert_int_equal(t.limits, 2);
    assert_true(t.stalled);
}

static void as_long_as_there_is_no_room_something_is_owed(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    t.pipe.full = true;
    put(&t, 10);
    take(&t, 10);
    elapse(&t, LIMIT);
    assert_int_equal(t.limits, 1);
    assert_false(t.stalled);
    elapse(&t, LIMIT);
    assert_int_equal(t.limits, 2);
    assert_true(t.stalled);
}

/* ---- what has left is told to the user, too */

static void what_left_is_told_until_the_user_clears_it(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    put(&t, 10);
    outlet_look(&t.outlet);
    assert_false(t.outlet.drained);
    take(&t, 1);
    assert_int_equal(outlet_look(&t.outlet), 9);
    assert_true(t.outlet.drained);
    elapse(&t, LIMIT);
    assert_true(t.outlet.drained); /* a limit that begins anew does not clear it */
    t.outlet.drained = false;
    outlet_look(&t.outlet);
    assert_false(t.outlet.drained);
    take(&t, 1);
    outlet_look(&t.outlet);
    assert_true(t.outlet.drained);
    t.outlet.drained = false;
    elapse(&t, LIMIT);
    assert_false(t.stalled); /* nor does who clears it make the peer stall */
}

/* ---- what TLS encrypts grows */

enum { RECORD = 40, GROWTH = 22, RECORDS = 100 };

/* Many records, and once the peer takes some: less than they have grown. */
static void write_to_a_slow_peer(struct scene *t)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        put(t, RECORD);
        t->pipe.queue += GROWTH;
        if (i == RECORDS / 2)
            take(t, RECORDS * GROWTH / 2);
    }
}

static void growth_hides_no_progress(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    for (unsigned i = 1; i < 5; i++) {
        write_to_a_slow_peer(&t);
        assert_true(t.outlet.drained);
        elapse(&t, LIMIT);
        assert_int_equal(t.limits, i);
        assert_false(t.stalled);
    }
    put(&t, RECORD);
    t.pipe.queue += GROWTH;
    elapse(&t, LIMIT);
    assert_true(t.stalled); /* and is none */
}

static void growth_hides_nothing_from_the_user(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    write_to_a_slow_peer(&t);
    assert_true(t.outlet.moved);
    t.outlet.drained = false;
    write_to_a_slow_peer(&t);
    assert_true(t.outlet.drained);
}

static void the_queue_is_looked_at_no_more_than_needed(void **state)
{
    (void)state;
    struct scene t;
    start(&t, LIMIT);
    put(&t, 10);
    take(&t, 10);
    put(&t, 10);
    t.pipe.looks = 0;
    for (unsigned i = 0; i < 10; i++)
        put(&t, 10);
    assert_int_equal(t.pipe.looks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_goes_to_the_stream_and_its_answer_comes_back),
        cmocka_unit_test(who_writes_nothing_waits_for_nothing),
        cmocka_unit_test(without_a_limit_nobody_stalls),
        cmocka_unit_test(a_peer_that_takes_nothing_stalls_after_one_limit),
        cmocka_unit_test(a_peer_that_takes_nothing_any_more_stalls_within_two_limits),
        cmocka_unit_test(a_slow_peer_does_not_stall),
        cmocka_unit_test(what_is_written_meanwhile_hides_nothing_that_left),
        cmocka_unit_test(what_was_queued_before_hides_nothing_that_left),
        cmocka_unit_test(what_left_before_the_limit_began_does_not_count),
        cmocka_unit_test(who_has_taken_all_owes_nothing),
        cmocka_unit_test(as_long_as_there_is_no_room_something_is_owed),
        cmocka_unit_test(what_left_is_told_until_the_user_clears_it),
        cmocka_unit_test(growth_hides_no_progress),
        cmocka_unit_test(growth_hides_nothing_from_the_user),
        cmocka_unit_test(the_queue_is_looked_at_no_more_than_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
