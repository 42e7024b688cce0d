/* Dialling: name -> addresses -> the first that answers -> a plain stream that is open.
 *
 * Each address gets an equal share of the time that is left, so that one that swallows packets does not cost the others
 * their turn (two addresses: half the time for the first, all that remains for the second). */
#include "plain.h"
#include "tune.h"

#include "crossgate/limits.h"
#include "crossgate/lookout.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

/* A Unix socket whose queue is full refuses at once instead of waiting: ask again after this time, ms. */
enum { UNIX_RETRY = 20 };

struct attempt;

struct dial {
    struct plain_dial dial;
    struct loop *loop;
    struct plain *plain; /* NULL: cancelled or done, freed when nothing is under way any more */
    const struct net_target *target;
    uint64_t due; /* ms: when all attempts together are over */
    struct deadline deadline;
    struct task start;
    uv_getaddrinfo_t resolve;
    bool resolving;
    struct addrinfo *addresses; /* of uv_getaddrinfo */
    const struct addrinfo *next;
    struct attempt *attempt;
    enum ending last; /* why the latest attempt failed */
    const char *detail;
};

/* One descriptor being connected. */
struct attempt {
    struct watch watch;
    struct task bury;
    struct dial *dial; /* NULL: given up */
};

static void try_next(struct dial *dial);

/* ---- ending */

static void free_if_idle(struct dial *dial)
{
    if (dial->plain || dial->resolving)
        return;
    if (dial->addresses)
        uv_freeaddrinfo(dial->addresses);
    free(dial);
}

static void bury_attempt(struct task *task)
{
    free(CONTAINER_OF(task, struct attempt, bury));
}

/* Lets go of the attempt; its descriptor is returned, for use or to be closed. */
static int attempt_take(struct dial *dial)
{
    struct attempt *attempt = dial->attempt;
    dial->attempt = NULL;
    attempt->dial = NULL;
    loop_defer(dial->loop, PHASE_BURY, &attempt->bury);
    return watch_release(dial->loop->lookout, &attempt->watch);
}

static void stop(struct dial *dial)
{
    deadline_disarm(&dial->deadline);
    task_cancel(&dial->start);
    if (dial->attempt)
        close(attempt_take(dial));
    if (dial->resolving)
        uv_cancel((uv_req_t *)&dial->resolve);
    dial->plain = NULL;
    free_if_idle(dial);
}

static void cancel(struct plain_dial *base)
{
    stop(CONTAINER_OF(base, struct dial, dial));
}

static void fail(struct dial *dial, enum ending why)
{
    struct plain *plain = dial->plain;
    const char *detail = why == dial->last ? dial->detail : NULL;
    stop(dial);
    plain_dial_failed(plain, why, detail);
}

static void succeed(struct dial *dial, int descriptor)
{
    struct plain *plain = dial->plain;
    stop(dial);
    plain_dialed(plain, descriptor);
}

/* ---- attempts */

static enum ending ending_of_errno(int number)
{
    switch (number) {
    case ECONNREFUSED:
    case ENOENT: /* a Unix socket that is not there: nobody listens */
        return ENDING_BACKEND_REFUSED;
    case EMFILE:
    case ENFILE:
        return ENDING_DESCRIPTORS;
    case ENOMEM:
    case ENOBUFS:
        return ENDING_MEMORY;
    default:
        return ENDING_BACKEND_UNREACHABLE;
    }
}

/* What the ending says already is not said again. */
static void attempt_failed(struct dial *dial, int number)
{
    dial->last = ending_of_errno(number);
    if (number == ECONNREFUSED)
        dial->detail = NULL;
    else if (number == EACCES && dial->target->kind == NET_UNIX)
        dial->detail = "Permission denied: the user that workers run as must be able to write to the socket";
    else
        dial->detail = strerrordesc_np(number);
}

static void on_connected(struct watch *watch, uint32_t events)
{
    (void)events;
    struct attempt *attempt = CONTAINER_OF(watch, struct attempt, watch);
    struct dial *dial = attempt->dial;
    struct loop *loop = dial->loop;
    int number = 0;
    socklen_t size = sizeof number;
    if (getsockopt(watch->descriptor, SOL_SOCKET, SO_ERROR, &number, &size) < 0)
        number = errno;
    int descriptor = attempt_take(dial);
    if (number == 0) {
        succeed(dial, descriptor);
    } else {
        close(descriptor);
        attempt_failed(dial, number);
        try_next(dial);
    }
    loop_settle(loop);
}

static bool attempt_start(struct dial *dial, int descriptor)
{
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (!attempt)
        return false;
    attempt->dial = dial;
    task_init(&attempt->bury, bury_attempt);
    watch_open(dial->loop->lookout, &attempt->watch, descriptor, on_connected);
    dial->attempt = attempt;
    if (watch_for(dial->loop->lookout, &attempt->watch, EPOLLOUT))
        return true;
    attempt_take(dial);
    return false;
}

