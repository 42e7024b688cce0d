/* A worker: one loop, one thread, nothing shared. The order in which it works is in turn.c; the way of a connection begins in
 * front.c. */
#include "crossgate/process.h"

#include "child.h"
#include "inbox.h"
#include "slice.h"
#include "turn.h"

#include "crossgate/limits.h"
#include "crossgate/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

struct worker {
    struct turn turn;
    uv_poll_t control;
    uv_signal_t terminate;
    struct log log;
    struct counters *counters;
    struct inbox inbox;
    struct front *front; /* in force; NULL before the first one and after the last */
    uint64_t cut;        /* when a drain is over; UINT64_MAX: it has not begun */
    unsigned dropped;    /* log lines that were counted */
    int status;
};

/* ---- leaving */

/* Guests may go, and take others along, while they are told; each is told once. */
static void tell_guests(struct loop *loop)
{
    struct list waiting;
    list_init(&waiting);
    list_move_all(&waiting, &loop->guests);
    while (!list_is_empty(&waiting)) {
        struct guest *guest = CONTAINER_OF(waiting.next, struct guest, link);
        list_remove(&guest->link);
        list_append(&loop->guests, &guest->link);
        guest->leave(guest);
    }
}

static void leave(struct worker *worker)
{
    if (worker->turn.loop.leaving)
        return;
    worker->turn.loop.leaving = true;
    worker->cut =
        worker->turn.loop.now + (worker->front ? front_plan(worker->front)->process.drain_timeout : LIMIT_DRAIN);
    front_close(worker->front);
    worker->front = NULL;
    inbox_deinit(&worker->inbox);
    tell_guests(&worker->turn.loop);
}

/* Whether anything lives in the loop besides our own handles. */
static bool is_empty(struct worker *worker)
{
    uv_handle_t *const own[] = {(uv_handle_t *)&worker->control, (uv_handle_t *)&worker->terminate};
    if (!list_is_empty(&worker->turn.loop.guests) || atomic_load(&worker->counters->connections_open) > 0)
        return false;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        uv_unref(own[i]);
    bool empty = turn_is_idle(&worker->turn);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        uv_ref(own[i]);
    return empty;
}

/* ---- what the master and the system say */

static void put_in_force(struct worker *worker, struct front *front)
{
    /* The new one first: where both have the same socket, somebody always accepts. */
    if (!front_open(front)) {
        log_write(&worker->log, LOG_ERROR, "out of memory: another worker takes over");
        front_close(front);
        worker->status = 1;
        inbox_say_leaving(&worker->inbox);
        leave(worker);
        return;
    }
    front_close(worker->front);
    worker->front = front;
    inbox_say_switched(&worker->inbox);
}

static void on_control(uv_poll_t *handle, int status, int events)
{
    struct worker *worker = handle->data;
    (void)status; /* the socket says it itself */
    (void)events;
    loop_tick(&worker->turn.loop);
    for (enum inbox_event event = INBOX_NOTED; event != INBOX_EMPTY && !worker->turn.loop.leaving;) {
        event = inbox_hear(&worker->inbox, &worker->turn.loop, worker->front ? front_plan(worker->front) : NULL);
        if (event == INBOX_SWITCH) {
            put_in_force(worker, inbox_take(&worker->inbox));
        } else if (event == INBOX_LEAVE) {
            leave(worker);
        } else if (event == INBOX_REFUSED && !worker->front) {
            worker->status = 1;
            leave(worker);
        }
    }
    if (worker->turn.loop.leaving)
        uv_poll_stop(&worker->control);
    loop_settle(&worker->turn.loop);
}

static void on_terminate(uv_signal_t *handle, int number)
{
    struct worker *worker = handle->data;
    (void)number;
    loop_tick(&worker->turn.loop);
    if (!worker->turn.loop.leaving) {
        inbox_say_leaving(&worker->inbox);
        leave(worker);
    }
    loop_settle(&worker->turn.loop);
}

