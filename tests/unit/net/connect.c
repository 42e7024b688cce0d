/* Dialling real listeners, and what is not one. */
#include "test.h"

#include "crossgate/lookout.h"
#include "crossgate/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

struct fixture {
    uv_loop_t uv;
    struct loop loop;
    struct log log;
    struct counters counters;
    struct stream *stream;
    int opened, ended;
    enum ending why;
    char directory[32];
};

static void on_open(void *user)
{
    ((struct fixture *)user)->opened++;
}

static size_t on_bytes(void *user, struct span bytes)
{
    (void)user;
    return bytes.len;
}

static void on_nothing(void *user)
{
    (void)user;
}

static void on_end(void *user, enum ending why)
{
    struct fixture *f = user;
    f->ended++;
    f->why = why;
}

static const struct stream_user user = {on_open, on_bytes, on_nothing, on_nothing, on_end};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    log_init(&f->log, STDERR_FILENO, LOG_ERROR, "test");
    assert_int_equal(uv_loop_init(&f->uv), 0);
    assert_true(loop_init(&f->loop, &f->uv, &f->log, &f->counters));
    f->loop.lookout = lookout_new();
    assert_non_null(f->loop.lookout);
    strcpy(f->directory, "/tmp/crossgate-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    lookout_free(f->loop.lookout);
    assert_int_equal(uv_loop_close(&f->uv), 0);
    loop_deinit(&f->loop);
    rmdir(f->directory);
    free(f);
    return 0;
}

/* Turns the loop until the stream is open or has ended; each wait is bounded by the dial's own deadlines. */
static void run_until_decided(struct fixture *f)
{
    for (int i = 0; i < 200000 && !f->opened && !f->ended; i++) {
        loop_tick(&f->loop);
        lookout_wait(&f->loop, 0);
        uv_run(&f->uv, UV_RUN_NOWAIT);
        loop_tick(&f->loop);
        deadlines_expire(&f->loop.deadlines, f->loop.now);
        loop_settle(&f->loop);
        loop_bury(&f->loop);
        usleep(200);
    }
}

static void finish_up(struct fixture *f)
{
    if (!f->ended)
        stream_abort(f->stream, ENDING_DONE);
    for (int i = 0; i < 100000 && (!f->ended || uv_loop_alive(&f->uv)); i++) {
        lookout_wait(&f->loop, 0);
        uv_run(&f->uv, UV_RUN_NOWAIT);
        loop_settle(&f->loop);
        loop_bury(&f->loop);
        usleep(200);
    }
    assert_int_equal(f->ended, 1);
}

static void dial(struct fixture *f, const struct net_target *target)
{
    f->stream = net_connect(&f->loop, target);
    assert_non_null(f->stream);
    stream_attach(f->stream, &user, f);
}

/* A listening TCP socket on a free port of 127.0.0.1, or with backlog < 0 a port on which nobody listens. */
static int tcp_listener(uint16_t *port, bool listening)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
    if (listening)
        assert_int_equal(listen(descriptor, 8), 0);
    *port = ntohs(address.sin_port);
    return descriptor;
}

static int unix_listener(struct fixture *f, char *path, size_t size, int backlog)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(path, size, "%s/socket", f->directory);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    if (backlog >= 0)
        assert_int_equal(listen(descriptor, backlog), 0);
    return descriptor;
}

static void a_literal_address_is_dialled_and_early_bytes_are_sent(void **state)
{
    struct fixture *f = *state;
    struct net_target target = {.kind = NET_TCP, .host = "127.0.0.1", .timeout = 3000};
    int listener = tcp_listener(&target.port, true);
    dial(f, &target);
    stream_write(f->stream, SPAN("early"));
    run_until_decided(f);
    assert_int_equal(f->opened, 1);
    lookout_wait(&f->loop, 0);
    uv_run(&f->uv, UV_RUN_NOWAIT);
    loop_settle(&f->loop);
    int accepted = accept(listener, NULL, NULL);
    char text[8];
    assert_int_equal(recv(accepted, text, sizeof text, 0), 5);
    close(accepted);
    close(listener);
    finish_up(f);
}

static void a_name_is_resolved(void **state)
{
    struct fixture *f = *state;
    struct net_target target = {.kind = NET_TCP, .host = "localhost", .version = 4, .timeout = 3000};
    int listener = tcp_listener(&target.port, true);
    dial(f, &target);
    run_until_decided(f);
    assert_int_equal(f->opened, 1);
    close(listener);
    finish_up(f);
}

static void a_port_without_listener_refuses(void **state)
{
    struct fixture *f = *state;
    struct net_target target = {.kind = NET_TCP, .host = "127.0.0.1", .timeout = 3000};
    int bound = tcp_listener(&target.port, false);
    dial(f, &target);
    run_until_decided(f);
    assert_int_equal(f->why, ENDING_BACKEND_REFUSED);
    close(bound);
    finish_up(f);
}

static void a_name_that_is_none_fails(void **state)
{
    struct fixture *f = *state;
    struct net_target target = {.kind = NET_TCP, .host = "no such name", .port = 80, .timeout = 3000};
    dial(f, &target);
    run_until_decided(f);
    assert_int_equal(f->why, ENDING_BACKEND_NAME);
    finish_up(f);
}

static void unix_sockets_are_dialled(void **state)
{
    struct fixture *f = *state;
    char path[64];
    struct net_target target = {.kind = NET_UNIX, .path = path, .timeout = 3000};
    int listener = unix_listener(f, path, sizeof path, 8);
    dial(f, &target);
    run_until_decided(f);
    assert_int_equal(f->opened, 1);
    finish_up(f);
    close(listener);
    unlink(path);
}

static void a_missing_unix_socket_refuses(void **state)
{
    struct fixture *f = *state;
    struct net_target target = {.kind = NET_UNIX, .path = "/tmp/crossgate-no-such-socket", .timeout = 3000};
    dial(f, &target);
    run_until_decided(f);
    assert_int_equal(f->why, ENDING_BACKEND_REFUSED);
    finish_up(f);
}

static void a_full_unix_queue_is_waited_for_until_the_deadline(void **state)
{
    struct fixture *f = *state;
    char path[64];
    struct net_target target = {.kind = NET_UNIX, .path = path, .timeout = 200};
    int listener = unix_listener(f, path, sizeof path, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fillers[4];
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connect(fillers[i], (struct sockaddr *)&address, sizeof address) < 0)
            continue; /* full */
    }
    dial(f, &target);
    run_until_decided(f);
    assert_int_equal(f->why, ENDING_BACKEND_LATE);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
    unlink(path);
    finish_up(f);
}

static void giving_up_while_dialling_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    struct net_target target = {.kind = NET_TCP, .host = "localhost", .version = 4, .timeout = 3000};
    int listener = tcp_listener(&target.port, true);
    dial(f, &target);
    lookout_wait(&f->loop, 0);
    uv_run(&f->uv, UV_RUN_NOWAIT);
    loop_settle(&f->loop); /* the name is being resolved */
    stream_abort(f->stream, ENDING_PEER_LEFT);
    finish_up(f);
    assert_int_equal(f->why, ENDING_PEER_LEFT);
    assert_int_equal(f->opened, 0);
    close(listener);
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(a_literal_address_is_dialled_and_early_bytes_are_sent),
        EACH(a_name_is_resolved),
        EACH(a_port_without_listener_refuses),
        EACH(a_name_that_is_none_fails),
        EACH(unix_sockets_are_dialled),
        EACH(a_missing_unix_socket_refuses),
        EACH(a_full_unix_queue_is_waited_for_until_the_deadline),
        EACH(giving_up_while_dialling_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
