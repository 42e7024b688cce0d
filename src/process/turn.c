#include "turn.h"

#include "crossgate/file.h"
#include "crossgate/limits.h"
#include "crossgate/tls.h"
#include "crossgate/websocket.h"

#include <assert.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Its only purpose is to end the wait; turn_once does what is due. By itself it would not end it: a timer that is due when
 * uv_run begins is fired before the poll, which then waits for the next event. */
static void on_alarm(uv_timer_t *handle)
{
    struct turn *turn = handle->data;
    turn->due = UINT64_MAX;
    uv_stop(handle->loop);
}

/* It has woken us, and turn_once looks at what is done. */
static void on_rung(uv_poll_t *handle, int status, int events)
{
    struct turn *turn = handle->data;
    uint64_t times;
    (void)status;
    (void)events;
    (void)!read(turn->bell, &times, sizeof times);
}

/* Not uv_async_send: who is woken by that waits, spinning, for the thread to leave it, which with its low priority does not get
 * to that as long as somebody spins. */
static void ring(void *user)
{
    const struct turn *turn = user;
    const uint64_t once = 1;
    (void)!write(turn->bell, &once, sizeof once);
}

/* The bell alone is nothing to wait for. */
static bool hang_bell(struct turn *turn)
{
    turn->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (turn->bell < 0 || uv_poll_init(&turn->uv, &turn->rung, turn->bell) != 0)
        return false;
    turn->rung.data = turn;
    uv_unref((uv_handle_t *)&turn->rung);
    return uv_poll_start(&turn->rung, UV_READABLE, on_rung) == 0;
}

bool turn_init(struct turn *turn, struct log *log, struct counters *counters)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    turn->due = UINT64_MAX;
    if (uv_loop_init(&turn->uv) != 0 || !loop_init(&turn->loop, &turn->uv, log, counters))
        return false;
    turn->loop.handshakes = tls_queue_new(ring, turn);
    turn->loop.tickets = tls_tickets_new();
    turn->loop.websockets = websocket_codec_new();
    turn->loop.files = file_cache_new();
    turn->alarm.data = turn;
    return turn->loop.handshakes && turn->loop.tickets && turn->loop.websockets && turn->loop.files &&
           uv_timer_init(&turn->uv, &turn->alarm) == 0 && hang_bell(turn);
}

void turn_deinit(struct turn *turn)
{
    tls_queue_free(turn->loop.handshakes);
    turn->loop.handshakes = NULL;
    uv_close((uv_handle_t *)&turn->alarm, NULL);
    uv_close((uv_handle_t *)&turn->rung, NULL);
    close(turn->bell);
    uv_run(&turn->uv, UV_RUN_DEFAULT);
    loop_settle(&turn->loop);
    loop_bury(&turn->loop);
    tls_tickets_free(turn->loop.tickets);
    websocket_codec_free(turn->loop.websockets);
    file_cache_free(turn->loop.files);
    int closed = uv_loop_close(&turn->uv);
    assert(closed == 0);
    loop_deinit(&turn->loop);
}

static void set_alarm(struct turn *turn, uint64_t latest)
{
    uint64_t due = deadlines_next(&turn->loop.deadlines);
    if (latest < due)
        due = latest;
    if (due == turn->due)
        return;
    turn->due = due;
    uv_update_time(&turn->uv);
    if (due == UINT64_MAX)
        uv_timer_stop(&turn->alarm);
    else
        uv_timer_start(&turn->alarm, on_alarm, due > turn->loop.now ? due - turn->loop.now : 0, 0);
}

/* Established connections first: all that the kernel has for them is read, answered and written by the callbacks of uv_run
 * (each ends with loop_settle). Only then handshakes get their budget, and only then the dead are buried. */
void turn_once(struct turn *turn, uint64_t latest)
{
    struct loop *loop = &turn->loop;
    loop_tick(loop);
    bool waiting = tls_queue_is_waiting(loop->handshakes);
    bool stands_back = waiting && tls_queue_stands_back(loop->handshakes);
    set_alarm(turn, stands_back && latest > loop->now + 1 ? loop->now + 1 : latest);
    uv_run(&turn->uv, waiting && !stands_back ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    loop_tick(loop);
    loop_settle(loop);
    tls_queue_spend(loop->handshakes, LIMIT_HANDSHAKE_BUDGET);
    loop_settle(loop);
    loop_tick(loop);
    deadlines_expire(&loop->deadlines, loop->now);
    loop_settle(loop);
    loop_bury(loop);
}
