/* One session's compression, and the contexts that the sessions of one loop lend each other.
 *
 * A context is borrowed with the first byte that needs it. Without context takeover it goes back at the message's end, so that
 * an idle session holds none. With takeover an inflater must stay until the session ends; a deflater need not: takeover is
 * leave to refer to earlier messages, no duty. So all deflaters that wait for their session's next message may take
 * COMPRESSION_IDLE_BYTES together; beyond that the session that has been silent longest loses its own, and its next message
 * starts afresh. What comes back is kept for the next one that has agreed on the same window and memory level. */
#ifndef CROSSGATE_WEBSOCKET_COMPRESSION_H
#define CROSSGATE_WEBSOCKET_COMPRESSION_H

#include "crossgate/websocket.h"
#include "deflate.h"

struct compression_pool;

/* 250 sessions with zlib's defaults, almost 3000 with what Crossbar recommends for production (window 11, memory level 4). */
enum { COMPRESSION_IDLE_BYTES = 64 * 1024 * 1024 };

struct compression {
    struct websocket_deflate agreed;
    struct inflater *inflater; /* NULL: none is needed now */
    struct deflater *deflater; /* likewise */
    struct list idle;          /* in the pool's list while the deflater waits for the next message */
};

/* In place: it must not be moved from now on. */
void compression_init(struct compression *compression, const struct websocket_deflate *agreed);

/* NULL when memory is out. */
struct compression_pool *compression_pool_new(void);

/* Asserts that nothing is lent. Accepts NULL. */
void compression_pool_free(struct compression_pool *pool);

/* Contexts that sessions hold now. */
size_t compression_lent(const struct compression_pool *pool);

/* Bytes of the deflaters that wait for their session's next message. */
size_t compression_idle_bytes(const struct compression_pool *pool);

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
