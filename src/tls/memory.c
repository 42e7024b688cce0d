/* OpenSSL asks for a buffer of a full record with each record that it reads or writes, and gives it back at once, so that an
 * idle connection has none (SSL_MODE_RELEASE_BUFFERS). As a block that large this costs malloc more than all else that it
 * does for a message. A few of them are kept here instead: few connections are in the middle of a record at a time, and
 * whoever finds none is served by malloc.
 *
 * OpenSSL's hooks are told of no user, so that the shelf outlives each call, as nothing else here but provider.c's. Any
 * thread may take and give: a stream goes between loop and lane. */
#include "crossgate/tls.h"

#include <openssl/crypto.h>

#include <stdatomic.h>
#include <stdlib.h>

/* What counts as such a buffer: 2^14 bytes, and some for what a record has around them (RFC 8446 section 5.2). */
enum { BUFFER_MIN = 16384 + 1, BUFFER_MAX = 16384 + 1024 };
enum { BUFFERS = 8 };

static struct {
    uint8_t (*buffers)[BUFFER_MAX];
    _Atomic uint32_t free; /* a bit each; the lowest is taken first: it is the warmest */
} shelf;

/* NULL: all are taken. */
static void *take(void)
{
    uint32_t before = atomic_load_explicit(&shelf.free, memory_order_relaxed);
    while (before != 0)
        if (atomic_compare_exchange_weak_explicit(&shelf.free, &before, before & (before - 1), memory_order_acquire,
                                                  memory_order_relaxed))
            return shelf.buffers[__builtin_ctz(before)];
    return NULL;
}

static bool is_ours(const void *block)
{
    return (uintptr_t)block - (uintptr_t)shelf.buffers < sizeof *shelf.buffers * BUFFERS;
}

static void give(const void *block)
{
    size_t number = ((uintptr_t)block - (uintptr_t)shelf.buffers) / sizeof *shelf.buffers;
    atomic_fetch_or_explicit(&shelf.free, UINT32_C(1) << number, memory_order_release);
}

static void *on_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    void *block = size >= BUFFER_MIN && size <= BUFFER_MAX ? take() : NULL;
    return block ? block : size > 0 ? malloc(size) : NULL;
}

static void on_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    if (is_ours(block))
        give(block);
    else
        free(block);
}

static void *on_realloc(void *block, size_t size, const char *file, int line)
{
    if (!is_ours(block) && size > 0)
        return realloc(block, size);
    void *moved = on_malloc(size, file, line);
    if (moved)
        memcpy(moved, block, size < BUFFER_MAX ? size : BUFFER_MAX);
    if (moved || size == 0)
        on_free(block, file, line);
    return moved;
}

bool tls_memory_prepare(void)
{
    shelf.buffers = calloc(BUFFERS, sizeof *shelf.buffers);
    atomic_store(&shelf.free, shelf.buffers ? (UINT32_C(1) << BUFFERS) - 1 : 0);
    return shelf.buffers && CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free) == 1;
}
