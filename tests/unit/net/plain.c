/* The plain stream over real sockets and a real loop. */
#include "test.h"

#include "tune.h"

#include "crossgate/lookout.h"
#include "crossgate/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

struct fixture {
    uv_loop_t uv;
    struct loop loop;
    struct log log;
    struct counters counters;
    int far; /* the other end, non-blocking */
    struct stream *stream;
    /* what the user saw */
    int opened, eofs, ended, rooms;
    enum ending why;
    char got[256];
    size_t got_bytes;
    size_t take; /* bytes taken per call; 0: all */
    bool pause_after;
    bool finish_on_eof;
};

static void on_open(void *user)
{
    struct fixture *f = user;
    f->opened++;
}

static size_t on_bytes(void *user, struct span bytes)
{
    struct fixture *f = user;
    assert_int_equal(f->opened, 1);
    assert_int_equal(f->eofs, 0);
    assert_true(bytes.len > 0);
    size_t taken = f->take && f->take < bytes.len ? f->take : bytes.len;
    for (size_t i = 0; i < taken; i++)
        if (f->got_bytes + i < sizeof f->got - 1)
            f->got[f->got_bytes + i] = (char)bytes.at[i];
    f->got_bytes += taken;
    if (f->pause_after)
        stream_pause(f->stream, true);
    return taken;
}

static void on_room(void *user)
{
    struct fixture *f = user;
    f->rooms++;
}

static void on_eof(void *user)
{
    struct fixture *f = user;
    f->eofs++;
    if (f->finish_on_eof)
        stream_finish(f->stream);
}

static void on_end(void *user, enum ending why)
{
    struct fixture *f = user;
    f->ended++;
    f->why = why;
}

static const struct stream_user user = {on_open, on_bytes, on_room, on_eof, on_end};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int ends[2];
    log_init(&f->log, STDERR_FILENO, LOG_ERROR, "test");
    assert_int_equal(uv_loop_init(&f->uv), 0);
    assert_true(loop_init(&f->loop, &f->uv, &f->log, &f->counters));
    f->loop.lookout = lookout_new();
    assert_non_null(f->loop.lookout);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    f->far = ends[1];
    f->stream = plain_new(&f->loop, ends[0], true);
    assert_non_null(f->stream);
    stream_attach(f->stream, &user, f);
    *state = f;
    return 0;
}

static void turn(struct fixture *f)
{
    loop_tick(&f->loop);
    lookout_wait(&f->loop, 0);
    loop_settle(&f->loop);
    loop_bury(&f->loop);
}

static void turns(struct fixture *f, int n)
{
    for (int i = 0; i < n; i++)
        turn(f);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (!f->ended)
        stream_abort(f->stream, ENDING_GOING_AWAY);
    turns(f, 3);
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->counters.connections_open, 0);
    lookout_free(f->loop.lookout);
    assert_int_equal(uv_loop_close(&f->uv), 0);
    loop_deinit(&f->loop);
    if (f->far >= 0)
        close(f->far);
    free(f);
    return 0;
}

