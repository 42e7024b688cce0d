#include "crossgate/base/arena.h"

#include <sanitizer/asan_interface.h>
#include <stdalign.h>
#include <stdlib.h>

enum { CHUNK_BYTES = 4096 - 64 };

struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
    alignas(max_align_t) uint8_t bytes[];
};

struct deferred {
    struct deferred *next;
    void (*destroy)(void *object);
    void *object;
};

struct arena {
    struct chunk *chunks; /* the first one is being filled */
    struct deferred *deferred;
    struct arena_store *store; /* NULL: none */
    size_t used;
};

static struct chunk *chunk_new(struct arena_store *store, size_t size)
{
    struct chunk *chunk = store && size == CHUNK_BYTES ? store->spare : NULL;
    if (chunk) {
        ASAN_UNPOISON_MEMORY_REGION(chunk->bytes, CHUNK_BYTES);
        store->spare = chunk->next;
        store->count--;
    } else {
        chunk = malloc(sizeof *chunk + size);
    }
    if (chunk)
        *chunk = (struct chunk){.size = size};
    return chunk;
}

static void chunk_free(struct arena_store *store, struct chunk *chunk)
{
    if (!store || chunk->size != CHUNK_BYTES || store->count == ARENA_SPARE_MAX) {
        free(chunk);
        return;
    }
    chunk->next = store->spare;
    store->spare = chunk;
    store->count++;
    ASAN_POISON_MEMORY_REGION(chunk->bytes, CHUNK_BYTES);
}

struct arena *arena_new_from(struct arena_store *store)
{
    struct arena *arena = calloc(1, sizeof *arena);
    if (arena)
        arena->store = store;
    return arena;
}

struct arena *arena_new(void)
{
    return arena_new_from(NULL);
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    for (struct deferred *d = arena->deferred; d; d = d->next)
        d->destroy(d->object);
    while (arena->chunks) {
        struct chunk *next = arena->chunks->next;
        chunk_free(arena->store, arena->chunks);
        arena->chunks = next;
    }
    free(arena);
}

void arena_store_deinit(struct arena_store *store)
{
    while (store->spare) {
        struct chunk *chunk = store->spare;
        store->spare = chunk->next;
        free(chunk);
    }
    store->count = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + align - 1) / align * align;
    struct chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < size) {
        bool own = size > CHUNK_BYTES / 2;
        chunk = chunk_new(arena->store, own ? size : CHUNK_BYTES);
        if (!chunk)
            return NULL;
        if (own && arena->chunks) { /* a large one goes behind, so that the present one is filled on */
            chunk->next = arena->chunks->next;
            arena->chunks->next = chunk;
        } else {
            chunk->next = arena->chunks;
            arena->chunks = chunk;
        }
    }
    void *memory = chunk->bytes + chunk->used;
    chunk->used += size;
    arena->used += size;
    memset(memory, 0, size);
    return memory;
}

char *arena_copy(struct arena *arena, struct span bytes)
{
    char *copy = arena_alloc(arena, bytes.len + 1);
    if (copy && bytes.len > 0)
        memcpy(copy, bytes.at, bytes.len);
    return copy;
}

bool arena_defer(struct arena *arena, void (*destroy)(void *object), void *object)
{
    struct deferred *deferred = arena_alloc(arena, sizeof *deferred);
    if (!deferred) {
        destroy(object);
        return false;
    }
    *deferred = (struct deferred){.next = arena->deferred, .destroy = destroy, .object = object};
    arena->deferred = deferred;
    return true;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
