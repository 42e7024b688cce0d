#include "crossgate/services.h"

/* Crossbar's service type "path": the first segment below us selects, what it does not select goes to
 * "/". */
struct path_service {
    struct service service;
    const struct path_entry *entries;
    size_t count;
};

/* "/a/b" -> "a"; "/" and "" -> "". */
static struct span first_segment(struct span tail)
{
    struct span rest = span_tail(tail, 1);
    const uint8_t *slash = rest.len > 0 ? memchr(rest.at, '/', rest.len) : NULL;
    return slash ? span_head(rest, (size_t)(slash - rest.at)) : rest;
}

static const struct path_entry *find(const struct path_service *self, struct span segment)
{
    for (size_t i = 0; i < self->count; i++) {
        if (span_equal(self->entries[i].segment, segment))
            return &self->entries[i];
    }
    return NULL;
}

static void serve(const struct service *service, struct exchange *exchange)
{
    const struct path_service *self = (const struct path_service *)service;
    struct span segment = first_segment(exchange_tail(exchange));
    const struct path_entry *entry = find(self, segment);
    if (entry && segment.len > 0)
        exchange_descend(exchange, 1 + segment.len);
    if (!entry)
        entry = find(self, SPAN(""));
    if (entry)
        service_serve(entry->service, exchange);
    else
        exchange_fail(exchange, ENDING_NOT_FOUND, NULL);
}

const struct service *path_service_new(struct arena *arena, const struct path_settings *settings)
{
    static const struct service_ops ops = {.type = "path", .serve = serve};
    struct path_service *self = arena_alloc(arena, sizeof *self);
    if (!self)
        return NULL;
    *self = (struct path_service){.service.ops = &ops, .entries = settings->entries, .count = settings->count};
    return &self->service;
}