static void far_sends(struct fixture *f, const char *text)
{
    assert_int_equal(send(f->far, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void bytes_arrive_after_open(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->opened, 0);
    far_sends(f, "hello");
    turns(f, 3);
    assert_int_equal(f->opened, 1);
    assert_string_equal(f->got, "hello");
    assert_int_equal(f->counters.bytes_in, 5);
}

/* More than one event reads, and nothing follows that would tell of it. */
static void all_that_has_come_is_read(void **state)
{
    struct fixture *f = *state;
    static const uint8_t piece[65536];
    const int size = 512 * 1024;
    size_t sent = 0;
    turns(f, 2);
    assert_int_equal(setsockopt(f->far, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    for (ssize_t n = 0; n >= 0; n = send(f->far, piece, sizeof piece, 0))
        sent += (size_t)n;
    assert_true(sent > (size_t)4 * LOOP_RECEIVE_BYTES);
    turns(f, 4);
    assert_int_equal(f->got_bytes, sent);
}

static void what_is_not_taken_is_kept_and_comes_first(void **state)
{
    struct fixture *f = *state;
    f->take = 2;
    far_sends(f, "abcdef");
    turns(f, 3);
    assert_string_equal(f->got, "ab");
    far_sends(f, "gh");
    turns(f, 3);
    assert_string_equal(f->got, "ab"); /* reading has stopped */
    stream_pause(f->stream, false);
    assert_string_equal(f->got, "ab"); /* never from within the call */
    turns(f, 1);
    assert_string_equal(f->got, "abcd");
    f->take = 0;
    stream_pause(f->stream, false);
    turns(f, 3);
    assert_string_equal(f->got, "abcdefgh");
}

static void a_pause_holds_the_rest_and_the_eof(void **state)
{
    struct fixture *f = *state;
    f->take = 1;
    f->pause_after = true;
    far_sends(f, "xyz");
    close(f->far);
    f->far = -1;
    turns(f, 4);
    assert_string_equal(f->got, "x");
    assert_int_equal(f->eofs, 0);
    f->take = 0;
    f->pause_after = false;
    stream_pause(f->stream, false);
    turns(f, 4);
    assert_string_equal(f->got, "xyz");
    assert_int_equal(f->eofs, 1);
    assert_int_equal(f->ended, 0);
}

static void writes_of_one_event_leave_together(void **state)
{
    struct fixture *f = *state;
    char text[64];
    turns(f, 2);
    assert_true(stream_write(f->stream, SPAN("one ")));
    assert_true(stream_write(f->stream, SPAN("two")));
    assert_int_equal(recv(f->far, text, sizeof text, 0), -1); /* nothing before the event ends */
    assert_int_equal(stream_queued(f->stream), 7);
    turn(f);
    assert_int_equal(recv(f->far, text, sizeof text, 0), 7);
    assert_memory_equal(text, "one two", 7);
    assert_int_equal(stream_queued(f->stream), 0);
}

static void a_slow_reader_is_told_and_room_comes_later(void **state)
{
    struct fixture *f = *state;
    static uint8_t piece[65536];
    size_t written = 0, got = 0;
    turns(f, 2);
    bool room = true;
    while (room) {
        room = stream_write(f->stream, span_of(piece, sizeof piece));
        written += sizeof piece;
        turn(f);
    }
    assert_true(stream_queued(f->stream) > STREAM_LOW);
    turns(f, 3);
    assert_int_equal(f->rooms, 0);
    for (int i = 0; i < 10000 && got < written; i++) {
        uint8_t sink[16384];
        ssize_t n = recv(f->far, sink, sizeof sink, 0);
        if (n > 0)
            got += (size_t)n;
        turn(f);
    }
    assert_int_equal(got, written);
    assert_int_equal(f->rooms, 1);
    assert_int_equal(f->counters.bytes_out, written);
}

static void finish_sends_all_then_fin_and_waits_for_the_peer(void **state)
{
    struct fixture *f = *state;
    char text[64];
    turns(f, 2);
    stream_write(f->stream, SPAN("last words"));
    stream_finish(f->stream);
    stream_write(f->stream, SPAN("ignored"));
    turns(f, 3);
    assert_int_equal(recv(f->far, text, sizeof text, 0), 10);
    assert_int_equal(recv(f->far, text, sizeof text, 0), 0); /* FIN */
    assert_int_equal(f->ended, 0);
    far_sends(f, "late bytes are dropped");
    turns(f, 3);
    assert_int_equal(f->got_bytes, 0);
    assert_int_equal(f->ended, 0);
    shutdown(f->far, SHUT_WR);
    turns(f, 4);
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->why, ENDING_DONE);
}

static void lingering_has_a_deadline(void **state)
{
    struct fixture *f = *state;
    turns(f, 2);
    stream_finish(f->stream);
    turns(f, 3);
    assert_int_equal(f->ended, 0);
    uint64_t due = deadlines_next(&f->loop.deadlines);
    assert_true(due != UINT64_MAX);
    deadlines_expire(&f->loop.deadlines, due);
    turns(f, 3);
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->why, ENDING_DONE);
}

static void flushing_to_a_peer_that_does_not_read_has_a_deadline(void **state)
{
    struct fixture *f = *state;
    static uint8_t piece[65536];
    turns(f, 2);
    while (stream_write(f->stream, span_of(piece, sizeof piece)))
        turn(f);
    stream_finish(f->stream);
    turns(f, 3);
    assert_int_equal(f->ended, 0);
    deadlines_expire(&f->loop.deadlines, deadlines_next(&f->loop.deadlines));
    turns(f, 3);
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->why, ENDING_WRITE_STALLED);
}

static void the_answer_to_an_eof_still_goes_out(void **state)
{
    struct fixture *f = *state;
    char text[8];
    f->finish_on_eof = true;
    turns(f, 2);
    stream_write(f->stream, SPAN("bye"));
    shutdown(f->far, SHUT_WR);
    turns(f, 4);
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->why, ENDING_DONE);
    assert_int_equal(recv(f->far, text, sizeof text, 0), 3);
}

