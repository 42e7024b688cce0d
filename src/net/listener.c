#include "crossgate/lookout.h"
#include "crossgate/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Accepts of one event, so that a flood of clients leaves room for those who are in already. It is one as long as clients come one by
 * one, so that the system is not asked only to hear that nobody else is there, and doubles with each turn that left some behind. */
enum { ACCEPTS_PER_EVENT = 8 };
/* How long nothing is accepted when the system has no descriptor or memory for it, and how often that is said, ms. */
enum { REST = 100, REST_SAID_EVERY = 1000 };

struct listener {
    struct loop *loop;
    listener_accept *on_accept;
    void *user;
    bool paused;
    unsigned quota;     /* accepts of the latest event */
    uint64_t exhausted; /* the turn in which all of a quota was used; there may be more */
    uint64_t said;      /* when a rest was logged last; 0: never */
    struct deadline rest;
    struct task burial;
    struct watch watch; /* without a descriptor once it is stopped */
};

/* Watches exactly while something may be accepted. */
static void watch(struct listener *listener)
{
    bool wanted = !listener->paused && !deadline_is_armed(&listener->rest);
    if (listener->watch.descriptor < 0)
        return;
    if (!watch_for(listener->loop->lookout, &listener->watch, wanted ? EPOLLIN : 0))
        deadline_arm(&listener->loop->deadlines, &listener->rest, REST, listener->loop->now);
}

static void on_rested(struct deadline *deadline)
{
    watch(CONTAINER_OF(deadline, struct listener, rest));
}

/* Polling on would spin, since the clients keep the socket readable. */
static void rest(struct listener *listener, int number)
{
    struct loop *loop = listener->loop;
    enum ending why = ENDING_INTERNAL;
    if (number == EMFILE || number == ENFILE)
        why = ENDING_DESCRIPTORS;
    else if (number == ENOBUFS || number == ENOMEM)
        why = ENDING_MEMORY;
    if (listener->said == 0 || loop->now - listener->said >= REST_SAID_EVERY) {
        listener->said = loop->now;
        loop_report(loop, why, NULL, strerror(number));
    } else {
        counter_add(&loop->counters->endings[why], 1);
    }
    deadline_arm(&loop->deadlines, &listener->rest, REST, loop->now);
    watch(listener);
}

/* A client that was gone before it could be accepted: accept(2) passes on what the network said of it. */
static bool is_clients_trouble(int number)
{
    static const int troubles[] = {ECONNABORTED, EINTR,        EPERM,      EPROTO, ENETDOWN,    ENOPROTOOPT,
                                   EHOSTDOWN,    EHOSTUNREACH, EOPNOTSUPP, ENONET, ENETUNREACH, ETIMEDOUT};
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        if (troubles[i] == number)
            return true;
    }
    return false;
}

/* False when there is nothing more to accept now. */
static bool accept_one(struct listener *listener)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    int descriptor =
        accept4(listener->watch.descriptor, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
        if (errno == EAGAIN)
            return false;
        if (is_clients_trouble(errno))
            return true;
        rest(listener, errno);
        return false;
    }
    struct peer peer;
    peer_from_socket(&peer, (const struct sockaddr *)&address);
    listener->on_accept(listener->user, descriptor, &peer);
    return true;
}

static unsigned next_quota(const struct listener *listener)
{
    if (listener->loop->turn != listener->exhausted + 1)
        return 1;
    return listener->quota < ACCEPTS_PER_EVENT ? 2 * listener->quota : ACCEPTS_PER_EVENT;
}

/* on_accept may pause or stop us. */
static void on_ready(struct watch *watched, uint32_t events)
{
    struct listener *listener = CONTAINER_OF(watched, struct listener, watch);
    (void)events; /* whatever it is, accept says it */
    listener->quota = next_quota(listener);
    unsigned asked = 0;
    while (asked < listener->quota && watched->descriptor >= 0 && !listener->paused && accept_one(listener))
        asked++;
    if (asked == listener->quota)
        listener->exhausted = listener->loop->turn;
    watch(listener);
    loop_settle(listener->loop);
}

static void bury(struct task *task)
{
    free(CONTAINER_OF(task, struct listener, burial));
}

struct listener *listener_start(struct loop *loop, int descriptor, listener_accept *on_accept, void *user)
{
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener) {
        close(descriptor);
        return NULL;
    }
    listener->loop = loop;
    listener->on_accept = on_accept;
    listener->user = user;
    listener->quota = 1;
    watch_open(loop->lookout, &listener->watch, descriptor, on_ready);
    deadline_init(&listener->rest, on_rested);
    task_init(&listener->burial, bury);
    watch(listener);
    return listener;
}

void listener_pause(struct listener *listener, bool paused)
{
    listener->paused = paused;
    watch(listener);
}

void listener_stop(struct listener *listener)
{
    close(watch_release(listener->loop->lookout, &listener->watch)); /* the master and other workers may have it, too */
    deadline_disarm(&listener->rest);
    loop_defer(listener->loop, PHASE_BURY, &listener->burial);
}
