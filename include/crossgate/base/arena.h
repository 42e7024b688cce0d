/* Memory that is freed all at once, with destructors for what it refers to.
 *
 * A plan and a request head each live in one arena: whoever frees the arena frees all of it. */
#ifndef CROSSGATE_BASE_ARENA_H
#define CROSSGATE_BASE_ARENA_H

#include "crossgate/base/span.h"

struct arena;
struct chunk;

/* Chunks that arenas have left behind, for those that come and go with each request. Zeroed it is ready for use. */
struct arena_store {
    struct chunk *spare;
    size_t count;
};

/* About 256 KiB; more goes back to the system. */
enum { ARENA_SPARE_MAX = 64 };

/* Frees the chunks that lie in it. Arenas that were made from it are freed before. */
void arena_store_deinit(struct arena_store *store);

/* NULL when memory is out. The caller frees it with arena_free. */
struct arena *arena_new(void);

/* Takes what it needs from the store, which must outlive it, and leaves it there. NULL when memory is out. */
struct arena *arena_new_from(struct arena_store *store);

/* Runs the destructors in reverse order of arena_defer, then frees all memory. Accepts NULL. */
void arena_free(struct arena *arena);

/* Zeroed memory, aligned for any type, valid until arena_free. NULL when memory is out. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((warn_unused_result));

/* A zero-terminated copy of the bytes. NULL when memory is out. */
char *arena_copy(struct arena *arena, struct span bytes) __attribute__((warn_unused_result));

/* Has destroy(object) called by arena_free. When memory is out, destroys the object at once and returns
 * false: in both cases the caller has given it away. */
bool arena_defer(struct arena *arena, void (*destroy)(void *object), void *object) __attribute__((warn_unused_result));

/* Bytes handed out so far, each piece rounded up to its alignment: by it tests hold a request to its bound. */
size_t arena_used(const struct arena *arena);

#endif
