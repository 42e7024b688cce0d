#include "compression.h"

#include <assert.h>
#include <stdlib.h>

/* Of each kind so many are kept, about 2 MiB with the largest window: a message mostly comes and goes within one event, so that
 * few contexts are in use at a time. */
enum { SPARE_MAX = 8 };

/* Of output per call: what is inflated fills as much as a piece that came as it is; what is deflated is small. */
enum { INFLATED_ROOM = LOOP_MESSAGE_BYTES, DEFLATED_ROOM = 16384 };

struct spare {
    unsigned int key;
    void *context;
};

/* The last is the one put back last: it is warm in the cache. */
struct spares {
    struct spare at[SPARE_MAX];
    size_t count;
};

struct compression_pool {
    struct spares inflaters; /* key: window bits */
    struct spares deflaters; /* key: window bits and memory level */
    size_t lent;
    struct list idle; /* sessions whose deflater waits for their next message, the one that has waited longest first */
    size_t idle_bytes;
    uint8_t inflated[INFLATED_ROOM];
    uint8_t deflated[DEFLATED_ROOM];
};

struct compression_pool *compression_pool_new(void)
{
    struct compression_pool *pool = calloc(1, sizeof *pool);
    if (pool)
        list_init(&pool->idle);
    return pool;
}

void compression_pool_free(struct compression_pool *pool)
{
    if (!pool)
        return;
    assert(pool->lent == 0 && list_is_empty(&pool->idle) && pool->idle_bytes == 0);
    while (pool->inflaters.count > 0)
        inflater_free(pool->inflaters.at[--pool->inflaters.count].context);
    while (pool->deflaters.count > 0)
        deflater_free(pool->deflaters.at[--pool->deflaters.count].context);
    free(pool);
}

size_t compression_lent(const struct compression_pool *pool)
{
    return pool->lent;
}

size_t compression_idle_bytes(const struct compression_pool *pool)
{
    return pool->idle_bytes;
}

void compression_init(struct compression *compression, const struct websocket_deflate *agreed)
{
    *compression = (struct compression){.agreed = *agreed};
    list_init(&compression->idle);
}

/* ---- spare contexts */

static void *remove_at(struct spares *spares, size_t i)
{
    void *context = spares->at[i].context;
    spares->count--;
    memmove(&spares->at[i], &spares->at[i + 1], (spares->count - i) * sizeof *spares->at);
    return context;
}

/* NULL: there is none with that key. */
static void *take_spare(struct spares *spares, unsigned int key)
{
    for (size_t i = spares->count; i-- > 0;) {
        if (spares->at[i].key == key)
            return remove_at(spares, i);
    }
    return NULL;
}

/* Returns the one that had to make room, the coldest; or NULL. */
static void *keep_spare(struct spares *spares, unsigned int key, void *context)
{
    void *coldest = spares->count == SPARE_MAX ? remove_at(spares, 0) : NULL;
    spares->at[spares->count++] = (struct spare){key, context};
    return coldest;
}

/* ---- lending */

static bool borrow_inflater(struct compression_pool *pool, struct compression *compression)
{
    unsigned int bits = compression->agreed.in.window_bits;
    struct inflater *inflater = take_spare(&pool->inflaters, bits);
    compression->inflater = inflater ? inflater : inflater_new(bits);
    pool->lent += compression->inflater != NULL;
    return compression->inflater != NULL;
}

static void give_inflater_back(struct compression_pool *pool, struct compression *compression)
{
    struct inflater *inflater = compression->inflater;
    compression->inflater = NULL;
    pool->lent--;
    if (inflater_is_idle(inflater)) {
        inflater_reset(inflater);
        inflater = keep_spare(&pool->inflaters, compression->agreed.in.window_bits, inflater);
    }
    inflater_free(inflater);
}

static unsigned int deflater_key(const struct websocket_deflate *agreed)
{
    return agreed->out.window_bits * 16U + agreed->memory_level;
}

static size_t size_of(const struct compression *compression)
{
    return deflater_size(compression->agreed.out.window_bits, compression->agreed.memory_level);
}

/* Its deflater waits no more. */
static void wake(struct compression_pool *pool, struct compression *compression)
{
    if (list_is_empty(&compression->idle))
        return;
    list_remove(&compression->idle);
    pool->idle_bytes -= size_of(compression);
}

static bool borrow_deflater(struct compression_pool *pool, struct compression *compression)
{
    const struct websocket_deflate *agreed = &compression->agreed;
    struct deflater *deflater = take_spare(&pool->deflaters, deflater_key(agreed));
    compression->deflater = deflater ? deflater : deflater_new(agreed->out.window_bits, agreed->memory_level);
    pool->lent += compression->deflater != NULL;
    return compression->deflater != NULL;
}

static void give_deflater_back(struct compression_pool *pool, struct compression *compression)
{
    struct deflater *deflater = compression->deflater;
    wake(pool, compression);
    compression->deflater = NULL;
    pool->lent--;
    if (deflater_is_idle(deflater)) {
        deflater_reset(deflater);
        deflater = keep_spare(&pool->deflaters, deflater_key(&compression->agreed), deflater);
    }
    deflater_free(deflater);
}

static void let_wait(struct compression_pool *pool, struct compression *compression)
{
    list_append(&pool->idle, &compression->idle);
    pool->idle_bytes += size_of(compression);
    while (pool->idle_bytes > COMPRESSION_IDLE_BYTES)
        give_deflater_back(pool, CONTAINER_OF(pool->idle.next, struct compression, idle));
}

void compression_end(struct compression_pool *pool, struct compression *compression)
{
    if (compression->inflater)
        give_inflater_back(pool, compression);
    if (compression->deflater)
        give_deflater_back(pool, compression);
}

/* ---- messages */

static enum deflate_event out_of_memory(struct deflate_io *io)
{
    io->out = span_of(NULL, 0);
    io->why = ENDING_MEMORY;
    return DEFLATE_FAULT;
}

enum deflate_event compression_inflate(struct compression_pool *pool, struct compression *compression,
                                       struct deflate_io *io, uint64_t limit)
{
    if (!compression->inflater && !borrow_inflater(pool, compression))
        return out_of_memory(io);
    io->to = pool->inflated;
    io->size = sizeof pool->inflated;
    enum deflate_event event = inflater_next(compression->inflater, io, limit);
    if (event == DEFLATE_FAULT || (event == DEFLATE_DONE && !compression->agreed.in.takeover))
        give_inflater_back(pool, compression);
    return event;
}

enum deflate_event compression_deflate(struct compression_pool *pool, struct compression *compression,
                                       struct deflate_io *io)
{
    if (!compression->deflater && !borrow_deflater(pool, compression))
        return out_of_memory(io);
    wake(pool, compression);
    io->to = pool->deflated;
    io->size = sizeof pool->deflated;
    enum deflate_event event = deflater_next(compression->deflater, io);
    if (event != DEFLATE_DONE)
        return event;
    if (compression->agreed.out.takeover)
        let_wait(pool, compression);
    else
        give_deflater_back(pool, compression);
    return event;
}
