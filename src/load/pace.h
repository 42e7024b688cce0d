/* The schedule of an open loop: so many operations per second over all connections, each with the time when it was meant to begin.
 *
 * The schedule is a formula and waits for nobody. After a stall, the server's or ours, everything that fell due is still handed out, with
 * its intended time; a latency that is counted from there contains the wait, so what could not be sent in time is not left out
 * (coordinated omission). A backlog needs no memory, and ends with the schedule: what was never taken is `pace_owed`. */
#ifndef CROSSGATE_LOAD_PACE_H
#define CROSSGATE_LOAD_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { PACE_MAX = 1000000000 };

/* Times in ns of one clock. */
struct pace {
    uint64_t rate;  /* operations per second, 1 to PACE_MAX */
    uint64_t start; /* of the first one */
    uint64_t end;   /* none is meant to begin then or later */
    uint64_t taken;
};

/* The intended time of the next one to be taken; UINT64_MAX: there is none any more. */
uint64_t pace_next(const struct pace *pace);

/* Takes the next one if it is due. */
bool pace_take(struct pace *pace, uint64_t now, uint64_t *intended) __attribute__((warn_unused_result));

/* How many are due and not taken. */
uint64_t pace_owed(const struct pace *pace, uint64_t now);

#endif
