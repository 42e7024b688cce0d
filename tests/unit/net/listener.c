/* Accepting: who is passed on, when nobody is, and what happens when descriptors run out. */
#include "test.h"

#include "crossgate/lookout.h"
#include "crossgate/net.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

enum { CLIENTS = 5, TURNS = 50 };

struct fixture {
    uv_loop_t uv;
    struct loop loop;
    struct log log;
    struct counters counters;
    int log_pipe[2];
    struct listener *listener;
    uint16_t port;
    int clients[CLIENTS];
    unsigned accepted;
    struct peer peer; /* of the last one */
    bool stop_at_first, pause_at_first;
};

static void on_accept(void *user, int descriptor, const struct peer *peer)
{
    struct fixture *f = user;
    f->accepted++;
    f->peer = *peer;
    assert_true(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(descriptor, F_GETFL) & O_NONBLOCK);
    close(descriptor);
    if (f->pause_at_first)
        listener_pause(f->listener, true);
    if (f->stop_at_first)
        listener_stop(f->listener);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_int_equal(pipe2(f->log_pipe, O_CLOEXEC | O_NONBLOCK), 0);
    log_init(&f->log, f->log_pipe[1], LOG_WARNING, "test");
    assert_int_equal(uv_loop_init(&f->uv), 0);
    assert_true(loop_init(&f->loop, &f->uv, &f->log, &f->counters));
    f->loop.lookout = lookout_new();
    assert_non_null(f->loop.lookout);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(descriptor, 16), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
    f->port = ntohs(address.sin_port);
    f->listener = listener_start(&f->loop, descriptor, on_accept, f);
    assert_non_null(f->listener);
    for (size_t i = 0; i < CLIENTS; i++) {
        f->clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(f->clients[i], (struct sockaddr *)&address, sizeof address), 0);
    }
    *state = f;
    return 0;
}

static void turn(struct fixture *f)
{
    for (int i = 0; i < TURNS; i++) {
        lookout_wait(&f->loop, 0);
        loop_settle(&f->loop);
        loop_bury(&f->loop);
    }
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (!f->stop_at_first)
        listener_stop(f->listener);
    turn(f);
    lookout_free(f->loop.lookout);
    assert_int_equal(uv_loop_close(&f->uv), 0);
    loop_deinit(&f->loop);
    for (size_t i = 0; i < CLIENTS; i++)
        close(f->clients[i]);
    close(f->log_pipe[0]);
    close(f->log_pipe[1]);
    free(f);
    return 0;
}

static unsigned lines_logged(struct fixture *f)
{
    char text[8192];
    ssize_t n = read(f->log_pipe[0], text, sizeof text);
    unsigned lines = 0;
    for (ssize_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    return lines;
}

static void one_turn(struct fixture *f)
{
    lookout_wait(&f->loop, 0);
    loop_settle(&f->loop);
    loop_bury(&f->loop);
}

/* Nobody is asked for in vain: one who comes alone is accepted with one call, and of a crowd more with every turn. */
static void a_crowd_is_accepted_faster_with_every_turn(void **state)
{
    struct fixture *f = *state;
    static const unsigned after[] = {1, 3, CLIENTS};
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        one_turn(f);
        assert_int_equal(f->accepted, after[i]);
    }
}

static void clients_are_accepted_with_their_address(void **state)
{
    struct fixture *f = *state;
    turn(f);
    assert_int_equal(f->accepted, CLIENTS);
    struct sockaddr_in last;
    socklen_t size = sizeof last;
    assert_int_equal(getsockname(f->clients[CLIENTS - 1], (struct sockaddr *)&last, &size), 0);
    char text[PEER_TEXT];
    peer_print_host(&f->peer, text);
    assert_string_equal(text, "127.0.0.1");
    assert_int_equal(f->peer.port, ntohs(last.sin_port));
}

static void paused_listener_accepts_nobody_until_it_goes_on(void **state)
{
    struct fixture *f = *state;
    listener_pause(f->listener, true);
    turn(f);
    assert_int_equal(f->accepted, 0);
    listener_pause(f->listener, false);
    turn(f);
    assert_int_equal(f->accepted, CLIENTS);
}

static void pause_within_an_accept_holds_at_once(void **state)
{
    struct fixture *f = *state;
    f->pause_at_first = true;
    turn(f);
    assert_int_equal(f->accepted, 1);
    listener_pause(f->listener, false);
    turn(f);
    assert_int_equal(f->accepted, 2);
}

static void stop_within_an_accept_is_final(void **state)
{
    struct fixture *f = *state;
    f->stop_at_first = true;
    turn(f);
    assert_int_equal(f->accepted, 1);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int late = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(late, (struct sockaddr *)&address, sizeof address), -1);
    close(late);
}

/* The soft limit on descriptors: no further one can be opened, or as before. */
static void allow_descriptors(bool more)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int next = more ? 0 : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!more)
        close(next);
    limit.rlim_cur = more ? limit.rlim_max : (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void expire_rest(struct fixture *f)
{
    deadlines_expire(&f->loop.deadlines, f->loop.now + 100);
}

static void out_of_descriptors_rests_logs_once_and_recovers(void **state)
{
    struct fixture *f = *state;
    _Atomic uint64_t *failures = &f->counters.endings[ENDING_DESCRIPTORS];
    allow_descriptors(false);
    turn(f);
    uint64_t first = *failures; /* one attempt in fifty turns: nothing spins */
    expire_rest(f);
    turn(f);
    uint64_t second = *failures;
    allow_descriptors(true);
    assert_int_equal(first, 1);
    assert_int_equal(second, 2);
    assert_int_equal(lines_logged(f), 1);
    assert_int_equal(f->accepted, 0);
    expire_rest(f);
    turn(f);
    assert_int_equal(f->accepted, CLIENTS);
    assert_int_equal(deadlines_next(&f->loop.deadlines), UINT64_MAX);
}

static void pause_outlasts_a_rest(void **state)
{
    struct fixture *f = *state;
    allow_descriptors(false);
    turn(f);
    allow_descriptors(true);
    listener_pause(f->listener, true);
    expire_rest(f);
    turn(f);
    assert_int_equal(f->accepted, 0);
    listener_pause(f->listener, false);
    turn(f);
    assert_int_equal(f->accepted, CLIENTS);
}

static void stop_within_a_rest_leaves_no_deadline(void **state)
{
    struct fixture *f = *state;
    allow_descriptors(false);
    turn(f);
    allow_descriptors(true);
    assert_true(deadlines_next(&f->loop.deadlines) != UINT64_MAX);
    listener_stop(f->listener);
    f->stop_at_first = true; /* it is stopped already */
    assert_int_equal(deadlines_next(&f->loop.deadlines), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_crowd_is_accepted_faster_with_every_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(clients_are_accepted_with_their_address, setup, teardown),
        cmocka_unit_test_setup_teardown(paused_listener_accepts_nobody_until_it_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(pause_within_an_accept_holds_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_within_an_accept_is_final, setup, teardown),
        cmocka_unit_test_setup_teardown(out_of_descriptors_rests_logs_once_and_recovers, setup, teardown),
        cmocka_unit_test_setup_teardown(pause_outlasts_a_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_within_a_rest_leaves_no_deadline, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
