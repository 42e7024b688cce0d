/* Blocks of one size, kept for reuse: what a loop's connections borrow while bytes are in flight. */
#ifndef CROSSGATE_BASE_POOL_H
#define CROSSGATE_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

/* Holds one full TLS record with its header and tag (RFC 8446 section 5.2: 2^14 + 256, plus 5). */
enum { POOL_BLOCK_BYTES = 16384 + 256 + 5 + 7 };

struct pool_block {
    struct pool_block *next;
    uint32_t used; /* bytes that are filled; the borrower's business */
    uint8_t bytes[POOL_BLOCK_BYTES];
};

struct pool {
    struct pool_block *free;
    size_t spare; /* blocks on the free list */
    size_t lent;  /* blocks handed out */
};

/* The pool keeps at most this many spare blocks (about 2 MiB) and returns others to the system. */
enum { POOL_SPARE_MAX = 128 };

/* No spare blocks. */
void pool_init(struct pool *pool);

/* Frees the spare blocks; asserts that none is lent. */
void pool_deinit(struct pool *pool);

/* The block last put back (it is warm in the cache), or a new one. NULL when memory is out. */
struct pool_block *pool_get(struct pool *pool) __attribute__((warn_unused_result));

/* Takes back a block that pool_get gave, once. */
void pool_put(struct pool *pool, struct pool_block *block);

#endif
