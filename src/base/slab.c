#include "crossgate/base/slab.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    struct slab_chunk *chunk; /* NULL: it is free */
    union {
        struct slot *next; /* that is free */
        uint8_t object[sizeof(struct slot *)];
    };
};

struct slab_chunk {
    struct list link; /* among those of its shelf that have room */
    struct slab_shelf *shelf;
    struct slot *free; /* what came back last is first: it is warm in the cache */
    uint32_t used;
    uint32_t begun;  /* slots that have ever been used; the pages of the others are not touched */
    uint8_t slots[]; /* each as long as the shelf's stride */
};

static_assert((offsetof(struct slab_chunk, slots) + offsetof(struct slot, object)) % alignof(max_align_t) == 0 &&
                  SLAB_STEP % alignof(max_align_t) == 0,
              "objects are aligned for anything");

/* ---- chunks */

static struct slab_chunk *chunk_new(struct slab_shelf *shelf)
{
    struct slab_chunk *chunk = malloc(sizeof *chunk + (size_t)shelf->slots * shelf->stride);
    if (!chunk)
        return NULL;
    *chunk = (struct slab_chunk){.shelf = shelf};
    list_init(&chunk->link);
    list_append(&shelf->open, &chunk->link);
    shelf->chunks++;
    return chunk;
}

static void chunk_free(struct slab_chunk *chunk)
{
    assert(chunk->used == 0);
    list_remove(&chunk->link);
    chunk->shelf->chunks--;
    free(chunk);
}

static struct slot *chunk_take(struct slab_chunk *chunk)
{
    struct slot *slot = chunk->free;
    if (slot)
        chunk->free = slot->next;
    else
        slot = (struct slot *)(void *)(chunk->slots + (size_t)chunk->begun++ * chunk->shelf->stride);
    slot->chunk = chunk;
    if (++chunk->used == chunk->shelf->slots)
        list_remove(&chunk->link);
    return slot;
}

/* Last in its shelf's line: others are filled first, so that this one may become empty. One in reserve saves those who come and go one by
 * one from malloc; where it would hold a single object it saves nothing. */
static void chunk_give(struct slab_chunk *chunk, struct slot *slot)
{
    struct slab_shelf *shelf = chunk->shelf;
    slot->chunk = NULL;
    slot->next = chunk->free;
    chunk->free = slot;
    if (chunk->used-- == shelf->slots)
        list_append(&shelf->open, &chunk->link);
    bool is_only_one = shelf->open.next == &chunk->link && shelf->open.previous == &chunk->link;
    if (chunk->used == 0 && (!is_only_one || shelf->slots == 1))
        chunk_free(chunk);
}

/* ---- */

void slabs_init(struct slabs *slabs, size_t chunk_bytes)
{
    const size_t room = chunk_bytes > sizeof(struct slab_chunk) ? chunk_bytes - sizeof(struct slab_chunk) : 0;
    for (size_t i = 0; i < SLAB_SHELVES; i++) {
        const size_t stride = (i + 1) * SLAB_STEP, slots = room / stride;
        slabs->shelves[i] = (struct slab_shelf){.stride = (uint32_t)stride, .slots = slots > 0 ? (uint32_t)slots : 1};
        list_init(&slabs->shelves[i].open);
    }
}

void slabs_deinit(struct slabs *slabs)
{
    for (size_t i = 0; i < SLAB_SHELVES; i++) {
        struct slab_shelf *shelf = &slabs->shelves[i];
        if (!list_is_empty(&shelf->open))
            chunk_free(CONTAINER_OF(shelf->open.next, struct slab_chunk, link));
        assert(shelf->chunks == 0);
    }
}

void *slab_take(struct slabs *slabs, size_t size)
{
    assert(size <= SLAB_OBJECT_MAX);
    struct slab_shelf *shelf = &slabs->shelves[(size + offsetof(struct slot, object) - 1) / SLAB_STEP];
    struct slab_chunk *chunk =
        list_is_empty(&shelf->open) ? chunk_new(shelf) : CONTAINER_OF(shelf->open.next, struct slab_chunk, link);
    return chunk ? memset(chunk_take(chunk)->object, 0, size) : NULL;
}

void slab_give(void *object)
{
    if (!object)
        return;
    struct slot *slot = CONTAINER_OF(object, struct slot, object);
    assert(slot->chunk);
    chunk_give(slot->chunk, slot);
}
