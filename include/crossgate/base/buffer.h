/* A queue of owned bytes: a chain of pool blocks, filled at the tail, emptied at the head.
 *
 * Invariant, asserted at each edge: length is zero exactly if there is no block, so that an empty buffer
 * costs its struct and nothing else. */
#ifndef CROSSGATE_BASE_BUFFER_H
#define CROSSGATE_BASE_BUFFER_H

#include "crossgate/base/pool.h"
#include "crossgate/base/span.h"

struct buffer {
    struct pool *pool;
    struct pool_block *head;
    struct pool_block *tail;
    size_t length;        /* bytes queued */
    uint32_t head_offset; /* bytes of the head block that are gone already */
};

/* Empty. Borrows the pool, which must outlive it. */
void buffer_init(struct buffer *buffer, struct pool *pool);

/* Gives all blocks back. The buffer may be used again. */
void buffer_clear(struct buffer *buffer);

/* What buffer_append does with bytes that the tail has no room for; with the same result. */
bool buffer_extend(struct buffer *buffer, struct span bytes) __attribute__((warn_unused_result));

/* Copies the bytes to the tail. False when memory is out: then nothing was added. */
__attribute__((warn_unused_result)) static inline bool buffer_append(struct buffer *buffer, struct span bytes)
{
    struct pool_block *tail = buffer->tail;
    if (!tail || tail->used + bytes.len > POOL_BLOCK_BYTES)
        return buffer_extend(buffer, bytes);
    if (bytes.len > 0)
        memcpy(tail->bytes + tail->used, bytes.at, bytes.len);
    tail->used += (uint32_t)bytes.len;
    buffer->length += bytes.len;
    return true;
}

/* Room at the tail for n bytes in a row, 1 to POOL_BLOCK_BYTES, which are no part of the buffer yet: buffer_commit has to follow
 * before any other call. NULL when memory is out. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t n) __attribute__((warn_unused_result));

/* The first n bytes of that room are filled, and queued. */
void buffer_commit(struct buffer *buffer, size_t n);

/* Fills at most `max` spans with the bytes at the head, in order, without removing them; returns how many.
 * They stay valid until the next call that changes the buffer. */
size_t buffer_peek(const struct buffer *buffer, struct span *parts, size_t max);

/* Removes n bytes from the head; n is at most the length. */
void buffer_drop(struct buffer *buffer, size_t n);

static inline bool buffer_is_empty(const struct buffer *buffer)
{
    return buffer->length == 0;
}

#endif
