/* Deadlines without a timer per connection.
 *
 * Deadlines of equal length expire in the order in which they were armed, so each length in use has one
 * FIFO list: arming, disarming and expiring are O(1). Where more lengths than DEADLINE_LINES are in use at
 * once, those beyond share a list, in which arming looks for its place. The clock is an argument. */
#ifndef CROSSGATE_BASE_DEADLINE_H
#define CROSSGATE_BASE_DEADLINE_H

#include "crossgate/base/list.h"

#include <stdint.h>

struct deadline {
    struct list link;
    uint64_t due;                              /* ms on the clock that the caller of arm and expire uses */
    void (*expire)(struct deadline *deadline); /* called once, after it has been disarmed */
};

enum { DEADLINE_LINES = 48 };

struct deadline_line {
    uint32_t length; /* ms */
    struct list waiting;
};

struct deadlines {
    struct deadline_line lines[DEADLINE_LINES];
    unsigned count;
};

/* None waits. */
void deadlines_init(struct deadlines *deadlines);

/* Not armed. Whoever frees its memory disarms it before. */
void deadline_init(struct deadline *deadline, void (*expire)(struct deadline *));

/* Starts, or starts again, a wait of `length` ms. A length of 0 means "no limit" and only disarms. */
void deadline_arm(struct deadlines *deadlines, struct deadline *deadline, uint32_t length, uint64_t now);

/* Safe on one that is not armed. */
void deadline_disarm(struct deadline *deadline);

static inline bool deadline_is_armed(const struct deadline *deadline)
{
    return !list_is_empty(&deadline->link);
}

/* When the earliest one is due; UINT64_MAX when none waits. */
uint64_t deadlines_next(const struct deadlines *deadlines);

/* Calls expire for all that are due at `now`. Callbacks may arm and disarm any deadline. */
void deadlines_expire(struct deadlines *deadlines, uint64_t now);

#endif
