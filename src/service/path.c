#include "crossgate/services.h"

#include <stdlib.h>

/* Crossbar's service type "path": the longest path below us selects, what none selects goes to "/". */
struct path_service {
    struct service service;
    struct path_entry *entries; /* sorted by path */
    size_t count;
    size_t deepest; /* segments of the longest path */
};

static int compare(const void *a, const void *b)
{
    struct span left = ((const struct path_entry *)a)->path, right = ((const struct path_entry *)b)->path;
    size_t common = left.len < right.len ? left.len : right.len;
    int order = common > 0 ? memcmp(left.at, right.at, common) : 0;
    return order != 0 ? order : (left.len > right.len) - (left.len < right.len);
}

static const struct path_entry *find(const struct path_service *self, struct span path)
{
    const struct path_entry wanted = {.path = path};
    return bsearch(&wanted, self->entries, self->count, sizeof *self->entries, compare);
}

/* The first n segments of a path without the slash before it: "a/b/c" -> "a/b". */
static struct span first_segments(struct span path, size_t n)
{
    size_t length = 0;
    while (length < path.len && (path.at[length] != '/' || --n > 0))
        length++;
    return span_head(path, length);
}

/* Whole segments only: "a/b" selects "a/b" and "a/b/c", never "a/bc". */
static const struct path_entry *find_longest(const struct path_service *self, struct span tail)
{
    const struct path_entry *longest = NULL;
    struct span path = span_tail(tail, 1), tried = {0};
    for (size_t n = 1; n <= self->deepest && tried.len < path.len; n++) {
        tried = first_segments(path, n);
        const struct path_entry *entry = tried.len > 0 ? find(self, tried) : NULL;
        longest = entry ? entry : longest;
    }
    return longest;
}

/* The service to pass on to, with the tail moved to where it begins; NULL: none. */
static const struct service *choose(const struct service *service, struct exchange *exchange)
{
    const struct path_service *self = (const struct path_service *)service;
    const struct path_entry *entry = find_longest(self, exchange_tail(exchange));
    if (entry)
        exchange_descend(exchange, 1 + entry->path.len);
    else
        entry = find(self, SPAN(""));
    return entry ? entry->service : NULL;
}

static void serve(const struct service *service, struct exchange *exchange)
{
    const struct service *next = choose(service, exchange);
    if (next)
        service_serve(next, exchange);
    else
        exchange_fail(exchange, ENDING_NOT_FOUND, NULL);
}

static bool takes_body(const struct service *service, struct exchange *exchange)
{
    const struct service *next = choose(service, exchange);
    return next && service_takes_body(next, exchange);
}

static size_t count_segments(struct span path)
{
    size_t count = 1;
    for (size_t i = 0; i < path.len; i++)
        count += path.at[i] == '/';
    return count;
}

const struct service *path_service_new(struct arena *arena, const struct path_settings *settings)
{
    static const struct service_ops ops = {.type = "path", .serve = serve, .takes_body = takes_body};
    struct path_service *self = arena_alloc(arena, sizeof *self);
    struct path_entry *entries = arena_alloc(arena, settings->count * sizeof *entries + 1);
    if (!self || !entries)
        return NULL;
    *self = (struct path_service){.service.ops = &ops, .entries = entries, .count = settings->count};
    for (size_t i = 0; i < settings->count; i++) {
        size_t segments = count_segments(settings->entries[i].path);
        entries[i] = settings->entries[i];
        self->deepest = segments > self->deepest ? segments : self->deepest;
    }
    qsort(entries, self->count, sizeof *entries, compare);
    return &self->service;
}
