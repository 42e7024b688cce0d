#include "acme_schedule.h"

/* Renewals of certificates that were issued together are spread over this part of their lifetime. */
enum { SPREAD = 48 };

/* This part of its lifetime is left for orders that fail, whatever an authority recommends. */
enum { RESERVE = 12 };

/* A share of `length`, as the dice fall. */
static int64_t share(int64_t length, uint32_t chance)
{
    return (int64_t)((uint64_t)length * chance >> 32);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t bounded(uint32_t seconds)
{
    return seconds < ACME_HOLD_MAX ? (int64_t)seconds : ACME_HOLD_MAX;
}

void acme_schedule_at_once(struct acme_schedule *schedule, int64_t now)
{
    *schedule = (struct acme_schedule){
        .order = later(now, schedule->not_before), .ask = INT64_MAX, .not_before = schedule->not_before};
}

void acme_schedule_renewal(struct acme_schedule *schedule, int64_t begins, int64_t ends, int64_t now, uint32_t chance)
{
    int64_t lifetime = ends > begins ? ends - begins : 0;
    *schedule = (struct acme_schedule){
        .order = later(begins + lifetime / 3 * 2 + share(lifetime / SPREAD, chance), now),
        .ask = now + share(ACME_ASK_WITHIN, chance),
        .settled = begins + ACME_KEPT_LEAST,
        .latest = ends - lifetime / RESERVE,
        .not_before = schedule->not_before,
    };
    schedule->order = later(schedule->order, schedule->not_before);
}

void acme_schedule_window(struct acme_schedule *schedule, int64_t first, int64_t last, uint32_t retry_after,
                          int64_t now, uint32_t chance)
{
    schedule->ask = now + (retry_after > 0 ? later(bounded(retry_after), ACME_ASK_LEAST) : ACME_ASK_EVERY);
    if ((first == schedule->first && last == schedule->last) || last < first || schedule->failures > 0)
        return;
    schedule->first = first;
    schedule->last = last;
    int64_t chosen = earlier(later(first + share(last - first, chance), schedule->settled), schedule->latest);
    schedule->order = later(chosen, later(now, schedule->not_before));
}

void acme_schedule_no_window(struct acme_schedule *schedule, int64_t now, uint32_t chance)
{
    schedule->ask = now + ACME_ASK_EVERY - share(ACME_ASK_EVERY / 8, chance);
}

static int64_t pause_after(unsigned failures)
{
    unsigned doublings = failures - 1;
    return doublings < 11 && ACME_PAUSE_FIRST << doublings < ACME_PAUSE_LAST ? ACME_PAUSE_FIRST << doublings
                                                                             : ACME_PAUSE_LAST;
}

void acme_schedule_failure(struct acme_schedule *schedule, bool hopeless, uint32_t retry_after, int64_t now,
                           uint32_t chance)
{
    bool serves = schedule->latest != 0;
    schedule->failures++;
    int64_t pause = hopeless ? ACME_PAUSE_LAST : pause_after(schedule->failures);
    schedule->not_before = retry_after > 0 ? now + bounded(retry_after) : 0;
    schedule->order =
        hopeless && !serves ? INT64_MAX : later(now + pause * 3 / 4 + share(pause / 2, chance), schedule->not_before);
}

void acme_schedule_bound(struct acme_schedule *schedule, int64_t now)
{
    bool at_once = schedule->failures == 0 && schedule->ask == INT64_MAX;
    schedule->not_before = earlier(schedule->not_before, now + ACME_HOLD_MAX);
    if (schedule->ask != INT64_MAX)
        schedule->ask = earlier(schedule->ask, now + ACME_HOLD_MAX);
    if (schedule->order != INT64_MAX && (at_once || schedule->failures > 0))
        schedule->order =
            earlier(schedule->order, later(at_once ? now : now + ACME_PAUSE_LAST / 4 * 5, schedule->not_before));
}

void acme_schedule_retry(struct acme_schedule *schedule, int64_t now)
{
    if (schedule->failures > 0)
        schedule->order = later(now, schedule->not_before);
    if (schedule->ask != INT64_MAX)
        schedule->ask = now;
}
