/* How long to wait: each step has its time, and all together have theirs. */
#ifndef CROSSGATE_PROBE_CLOCK_H
#define CROSSGATE_PROBE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock {
    uint64_t final; /* us, when all is over */
    uint32_t step;  /* ms */
};

/* Monotonic, in us. */
uint64_t clock_now(void);

/* When a step that begins now has to be done. */
uint64_t clock_step(const struct clock *clock);

/* ms that are left, for poll; 0: none. */
int clock_left(uint64_t until);

bool clock_is_over(const struct clock *clock);

#endif
