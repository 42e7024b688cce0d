#include "pace.h"

enum { SECOND = 1000000000 };

/* Seconds and the rest apart, so that no product is too large. */
static uint64_t time_of(const struct pace *pace, uint64_t index)
{
    return pace->start + index / pace->rate * SECOND + index % pace->rate * SECOND / pace->rate;
}

/* How many are meant to begin before that time: the inverse of time_of, which rounds down. */
static uint64_t count_before(const struct pace *pace, uint64_t time)
{
    uint64_t since = time > pace->start ? time - pace->start : 0;
    return since / SECOND * pace->rate + (since % SECOND * pace->rate + SECOND - 1) / SECOND;
}

uint64_t pace_next(const struct pace *pace)
{
    uint64_t time = time_of(pace, pace->taken);
    return time < pace->end ? time : UINT64_MAX;
}

bool pace_take(struct pace *pace, uint64_t now, uint64_t *intended)
{
    *intended = pace_next(pace);
    if (*intended > now || *intended == UINT64_MAX)
        return false;
    pace->taken++;
    return true;
}

uint64_t pace_owed(const struct pace *pace, uint64_t now)
{
    return count_before(pace, now < pace->end ? now + 1 : pace->end) - pace->taken;
}
