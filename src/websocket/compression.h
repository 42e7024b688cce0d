/* One session's compression, and the contexts that the sessions of one loop lend each other.
 *
 * A context is borrowed with the first byte that needs it. Without context takeover it goes back at the message's end, so that
 * an idle session holds none; with takeover it stays until the session ends. What comes back is kept for the next one that
 * has agreed on the same window and memory level. */
#ifndef CROSSGATE_WEBSOCKET_COMPRESSION_H
#define CROSSGATE_WEBSOCKET_COMPRESSION_H

#include "crossgate/websocket.h"
#include "deflate.h"

struct compression_pool;

struct compression {
    struct websocket_deflate agreed;
    struct inflater *inflater; /* NULL: none is needed now */
    struct deflater *deflater; /* likewise */
};

/* NULL when memory is out. */
struct compression_pool *compression_pool_new(void);

/* Asserts that nothing is lent. Accepts NULL. */
void compression_pool_free(struct compression_pool *pool);

/* Contexts that sessions hold now. */
size_t compression_lent(const struct compression_pool *pool);

/* As inflater_next and deflater_next, with a context and a room of the pool: io->to and io->size need not be set, io->out is
 * valid until the next call of the same function with the same pool. So what has been inflated may be deflated at once, for
 * another session; input must lie elsewhere. Deflating may fail, too, with MEMORY and before anything was taken. After a fault
 * no more of that direction may be asked for. */
enum deflate_event compression_inflate(struct compression_pool *pool, struct compression *compression,
                                       struct deflate_io *io, uint64_t limit) __attribute__((warn_unused_result));
enum deflate_event compression_deflate(struct compression_pool *pool, struct compression *compression,
                                       struct deflate_io *io) __attribute__((warn_unused_result));

/* The session ends: gives back what it holds. */
void compression_end(struct compression_pool *pool, struct compression *compression);

#endif
