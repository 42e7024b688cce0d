#include "drained.h"

#include <stdlib.h>
#include <string.h>

static size_t find(const struct drained *drained, const char *name)
{
    size_t i = 0;
    while (i < drained->count && strcmp(drained->names[i], name) != 0)
        i++;
    return i;
}

bool drained_has(const struct drained *drained, const char *name)
{
    return find(drained, name) < drained->count;
}

bool drained_add(struct drained *drained, const char *name)
{
    if (drained_has(drained, name))
        return true;
    char *copy = drained->count < DRAINED_MAX ? strdup(name) : NULL;
    if (!copy)
        return false;
    drained->names[drained->count++] = copy;
    return true;
}

static void remove_at(struct drained *drained, size_t index)
{
    free(drained->names[index]);
    drained->names[index] = drained->names[--drained->count];
}

bool drained_remove(struct drained *drained, const char *name)
{
    size_t index = find(drained, name);
    if (index == drained->count)
        return false;
    remove_at(drained, index);
    return true;
}

bool drained_may_have(const struct plan *plan, const char *name)
{
    for (const struct upstream *upstream = plan->upstreams; upstream; upstream = upstream->next) {
        for (size_t i = 0; i < upstream->count; i++) {
            if (strcmp(upstream->members[i].backend->name, name) == 0)
                return true;
        }
    }
    return false;
}

void drained_deinit(struct drained *drained)
{
    while (drained->count > 0)
        remove_at(drained, drained->count - 1);
}
