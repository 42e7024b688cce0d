/* The backends that an operator has drained, by name: what outlives reloads and workers. */
#ifndef CROSSGATE_PROCESS_DRAINED_H
#define CROSSGATE_PROCESS_DRAINED_H

#include "crossgate/plan.h"

/* Each worker is told of all of them at once, before a SWITCH and again when they are forgotten: its socket must take that. */
enum { DRAINED_MAX = 64 };

struct drained {
    char *names[DRAINED_MAX];
    size_t count;
};

/* False: there are too many, or memory is out. One that is in it already is no more in it. */
bool drained_add(struct drained *drained, const char *name) __attribute__((warn_unused_result));

/* False: it is not in it. */
bool drained_remove(struct drained *drained, const char *name);

bool drained_has(const struct drained *drained, const char *name);

/* Whether any upstream of the plan has a backend of that name. */
bool drained_may_have(const struct plan *plan, const char *name);

void drained_deinit(struct drained *drained);

#endif
