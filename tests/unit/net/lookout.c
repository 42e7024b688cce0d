/* Who is told that a descriptor is ready, and who is not any more. */
#include "test.h"

#include "crossgate/lookout.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WATCHES = 3 };

struct fixture;

struct watcher {
    struct watch watch;
    struct fixture *fixture;
    int far;
    unsigned called;
    uint32_t events; /* of the last call */
};

struct fixture {
    struct loop loop;
    struct log log;
    struct counters counters;
    struct watcher watchers[WATCHES];
    bool closes_all; /* whoever is called first */
};

static void give_up(struct watcher *watcher)
{
    if (watcher->watch.descriptor >= 0)
        watch_close(watcher->fixture->loop.lookout, &watcher->watch);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct watcher *watcher = CONTAINER_OF(watch, struct watcher, watch);
    watcher->called++;
    watcher->events = events;
    for (size_t i = 0; i < WATCHES && watcher->fixture->closes_all; i++)
        give_up(&watcher->fixture->watchers[i]);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    log_init(&f->log, STDERR_FILENO, LOG_ERROR, "test");
    assert_true(loop_init(&f->loop, NULL, &f->log, &f->counters));
    f->loop.lookout = lookout_new();
    assert_non_null(f->loop.lookout);
    for (size_t i = 0; i < WATCHES; i++) {
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        f->watchers[i].fixture = f;
        f->watchers[i].far = ends[1];
        watch_open(f->loop.lookout, &f->watchers[i].watch, ends[0], on_ready);
    }
    assert_int_equal(lookout_count(f->loop.lookout), WATCHES);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < WATCHES; i++) {
        give_up(&f->watchers[i]);
        if (f->watchers[i].far >= 0)
            close(f->watchers[i].far);
    }
    assert_int_equal(lookout_count(f->loop.lookout), 0);
    lookout_free(f->loop.lookout);
    loop_deinit(&f->loop);
    free(f);
    return 0;
}

static void far_sends(const struct watcher *watcher)
{
    assert_int_equal(send(watcher->far, "x", 1, 0), 1);
}

static void want(struct watcher *watcher, uint32_t events)
{
    assert_true(watch_for(watcher->fixture->loop.lookout, &watcher->watch, events));
}

static void who_is_ready_is_told_as_long_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct watcher *watcher = &f->watchers[0];
    want(watcher, EPOLLIN);
    lookout_wait(&f->loop, 0);
    assert_int_equal(watcher->called, 0);
    far_sends(watcher);
    lookout_wait(&f->loop, -1);
    lookout_wait(&f->loop, -1);
    assert_int_equal(watcher->called, 2);
    assert_int_equal(watcher->events, EPOLLIN);
}

static void who_takes_all_is_told_once_unless_there_is_more(void **state)
{
    struct fixture *f = *state;
    struct watcher *watcher = &f->watchers[0];
    watcher->watch.takes_all = true;
    want(watcher, EPOLLIN);
    far_sends(watcher);
    lookout_wait(&f->loop, -1);
    lookout_wait(&f->loop, 0);
    assert_int_equal(watcher->called, 1);
    far_sends(watcher);
    lookout_wait(&f->loop, -1);
    assert_int_equal(watcher->called, 2);
    watch_again(&watcher->watch, EPOLLIN);
    want(watcher, EPOLLIN);
    lookout_wait(&f->loop, -1);
    assert_int_equal(watcher->called, 3);
    want(watcher, EPOLLIN | EPOLLOUT);
    lookout_wait(&f->loop, -1);
    lookout_wait(&f->loop, -1);
    assert_int_equal(watcher->called, 5);
}

/* Among them those that the kernel tells of in a second wait. */
static void all_that_are_ready_are_told_in_one_turn(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 200 };
    static struct watcher many[MANY];
    for (size_t i = 0; i < MANY; i++) {
        many[i] = (struct watcher){.fixture = f};
        int descriptor = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
        assert_true(descriptor >= 0);
        watch_open(f->loop.lookout, &many[i].watch, descriptor, on_ready);
        many[i].watch.takes_all = true;
        want(&many[i], EPOLLIN);
    }
    lookout_wait(&f->loop, -1);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(many[i].called, 1);
        give_up(&many[i]);
    }
}

