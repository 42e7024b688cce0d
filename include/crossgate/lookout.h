/* Which descriptors are ready: one epoll for each loop. Level-triggered, but for those that take all there is (edge-triggered, EPOLLET):
 * of them the kernel need not look again in the next wait whether anything is left.
 *
 * Memory of a watch must last until the end of the turn in which it is given up (PHASE_BURY, as everywhere): an event of the same
 * wait may still name it, finds that it has no descriptor, and is dropped. */
#ifndef CROSSGATE_LOOKOUT_H
#define CROSSGATE_LOOKOUT_H

#include "crossgate/base/loop.h"

#include <sys/epoll.h>

struct watch {
    int descriptor;    /* -1: given up */
    uint32_t wanted;   /* EPOLLIN, EPOLLOUT, EPOLLRDHUP */
    uint32_t reported; /* what the kernel reports: at least what is wanted */
    bool is_known;     /* the kernel knows of the descriptor */
    bool takes_all;    /* set by its owner: whoever is told of EPOLLIN takes all there is, or says watch_again */
    void (*on_ready)(struct watch *watch, uint32_t events);
};

/* NULL when memory or descriptors are out. Goes to loop->lookout, without which no stream, listener or dial can be made. */
struct lookout *lookout_new(void);

/* Asserts that no watch is left. May be NULL. */
void lookout_free(struct lookout *lookout);

/* How many watches there are. */
size_t lookout_count(const struct lookout *lookout);

/* Waits `timeout` ms (-1: as long as it takes) or until a signal comes, sets loop->now, and calls on_ready of those that are ready. */
void lookout_wait(struct loop *loop, int timeout);

/* Nothing is wanted yet. The descriptor stays its owner's, but is closed by watch_close or after watch_release only. */
void watch_open(struct lookout *lookout, struct watch *watch, int descriptor,
                void (*on_ready)(struct watch *watch, uint32_t events));

/* From now on on_ready is called as long as one of these is true, with those that are. An error or a hang-up makes EPOLLIN and EPOLLOUT
 * true, as far as they are wanted: recv and send say what it is; EPOLLERR is told besides, and urgent data as EPOLLIN, with EPOLLPRI, to
 * whoever takes all. False when the kernel has no memory for it. */
bool watch_for(struct lookout *lookout, struct watch *watch, uint32_t events) __attribute__((warn_unused_result));

/* What it was told of has not been used up: as long as it is wanted it will be told again. Followed by watch_for. */
void watch_again(struct watch *watch, uint32_t events);

/* Gives up, and closes a descriptor that nobody else has: were there a copy, in another process or not, the kernel would go on to tell of
 * it. */
void watch_close(struct lookout *lookout, struct watch *watch);

/* Gives up, for all other descriptors: the kernel forgets it first. Returns it. */
int watch_release(struct lookout *lookout, struct watch *watch);

#endif
