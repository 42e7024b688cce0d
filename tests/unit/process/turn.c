/* What ends the wait: whatever has something to do for this thread, whoever it is known to. A wake-up that is lost leaves the test waiting,
 * until the alarm ends it. */
#include "test.h"

#include "turn.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { ALARM = 30 };

struct fixture {
    struct turn turn;
    struct log log;
    struct counters counters;
    unsigned called;
    struct deadline deadline;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    log_init(&f->log, STDERR_FILENO, LOG_ERROR, "test");
    assert_true(turn_init(&f->turn, &f->log, &f->counters));
    assert_true(turn_is_idle(&f->turn));
    *state = f;
    alarm(ALARM);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    alarm(0);
    assert_true(turn_is_idle(&f->turn));
    turn_deinit(&f->turn);
    free(f);
    return 0;
}

static void run_until_called(struct fixture *f)
{
    unsigned before = f->called;
    while (f->called == before)
        turn_once(&f->turn, UINT64_MAX);
}

/* As a loop is that has run for a while: all that libuv watches is in its epoll. */
static void come_to_rest(struct fixture *f)
{
    for (int i = 0; i < 3; i++)
        turn_once(&f->turn, f->turn.loop.now);
}

static void work(uv_work_t *request)
{
    (void)request;
    usleep(1000);
}

static void after_work(uv_work_t *request, int status)
{
    assert_int_equal(status, 0);
    ((struct fixture *)request->data)->called++;
}

static void a_job_of_the_pool_that_is_done(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) { /* the first is libuv's first of all */
        uv_work_t request = {.data = f};
        assert_int_equal(uv_queue_work(&f->turn.uv, &request, work, after_work), 0);
        assert_false(turn_is_idle(&f->turn));
        run_until_called(f);
        come_to_rest(f);
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    assert_int_equal(status, 0);
    assert_int_equal(events, UV_READABLE);
    ((struct fixture *)handle->data)->called++;
    uv_poll_stop(handle);
}

static void on_closed(uv_handle_t *handle)
{
    ((struct fixture *)handle->data)->called++;
}

static void a_handle_that_began_between_two_turns_and_one_that_is_closing(void **state)
{
    struct fixture *f = *state;
    int ends[2];
    uv_poll_t poll;
    come_to_rest(f);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(uv_poll_init(&f->turn.uv, &poll, ends[0]), 0);
    poll.data = f;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(uv_poll_start(&poll, UV_READABLE, on_poll), 0);
        run_until_called(f);
        come_to_rest(f);
    }
    uv_close((uv_handle_t *)&poll, on_closed);
    run_until_called(f);
    close(ends[0]);
    close(ends[1]);
}

static void on_signal(uv_signal_t *handle, int number)
{
    assert_int_equal(number, SIGUSR1);
    ((struct fixture *)handle->data)->called++;
}

static void a_signal(void **state)
{
    struct fixture *f = *state;
    uv_signal_t handle;
    assert_int_equal(uv_signal_init(&f->turn.uv, &handle), 0);
    handle.data = f;
    assert_int_equal(uv_signal_start(&handle, on_signal, SIGUSR1), 0);
    raise(SIGUSR1);
    run_until_called(f);
    come_to_rest(f);
    raise(SIGUSR1);
    run_until_called(f);
    uv_close((uv_handle_t *)&handle, on_closed);
    run_until_called(f);
}

static void on_deadline(struct deadline *deadline)
{
    CONTAINER_OF(deadline, struct fixture, deadline)->called++;
}

static void a_deadline(void **state)
{
    struct fixture *f = *state;
    deadline_init(&f->deadline, on_deadline);
    deadline_arm(&f->turn.loop.deadlines, &f->deadline, 5, f->turn.loop.now);
    run_until_called(f);
}

/* With nothing to do it would spin; with `latest` it goes on. */
static void nothing_but_what_the_caller_says(void **state)
{
    struct fixture *f = *state;
    unsigned turns = 0;
    for (uint64_t latest = f->turn.loop.now + 20; f->turn.loop.now < latest; turns++)
        turn_once(&f->turn, latest);
    assert_in_range(turns, 1, 5);
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(a_job_of_the_pool_that_is_done),
        EACH(a_handle_that_began_between_two_turns_and_one_that_is_closing),
        EACH(a_signal),
        EACH(a_deadline),
        EACH(nothing_but_what_the_caller_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