/* ---- start and end */

static void shape_process(void)
{
    prctl(PR_SET_NAME, "crossgate", 0, 0, 0);
    umask(0077);
    slice_ask_short();
}

static struct counters *map_counters(void)
{
    void *page = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, MAP_SHARED, CHILD_COUNTERS, 0);
    close(CHILD_COUNTERS);
    return page == MAP_FAILED ? NULL : page;
}

static bool open_handles(struct worker *worker)
{
    uv_loop_t *uv = &worker->turn.uv;
    if (uv_poll_init(uv, &worker->control, CHILD_CONTROL) != 0 || uv_signal_init(uv, &worker->terminate) != 0)
        return false;
    worker->control.data = worker->terminate.data = worker;
    return uv_poll_start(&worker->control, UV_READABLE, on_control) == 0 &&
           uv_signal_start(&worker->terminate, on_terminate, SIGTERM) == 0;
}

static bool start(struct worker *worker, const char *index)
{
    char origin[16];
    snprintf(origin, sizeof origin, "worker %s", index);
    *worker = (struct worker){.cut = UINT64_MAX};
    log_init(&worker->log, STDERR_FILENO, LOG_INFO, origin);
    shape_process();
    fcntl(CHILD_CONTROL, F_SETFD, FD_CLOEXEC);
    inbox_init(&worker->inbox, CHILD_CONTROL);
    worker->counters = map_counters();
    if (worker->counters && turn_init(&worker->turn, &worker->log, worker->counters) && open_handles(worker))
        return true;
    log_write(&worker->log, LOG_ERROR, "cannot start: memory or descriptors are out");
    return false;
}

/* Everything has gone by itself. The control socket is left to the system: its end tells the master that we are dead. */
static int finish(struct worker *worker)
{
    uv_close((uv_handle_t *)&worker->control, NULL);
    uv_close((uv_handle_t *)&worker->terminate, NULL);
    turn_deinit(&worker->turn);
    return worker->status;
}

/* The drain took too long: there is no orderly way to end what does not end. */
static _Noreturn void cut(struct worker *worker)
{
    log_write(&worker->log, LOG_WARNING, "the drain is over: %llu connection(s) are cut, and those to backends",
              (unsigned long long)atomic_load(&worker->counters->connections_open));
    _exit(worker->status);
}

/* ---- */

static void publish(struct worker *worker)
{
    unsigned dropped = worker->log.dropped;
    if (dropped > worker->dropped)
        counter_add(&worker->counters->log_lines_dropped, dropped - worker->dropped);
    worker->dropped = dropped;
}

static bool was_started_by_master(int argc)
{
    int type = 0;
    socklen_t size = sizeof type;
    return argc == 2 && getsockopt(CHILD_CONTROL, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

/* False: the master is told, if it can be. */
static bool drop_privileges(void)
{
    struct handover message = {.type = HANDOVER_REFUSED};
    if (account_adopt())
        return true;
    snprintf(message.text, sizeof message.text, "cannot drop privileges: %s", strerror(errno));
    if (!handover_send(CHILD_CONTROL, &message))
        fprintf(stderr, "crossgate worker: %s\n", message.text);
    return false;
}

int worker_main(int argc, char **argv)
{
    if (!was_started_by_master(argc)) {
        fprintf(stderr, "crossgate worker: is started by `crossgate run` only\n");
        return 2;
    }
    if (!drop_privileges())
        return 1;
    tls_memory_prepare();
    tls_provider_prepare();
    struct worker worker;
    if (!start(&worker, argv[1]))
        return 1;
    while (!worker.turn.loop.leaving || !is_empty(&worker)) {
        turn_once(&worker.turn, worker.cut);
        if (worker.front)
            front_settle(worker.front);
        publish(&worker);
        if (worker.turn.loop.now >= worker.cut)
            cut(&worker);
    }
    return finish(&worker);
}
