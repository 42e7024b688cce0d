#include "crossgate/base/buffer.h"

#include <assert.h>

static void check(const struct buffer *buffer)
{
    assert((buffer->length == 0) == (buffer->head == NULL));
    assert((buffer->head == NULL) == (buffer->tail == NULL));
    assert(!buffer->head || buffer->head_offset <= buffer->head->used);
    assert(!buffer->tail || buffer->tail->used <= POOL_BLOCK_BYTES);
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
    if (!next)
        buffer->tail = NULL;
}

void buffer_clear(struct buffer *buffer)
{
    while (buffer->head)
        drop_head(buffer);
    buffer->length = 0;
    check(buffer);
}

/* Blocks for what does not fit into the tail, chained, all or none. */
static bool get_blocks(struct buffer *buffer, size_t bytes, struct pool_block **chain)
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

static size_t room(const struct buffer *buffer)
{
    return buffer->tail ? POOL_BLOCK_BYTES - buffer->tail->used : 0;
}

static struct span fill_tail(struct buffer *buffer, struct span bytes)
{
    struct span part = span_head(bytes, room(buffer));
    memcpy(buffer->tail->bytes + buffer->tail->used, part.at, part.len);
    buffer->tail->used += (uint32_t)part.len;
    return span_tail(bytes, part.len);
}

static void link_block(struct buffer *buffer, struct pool_block *block)
{
    block->next = NULL;
    block->used = 0;
    if (buffer->tail)
        buffer->tail->next = block;
    else
        buffer->head = block;
    buffer->tail = block;
}

bool buffer_extend(struct buffer *buffer, struct span bytes)
{
    check(buffer);
    if (bytes.len == 0)
        return true;
    struct pool_block *chain = NULL;
    if (!get_blocks(buffer, bytes.len - room(buffer), &chain))
        return false;
    buffer->length += bytes.len;
    if (room(buffer) > 0)
        bytes = fill_tail(buffer, bytes);
    while (bytes.len > 0) {
        struct pool_block *block = chain;
        chain = block->next;
        link_block(buffer, block);
        bytes = fill_tail(buffer, bytes);
    }
    assert(chain == NULL);
    check(buffer);
    return true;
}

/* What is left of the tail's room stays empty. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t n)
{
    assert(n > 0 && n <= POOL_BLOCK_BYTES);
    if (room(buffer) < n) {
        struct pool_block *block = pool_get(buffer->pool);
        if (!block)
            return NULL;
        link_block(buffer, block);
    }
    return buffer->tail->bytes + buffer->tail->used;
}

void buffer_commit(struct buffer *buffer, size_t n)
{
    assert(n <= room(buffer));
    buffer->tail->used += (uint32_t)n;
    buffer->length += n;
    if (buffer->length == 0)
        buffer_clear(buffer);
    check(buffer);
}

size_t buffer_peek(const struct buffer *buffer, struct span *parts, size_t max)
{
    size_t count = 0;
    size_t offset = buffer->head_offset;
    for (const struct pool_block *block = buffer->head; block && count < max; block = block->next) {
        parts[count++] = span_of(block->bytes + offset, block->used - offset);
        offset = 0;
    }
    return count;
}

void buffer_drop(struct buffer *buffer, size_t n)
{
    assert(n <= buffer->length);
    buffer->length -= n;
    while (n > 0) {
        size_t here = buffer->head->used - buffer->head_offset;
        if (n < here) {
            buffer->head_offset += (uint32_t)n;
            break;
        }
        n -= here;
        drop_head(buffer);
    }
    if (buffer->length == 0)
        buffer_clear(buffer); /* of a block that was reserved in vain */
    check(buffer);
}