static void abort_ends_once_and_asynchronously(void **state)
{
    struct fixture *f = *state;
    turns(f, 2);
    far_sends(f, "not read any more");
    stream_abort(f->stream, ENDING_WRITE_STALLED);
    stream_abort(f->stream, ENDING_DONE);
    stream_finish(f->stream);
    stream_pause(f->stream, false);
    assert_int_equal(f->ended, 0);
    turns(f, 3);
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->why, ENDING_WRITE_STALLED);
    assert_int_equal(f->got_bytes, 0);
}

static void what_a_peer_sent_before_it_stopped_reading_is_still_read(void **state)
{
    struct fixture *f = *state;
    turns(f, 2);
    far_sends(f, "refused");
    close(f->far);
    f->far = -1;
    stream_write(f->stream, SPAN("into the void"));
    turns(f, 5);
    assert_string_equal(f->got, "refused");
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->why, ENDING_PEER_RESET);
}

/* A connection on the loopback, accepted from a listener that was tuned as ours are. */
static int accept_tcp(int *far)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    net_tune(listener);
    assert_int_equal(bind(listener, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&here, &size), 0);
    assert_int_equal(connect(*far, (struct sockaddr *)&here, sizeof here), 0);
    int near = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(near >= 0);
    close(listener);
    return near;
}

/* A visitor's stream over TCP, whose other end is `far`. The result is its descriptor. */
static int visit_by_tcp(struct fixture *f, struct fixture *tcp, int *far)
{
    int near = accept_tcp(far);
    *tcp = (struct fixture){.stream = plain_new(&f->loop, near, false)};
    assert_non_null(tcp->stream);
    stream_attach(tcp->stream, &user, tcp);
    turns(f, 2);
    return near;
}

static bool sends_at_once(int descriptor)
{
    int on = -1;
    socklen_t size = sizeof on;
    assert_int_equal(getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
    return on != 0;
}

static void small_writes_leave_at_once_until_they_are_to_gather(void **state)
{
    struct fixture *f = *state, tcp;
    int far, near = visit_by_tcp(f, &tcp, &far);
    assert_true(sends_at_once(near));
    stream_gather(tcp.stream);
    assert_false(sends_at_once(near));
    stream_abort(tcp.stream, ENDING_DONE);
    stream_gather(tcp.stream);
    turns(f, 3);
    assert_int_equal(tcp.ended, 1);
    close(far);
}

/* RFC 6093: a receive stops before the urgent byte, which goes another way. What is behind it is read, and only then it is over. */
static void urgent_data_keeps_nothing_back(void **state)
{
    struct fixture *f = *state, tcp;
    int far;
    visit_by_tcp(f, &tcp, &far);
    assert_int_equal(send(far, "before", 6, 0), 6);
    assert_int_equal(send(far, "!", 1, MSG_OOB), 1);
    assert_int_equal(send(far, " behind", 7, 0), 7);
    turns(f, 2);
    assert_string_equal(tcp.got, "before behind");
    assert_int_equal(send(far, "!", 1, MSG_OOB), 1);
    assert_int_equal(send(far, ", last", 6, 0), 6);
    shutdown(far, SHUT_WR);
    turns(f, 2);
    assert_string_equal(tcp.got, "before behind, last");
    assert_int_equal(tcp.eofs, 1);
    stream_abort(tcp.stream, ENDING_DONE);
    turns(f, 2);
    assert_int_equal(tcp.ended, 1);
    close(far);
}

static void a_unix_socket_has_nothing_to_gather(void **state)
{
    struct fixture *f = *state;
    turns(f, 2);
    stream_gather(f->stream);
    far_sends(f, "x");
    turns(f, 2);
    assert_string_equal(f->got, "x");
    assert_int_equal(f->ended, 0);
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(bytes_arrive_after_open),
        EACH(all_that_has_come_is_read),
        EACH(what_is_not_taken_is_kept_and_comes_first),
        EACH(a_pause_holds_the_rest_and_the_eof),
        EACH(writes_of_one_event_leave_together),
        EACH(a_slow_reader_is_told_and_room_comes_later),
        EACH(finish_sends_all_then_fin_and_waits_for_the_peer),
        EACH(lingering_has_a_deadline),
        EACH(flushing_to_a_peer_that_does_not_read_has_a_deadline),
        EACH(the_answer_to_an_eof_still_goes_out),
        EACH(abort_ends_once_and_asynchronously),
        EACH(small_writes_leave_at_once_until_they_are_to_gather),
        EACH(urgent_data_keeps_nothing_back),
        EACH(a_unix_socket_has_nothing_to_gather),
        EACH(what_a_peer_sent_before_it_stopped_reading_is_still_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
