#include "crossgate/base/deadline.h"

#include <assert.h>

void deadlines_init(struct deadlines *deadlines)
{
    deadlines->count = 0;
}

void deadline_init(struct deadline *deadline, void (*expire)(struct deadline *))
{
    list_init(&deadline->link);
    deadline->due = 0;
    deadline->expire = expire;
}

/* The line of that length: its own, an unused one, a new one, or NULL when all are taken by other lengths. */
static struct deadline_line *line_for(struct deadlines *deadlines, uint32_t length)
{
    struct deadline_line *unused = NULL;
    for (unsigned i = 0; i < deadlines->count; i++) {
        struct deadline_line *line = &deadlines->lines[i];
        if (line->length == length)
            return line;
        if (list_is_empty(&line->waiting))
            unused = line;
    }
    if (!unused && deadlines->count < DEADLINE_LINES) {
        unused = &deadlines->lines[deadlines->count++];
        list_init(&unused->waiting);
    }
    if (unused)
        unused->length = length;
    return unused;
}

void deadline_arm(struct deadlines *deadlines, struct deadline *deadline, uint32_t length, uint64_t now)
{
    deadline_disarm(deadline);
    if (length == 0)
        return;
    deadline->due = now + length;
    struct deadline_line *line = line_for(deadlines, length);
    if (!line)
        line = &deadlines->lines[0];
    /* In a line of its own length it goes to the end at once; in a borrowed line it is put in its place. */
    struct list *place = &line->waiting;
    while (place->previous != &line->waiting &&
           CONTAINER_OF(place->previous, struct deadline, link)->due > deadline->due)
        place = place->previous;
    list_insert_before(place, &deadline->link);
}

void deadline_disarm(struct deadline *deadline)
{
    list_remove(&deadline->link);
}

static struct deadline *line_first(const struct deadline_line *line)
{
    return list_is_empty(&line->waiting) ? NULL : CONTAINER_OF(line->waiting.next, struct deadline, link);
}

uint64_t deadlines_next(const struct deadlines *deadlines)
{
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; i < deadlines->count; i++) {
        const struct deadline *first = line_first(&deadlines->lines[i]);
        if (first && first->due < next)
            next = first->due;
    }
    return next;
}

void deadlines_expire(struct deadlines *deadlines, uint64_t now)
{
    for (unsigned i = 0; i < deadlines->count; i++) {
        struct deadline *first;
        while ((first = line_first(&deadlines->lines[i])) && first->due <= now) {
            deadline_disarm(first);
            first->expire(first);
        }
    }
}
