#include "crossgate/base/pool.h"

#include <assert.h>
#include <stdlib.h>

void pool_init(struct pool *pool)
{
    *pool = (struct pool){0};
}

void pool_deinit(struct pool *pool)
{
    assert(pool->lent == 0);
    while (pool->free) {
        struct pool_block *next = pool->free->next;
        free(pool->free);
        pool->free = next;
    }
    pool->spare = 0;
}

struct pool_block *pool_get(struct pool *pool)
{
    struct pool_block *block = pool->free;
    if (block) {
        pool->free = block->next;
        pool->spare--;
    } else {
        block = malloc(sizeof *block);
        if (!block)
            return NULL;
    }
    pool->lent++;
    block->next = NULL;
    return block;
}

void pool_put(struct pool *pool, struct pool_block *block)
{
    assert(pool->lent > 0);
    pool->lent--;
    if (pool->spare >= POOL_SPARE_MAX) {
        free(block);
        return;
    }
    block->next = pool->free;
    pool->free = block;
    pool->spare++;
}