/* Two system calls less for each who is paused for a moment. */
static void what_is_not_wanted_is_taken_back_when_it_happens(void **state)
{
    struct fixture *f = *state;
    struct watcher *watcher = &f->watchers[0];
    want(watcher, EPOLLIN);
    want(watcher, 0);
    assert_int_equal(watcher->watch.reported, EPOLLIN);
    far_sends(watcher);
    lookout_wait(&f->loop, -1);
    assert_int_equal(watcher->called, 0);
    assert_int_equal(watcher->watch.reported, 0);
    lookout_wait(&f->loop, 0); /* not even a hang-up is told of it any more */
    want(watcher, EPOLLIN | EPOLLOUT);
    lookout_wait(&f->loop, -1);
    assert_int_equal(watcher->called, 1);
    want(watcher, EPOLLOUT);
    lookout_wait(&f->loop, -1);
    assert_int_equal(watcher->events, EPOLLOUT);
}

static void of_one_wait_nobody_is_told_who_has_given_up(void **state)
{
    struct fixture *f = *state;
    f->closes_all = true;
    for (size_t i = 0; i < WATCHES; i++) {
        want(&f->watchers[i], EPOLLIN);
        far_sends(&f->watchers[i]);
    }
    lookout_wait(&f->loop, -1);
    assert_int_equal(f->watchers[0].called + f->watchers[1].called + f->watchers[2].called, 1);
}

static void a_hang_up_is_told_as_what_is_wanted(void **state)
{
    struct fixture *f = *state;
    struct watcher *reader = &f->watchers[0], *writer = &f->watchers[1];
    want(reader, EPOLLIN | EPOLLRDHUP);
    want(writer, EPOLLOUT);
    close(reader->far);
    close(writer->far);
    reader->far = writer->far = -1;
    lookout_wait(&f->loop, -1);
    assert_int_equal(reader->events, EPOLLIN | EPOLLRDHUP);
    assert_int_equal(writer->events, EPOLLOUT);
}

static void an_error_is_told(void **state)
{
    struct fixture *f = *state;
    struct watcher *watcher = &f->watchers[0];
    int ends[2];
    give_up(watcher);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    watch_open(f->loop.lookout, &watcher->watch, ends[1], on_ready);
    want(watcher, EPOLLOUT);
    close(ends[0]);
    lookout_wait(&f->loop, -1);
    assert_int_equal(watcher->events, EPOLLOUT | EPOLLERR);
}

static void what_is_released_is_forgotten_though_there_is_a_copy(void **state)
{
    struct fixture *f = *state;
    struct watcher *watcher = &f->watchers[0];
    want(watcher, EPOLLIN);
    int copy = dup(watcher->watch.descriptor);
    int descriptor = watch_release(f->loop.lookout, &watcher->watch);
    close(descriptor);
    int again = fcntl(copy, F_DUPFD, descriptor);
    assert_int_equal(again, descriptor);
    watch_open(f->loop.lookout, &watcher->watch, again, on_ready);
    want(watcher, EPOLLIN); /* refused if the kernel still knew of it */
    far_sends(watcher);
    lookout_wait(&f->loop, 0);
    assert_int_equal(watcher->called, 1);
    close(copy);
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(who_is_ready_is_told_as_long_as_it_is),
        EACH(who_takes_all_is_told_once_unless_there_is_more),
        EACH(all_that_are_ready_are_told_in_one_turn),
        EACH(what_is_not_wanted_is_taken_back_when_it_happens),
        EACH(of_one_wait_nobody_is_told_who_has_given_up),
        EACH(a_hang_up_is_told_as_what_is_wanted),
        EACH(an_error_is_told),
        EACH(what_is_released_is_forgotten_though_there_is_a_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
