#include "clock.h"

#include <limits.h>
#include <time.h>

uint64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_step(const struct clock *clock)
{
    uint64_t end = clock_now() + (uint64_t)clock->step * 1000;
    return end < clock->final ? end : clock->final;
}

int clock_left(uint64_t until)
{
    uint64_t now = clock_now();
    uint64_t left = until > now ? (until - now + 999) / 1000 : 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

bool clock_is_over(const struct clock *clock)
{
    return clock_now() >= clock->final;
}
