#include "crossgate/base/buffer.h"

#include <assert.h>

static void check(const struct buffer *buffer)
{
    assert((buffer->length == 0) == (buffer->head == NULL));
    assert((buffer->head == NULL) == (buffer->tail == NULL));
    assert(buffer->tail_used <= POOL_BLOCK_BYTES && buffer->head_offset <= POOL_BLOCK_BYTES);
}

void buffer_init(struct buffer *buffer, struct pool *pool)
{
    *buffer = (struct buffer){.pool = pool};
}

static void drop_head(struct buffer *buffer)
{
    struct pool_block *next = buffer->head->next;
    pool_put(buffer->pool, buffer->head);
    buffer->head = next;
    buffer->head_offset = 0;
    if (!next) {
        buffer->tail = NULL;
        buffer->tail_used = 0;
    }
}

void buffer_clear(struct buffer *buffer)
{
    while (buffer->head)
        drop_head(buffer);
    buffer->length = 0;
    check(buffer);
}

/* Blocks for what does not fit into the tail, chained, all or none. */
static bool reserve(struct buffer *buffer, size_t bytes, struct pool_block **chain)
{
    *chain = NULL;
    for (size_t have = 0; have < bytes; have += POOL_BLOCK_BYTES) {
        struct pool_block *block = pool_get(buffer->pool);
        if (!block) {
            while (*chain) {
                struct pool_block *next = (*chain)->next;
                pool_put(buffer->pool, *chain);
                *chain = next;
            }
            return false;
        }
        block->next = *chain;
        *chain = block;
    }
    return true;
}

static struct span fill_tail(struct buffer *buffer, struct span bytes)
{
    struct span part = span_head(bytes, POOL_BLOCK_BYTES - buffer->tail_used);
    memcpy(buffer->tail->bytes + buffer->tail_used, part.at, part.len);
    buffer->tail_used += (uint32_t)part.len;
    return span_tail(bytes, part.len);
}

bool buffer_extend(struct buffer *buffer, struct span bytes)
{
    check(buffer);
    if (bytes.len == 0)
        return true;
    size_t room = buffer->tail ? POOL_BLOCK_BYTES - buffer->tail_used : 0;
    struct pool_block *chain = NULL;
    if (!reserve(buffer, bytes.len - room, &chain))
        return false;
    buffer->length += bytes.len;
    if (room > 0)
        bytes = fill_tail(buffer, bytes);
    while (bytes.len > 0) {
        struct pool_block *block = chain;
        chain = block->next;
        block->next = NULL;
        if (buffer->tail)
            buffer->tail->next = block;
        else
            buffer->head = block;
        buffer->tail = block;
        buffer->tail_used = 0;
        bytes = fill_tail(buffer, bytes);
    }
    assert(chain == NULL);
    check(buffer);
    return true;
}

size_t buffer_peek(const struct buffer *buffer, struct span *parts, size_t max)
{
    size_t count = 0;
    size_t offset = buffer->head_offset;
    for (const struct pool_block *block = buffer->head; block && count < max; block = block->next) {
        size_t end = block == buffer->tail ? buffer->tail_used : POOL_BLOCK_BYTES;
        parts[count++] = span_of(block->bytes + offset, end - offset);
        offset = 0;
    }
    return count;
}

void buffer_drop(struct buffer *buffer, size_t n)
{
    assert(n <= buffer->length);
    buffer->length -= n;
    while (n > 0) {
        size_t end = buffer->head == buffer->tail ? buffer->tail_used : POOL_BLOCK_BYTES;
        size_t here = end - buffer->head_offset;
        if (n < here) {
            buffer->head_offset += (uint32_t)n;
            break;
        }
        n -= here;
        drop_head(buffer);
    }
    check(buffer);
}
