/* Memory of what stays as long as a connection, apart from what comes and goes with each handshake: between the blocks that a library
 * takes and gives back by the hundred it would leave holes all over the heap, and who works in those works on memory that is in no cache. */
#ifndef CROSSGATE_BASE_SLAB_H
#define CROSSGATE_BASE_SLAB_H

#include "crossgate/base/list.h"

enum { SLAB_OBJECT_MAX = 1024 };
enum { SLAB_STEP = 16, SLAB_SHELVES = (SLAB_OBJECT_MAX + SLAB_STEP) / SLAB_STEP };

/* Bytes of a chunk: what is asked of malloc at once. AddressSanitizer watches over each object that has a chunk of its own. */
#ifdef CROSSGATE_SANITIZED
enum { SLAB_CHUNK_BYTES = 0 };
#else
enum { SLAB_CHUNK_BYTES = 32768 - 16 };
#endif

/* Objects of sizes that are rounded to the same one. */
struct slab_shelf {
    struct list open; /* chunks that have room; the first one is being filled */
    size_t chunks;
    uint32_t stride;
    uint32_t slots; /* of a chunk */
};

struct slabs {
    struct slab_shelf shelves[SLAB_SHELVES];
};

/* No chunks. A chunk holds one object at least. */
void slabs_init(struct slabs *slabs, size_t chunk_bytes);

/* Frees what is kept in reserve; asserts that no object is left. */
void slabs_deinit(struct slabs *slabs);

/* Zeroed, aligned for anything; of at most SLAB_OBJECT_MAX bytes. NULL when memory is out. */
void *slab_take(struct slabs *slabs, size_t size) __attribute__((warn_unused_result));

/* Takes back what slab_take gave, once. Accepts NULL. A chunk that is empty then goes, unless no other one has room. */
void slab_give(void *object);

#endif
