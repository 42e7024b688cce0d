/* What is no longer wanted is not taken back at once: most often it is wanted again before anything happens (a handshake is kept
 * waiting and then read on, a writer has room again), and then nothing was to be said to the kernel. Whoever is reported unwanted is
 * taken back then, so that nothing spins. */
#include "crossgate/lookout.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/* Of one wait: so few that what the kernel has looked at for it is in the caches still when it is served. A turn has as many waits
 * as it takes to serve all that are ready, within a bound; who is behind is first in the next. */
enum { EVENTS = 64, EVENTS_PER_TURN = 1024 };

struct lookout {
    int epoll;
    size_t count;
    struct epoll_event events[EVENTS];
};

struct lookout *lookout_new(void)
{
    struct lookout *lookout = malloc(sizeof *lookout);
    if (!lookout)
        return NULL;
    lookout->epoll = epoll_create1(EPOLL_CLOEXEC);
    lookout->count = 0;
    if (lookout->epoll >= 0)
        return lookout;
    free(lookout);
    return NULL;
}

void lookout_free(struct lookout *lookout)
{
    if (!lookout)
        return;
    assert(lookout->count == 0);
    close(lookout->epoll);
    free(lookout);
}

size_t lookout_count(const struct lookout *lookout)
{
    return lookout->count;
}

/* Makes the kernel report exactly what is wanted, and look whether it is true now. Who waits to write is told again and again. Who is
 * told once hears of urgent data as well, since that ends a receive before all there is has been taken. */
static bool instruct(struct lookout *lookout, struct watch *watch)
{
    bool once = watch->takes_all && !(watch->wanted & EPOLLOUT);
    struct epoll_event event = {.events = watch->wanted | (once ? EPOLLET | EPOLLPRI : 0), .data.ptr = watch};
    int operation = !watch->is_known ? EPOLL_CTL_ADD : watch->wanted ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
    if (epoll_ctl(lookout->epoll, operation, watch->descriptor, &event) < 0)
        return false;
    watch->reported = watch->wanted;
    watch->is_known = watch->wanted != 0;
    return true;
}

/* Taking back needs no memory. */
static void tell(struct lookout *lookout, struct watch *watch, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP))
        events |= EPOLLIN | EPOLLOUT;
    if (events & EPOLLPRI)
        events |= EPOLLIN;
    if (watch->descriptor < 0)
        return;
    if (events & watch->wanted)
        watch->on_ready(watch, events & (watch->wanted | EPOLLERR | EPOLLPRI));
    else
        (void)instruct(lookout, watch);
}

void lookout_wait(struct loop *loop, int timeout)
{
    struct lookout *lookout = loop->lookout;
    int count, told = 0;
    do {
        count = epoll_wait(lookout->epoll, lookout->events, EVENTS, told == 0 ? timeout : 0);
        if (told == 0)
            loop_tick(loop);
        for (int i = 0; i < count; i++)
            tell(lookout, lookout->events[i].data.ptr, lookout->events[i].events);
        told += count;
    } while (count == EVENTS && told < EVENTS_PER_TURN);
}

void watch_open(struct lookout *lookout, struct watch *watch, int descriptor,
                void (*on_ready)(struct watch *watch, uint32_t events))
{
    *watch = (struct watch){.descriptor = descriptor, .on_ready = on_ready};
    lookout->count++;
}

bool watch_for(struct lookout *lookout, struct watch *watch, uint32_t events)
{
    watch->wanted = events;
    return !(events & ~watch->reported) || instruct(lookout, watch);
}

void watch_again(struct watch *watch, uint32_t events)
{
    watch->reported &= ~events;
}

static int give_up(struct lookout *lookout, struct watch *watch)
{
    int descriptor = watch->descriptor;
    watch->descriptor = -1;
    lookout->count--;
    return descriptor;
}

void watch_close(struct lookout *lookout, struct watch *watch)
{
    close(give_up(lookout, watch));
}

int watch_release(struct lookout *lookout, struct watch *watch)
{
    if (watch->is_known)
        epoll_ctl(lookout->epoll, EPOLL_CTL_DEL, watch->descriptor, NULL);
    return give_up(lookout, watch);
}
