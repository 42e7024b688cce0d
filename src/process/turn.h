/* An event loop with all that the layers want of one, and the order in which it works. */
#ifndef CROSSGATE_PROCESS_TURN_H
#define CROSSGATE_PROCESS_TURN_H

#include "crossgate/lookout.h"

#include <uv.h>

struct turn {
    uv_loop_t uv;
    struct watch libuv; /* its epoll, in ours */
    struct watch bell;  /* eventfd, of the thread that does costly handshakes */
    bool libuv_is_ready;
    struct loop loop;
};

/* From now on SIGPIPE is ignored. False when memory or descriptors are out: the process has to end. Borrows log and counters. */
bool turn_init(struct turn *turn, struct log *log, struct counters *counters) __attribute__((warn_unused_result));

/* Waits for events, until `latest` (ms of loop.now; UINT64_MAX: as long as it takes) and not beyond the next deadline, and does all that
 * follows from them. */
void turn_once(struct turn *turn, uint64_t latest);

/* Whether nothing is watched but the turn's own descriptors, and libuv has nothing to do. */
bool turn_is_idle(const struct turn *turn);

/* When all guests have gone; whoever has handles of his own in the loop has begun to close them. What is asserted here is the leak test
 * of each run. */
void turn_deinit(struct turn *turn);

#endif
