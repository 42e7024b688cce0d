#include "turn.h"

#include "crossgate/file.h"
#include "crossgate/limits.h"
#include "crossgate/tls.h"
#include "crossgate/websocket.h"

#include <assert.h>
#include <limits.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Waits for its own turn, behind all connections that are ready with it. */
static void on_libuv(struct watch *watch, uint32_t events)
{
    (void)events;
    CONTAINER_OF(watch, struct turn, libuv)->libuv_is_ready = true;
}

/* It has woken us, and turn_once looks at what is done. */
static void on_rung(struct watch *watch, uint32_t events)
{
    uint64_t times;
    (void)events;
    (void)!read(watch->descriptor, &times, sizeof times);
}

/* Not uv_async_send: who is woken by that waits, spinning, for the thread to leave it, which with its low priority does not get
 * to that as long as somebody spins. */
static void ring(void *user)
{
    const struct turn *turn = user;
    const uint64_t once = 1;
    (void)!write(turn->bell.descriptor, &once, sizeof once);
}

static bool look_out(struct turn *turn)
{
    int bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct lookout *lookout = turn->loop.lookout = lookout_new();
    if (bell < 0 || !lookout)
        return false;
    watch_open(lookout, &turn->bell, bell, on_rung);
    watch_open(lookout, &turn->libuv, uv_backend_fd(&turn->uv), on_libuv);
    return watch_for(lookout, &turn->bell, EPOLLIN) && watch_for(lookout, &turn->libuv, EPOLLIN);
}

bool turn_init(struct turn *turn, struct log *log, struct counters *counters)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    turn->libuv_is_ready = false;
    if (uv_loop_init(&turn->uv) != 0 || !loop_init(&turn->loop, &turn->uv, log, counters))
        return false;
    turn->loop.handshakes = tls_queue_new(ring, turn);
    turn->loop.sealer = tls_sealer_new();
    turn->loop.tickets = tls_tickets_new();
    turn->loop.websockets = websocket_codec_new();
    turn->loop.files = file_cache_new();
    return turn->loop.handshakes && turn->loop.sealer && turn->loop.tickets && turn->loop.websockets &&
           turn->loop.files && look_out(turn);
}

void turn_deinit(struct turn *turn)
{
    tls_queue_free(turn->loop.handshakes);
    turn->loop.handshakes = NULL;
    uv_run(&turn->uv, UV_RUN_DEFAULT);
    loop_settle(&turn->loop);
    loop_bury(&turn->loop);
    tls_sealer_free(turn->loop.sealer);
    tls_tickets_free(turn->loop.tickets);
    websocket_codec_free(turn->loop.websockets);
    file_cache_free(turn->loop.files);
    watch_close(turn->loop.lookout, &turn->bell);
    watch_release(turn->loop.lookout, &turn->libuv);
    lookout_free(turn->loop.lookout);
    int closed = uv_loop_close(&turn->uv);
    assert(closed == 0);
    loop_deinit(&turn->loop);
}

enum { OWN_WATCHES = 2 };

bool turn_is_idle(const struct turn *turn)
{
    return lookout_count(turn->loop.lookout) == OWN_WATCHES && !uv_loop_alive(&turn->uv);
}

/* When uv_run must be called. What happens in threads and what signals bring makes libuv's descriptor ready. What is done here – a handle
 * or a job begins, changes, or is being closed – does not: libuv puts into its epoll what is new, and calls back for what is closed, within
 * uv_run only. Of that uv_backend_timeout tells by being 0, which it is as well where libuv has nothing to wait for. Timers of libuv
 * nobody has; they would be deadlines. */
static bool libuv_wants_to_run(const struct turn *turn)
{
    return turn->libuv_is_ready || (uv_loop_alive(&turn->uv) && uv_backend_timeout(&turn->uv) == 0);
}

static void run_libuv(struct turn *turn)
{
    turn->libuv_is_ready = false;
    uv_run(&turn->uv, UV_RUN_NOWAIT);
}

/* ms from loop->now, which is of the end of the last turn; -1: as long as it takes. While the handshakes that wait stand back, the next
 * look at them is after the shortest wait there is. */
static int time_to_wait(const struct turn *turn, uint64_t latest)
{
    const struct loop *loop = &turn->loop;
    uint64_t due = deadlines_next(&loop->deadlines);
    if (latest < due)
        due = latest;
    if (tls_queue_is_waiting(loop->handshakes)) {
        uint64_t next_look = loop->now + tls_queue_stands_back(loop->handshakes);
        if (next_look < due)
            due = next_look;
    }
    if (due <= loop->now || libuv_wants_to_run(turn))
        return 0;
    if (due == UINT64_MAX)
        return -1;
    return due - loop->now < INT_MAX ? (int)(due - loop->now) : INT_MAX;
}

/* Established connections first: all that the kernel has for them is read, answered and written by the callbacks of the lookout
 * (each ends with loop_settle), then by those of libuv. Only then handshakes get their budget, and only then the dead are buried. */
void turn_once(struct turn *turn, uint64_t latest)
{
    struct loop *loop = &turn->loop;
    lookout_wait(loop, time_to_wait(turn, latest));
    if (libuv_wants_to_run(turn))
        run_libuv(turn);
    loop_settle(loop);
    tls_queue_spend(loop->handshakes, LIMIT_HANDSHAKE_BUDGET);
    loop_settle(loop);
    loop_tick(loop);
    deadlines_expire(&loop->deadlines, loop->now);
    loop_settle(loop);
    loop_bury(loop);
}