/* Starts connecting; false: failed at once, dial->last says why. May end the dial with success. */
static bool attempt_address(struct dial *dial, const struct sockaddr *address, socklen_t length)
{
    int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        attempt_failed(dial, errno);
        return false;
    }
    net_tune(descriptor);
    if (connect(descriptor, address, length) == 0) {
        succeed(dial, descriptor);
        return true;
    }
    if (errno == EINPROGRESS) {
        if (attempt_start(dial, descriptor))
            return true;
        errno = ENOMEM;
    } else if (errno == EAGAIN && address->sa_family == AF_UNIX) {
        close(descriptor);
        deadline_arm(&dial->loop->deadlines, &dial->deadline, UNIX_RETRY, dial->loop->now);
        return true;
    }
    attempt_failed(dial, errno);
    close(descriptor);
    return false;
}

static void try_unix(struct dial *dial)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s", dial->target->path);
    if (length < 0 || (size_t)length >= sizeof address.sun_path)
        fail(dial, ENDING_BACKEND_UNREACHABLE);
    else if (!attempt_address(dial, (struct sockaddr *)&address, sizeof address))
        fail(dial, dial->last);
}

static uint32_t share_of_time(const struct dial *dial)
{
    uint64_t left = dial->due > dial->loop->now ? dial->due - dial->loop->now : 1;
    uint64_t addresses = 1;
    for (const struct addrinfo *info = dial->next->ai_next; info; info = info->ai_next)
        addresses++;
    return (uint32_t)(left / addresses + 1);
}

static void try_next(struct dial *dial)
{
    while (dial->next) {
        const struct addrinfo *info = dial->next;
        deadline_arm(&dial->loop->deadlines, &dial->deadline, share_of_time(dial), dial->loop->now);
        dial->next = info->ai_next;
        if (attempt_address(dial, info->ai_addr, info->ai_addrlen))
            return;
    }
    fail(dial, dial->last);
}

static void on_deadline(struct deadline *deadline)
{
    struct dial *dial = CONTAINER_OF(deadline, struct dial, deadline);
    bool over = dial->loop->now >= dial->due;
    if (dial->target->kind == NET_UNIX && !over) {
        try_unix(dial);
        return;
    }
    dial->last = ENDING_BACKEND_LATE;
    dial->detail = NULL;
    if (dial->attempt)
        close(attempt_take(dial));
    if (over || dial->resolving)
        fail(dial, ENDING_BACKEND_LATE);
    else
        try_next(dial);
}

/* ---- names */

/* An address literal needs no resolver, hence no thread. */
static bool resolve_literal(struct dial *dial, const char *port, struct addrinfo hints)
{
    hints.ai_flags |= AI_NUMERICHOST;
    return getaddrinfo(dial->target->host, port, &hints, &dial->addresses) == 0;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
    struct dial *dial = CONTAINER_OF(request, struct dial, resolve);
    struct loop *loop = dial->loop;
    loop_tick(loop);
    dial->resolving = false;
    dial->addresses = addresses;
    if (!dial->plain) {
        free_if_idle(dial);
        return;
    }
    dial->next = addresses;
    dial->last = ENDING_BACKEND_NAME;
    if (status == 0)
        try_next(dial);
    else
        fail(dial, status == UV_ENOMEM || status == UV_EAI_MEMORY ? ENDING_MEMORY : ENDING_BACKEND_NAME);
    loop_settle(loop);
}

static void resolve(struct dial *dial)
{
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)dial->target->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    if (dial->target->version != 0)
        hints.ai_family = dial->target->version == 6 ? AF_INET6 : AF_INET;
    if (resolve_literal(dial, port, hints)) {
        dial->next = dial->addresses;
        try_next(dial);
        return;
    }
    deadline_arm(&dial->loop->deadlines, &dial->deadline, (uint32_t)(dial->due - dial->loop->now), dial->loop->now);
    if (uv_getaddrinfo(dial->loop->uv, &dial->resolve, on_resolved, dial->target->host, port, &hints) == 0)
        dial->resolving = true;
    else
        fail(dial, ENDING_MEMORY);
}

static void start(struct task *task)
{
    struct dial *dial = CONTAINER_OF(task, struct dial, start);
    dial->due = dial->loop->now + (dial->target->timeout ? dial->target->timeout : LIMIT_CONNECT);
    if (dial->target->kind == NET_UNIX)
        try_unix(dial);
    else
        resolve(dial);
}

struct stream *net_connect(struct loop *loop, const struct net_target *target)
{
    struct dial *dial = calloc(1, sizeof *dial);
    if (!dial)
        return NULL;
    dial->dial.cancel = cancel;
    dial->loop = loop;
    dial->target = target;
    deadline_init(&dial->deadline, on_deadline);
    task_init(&dial->start, start);
    dial->plain = plain_new_dialing(loop, &dial->dial);
    if (!dial->plain) {
        free(dial);
        return NULL;
    }
    loop_defer(loop, PHASE_SETTLE, &dial->start);
    return plain_stream(dial->plain);
}
