/* The first joint: ordered bytes, both ways, with backpressure.
 *
 * Implemented by net/plain.c (TCP and Unix sockets) and tls/stream.c (TLS over a stream, both roles). Users
 * know nothing of sockets or OpenSSL; streams know nothing of HTTP or WebSocket.
 *
 * Contract
 * - A stream frees itself: after on_end has returned it is gone, and its user never touches it again.
 *   on_end is called exactly once, last of all, from PHASE_BURY, also after finish and abort.
 * - on_open: the stream carries bytes (connected, TLS handshake done). Before it nothing but on_end is called.
 * - on_bytes returns how many bytes it took. If it took fewer than all, or paused the stream meanwhile, the
 *   stream keeps the rest, reads no more, and delivers the rest first after stream_pause(s, false): from
 *   PHASE_SETTLE, never from within that call. A stream that is paused keeps at most one buffer.
 * - on_eof: the peer has finished cleanly (FIN; for TLS close_notify). Bytes may still be written. A TLS peer
 *   that closes without close_notify ends the stream with ENDING_PEER_TRUNCATED instead.
 * - write takes all bytes (copied before it returns). It returns false when more than STREAM_HIGH bytes are queued:
 *   the writer then waits for on_room before it writes more. Writing after finish or abort is ignored.
 * - finish: what is queued is sent, then the end is said (close_notify, FIN), then the stream drains what the
 *   peer still sends, for a bounded time, so that the peer can read our last words, and ends with ENDING_DONE.
 *   No on_bytes, on_room or on_eof after it.
 * - abort: ends at once with that ending; what is queued is dropped. No callback but on_end after it.
 * - gather: from now on small writes may wait until the peer has acknowledged what was sent before, so that they leave in
 *   fewer packets (Nagle's algorithm; Crossbar: tcp_nodelay false). Of open streams only; without effect on Unix sockets.
 *   Otherwise all is sent at once.
 * - If the system runs out of memory inside a call, the stream aborts itself with ENDING_MEMORY. */
#ifndef CROSSGATE_STREAM_H
#define CROSSGATE_STREAM_H

#include "crossgate/base/ending.h"
#include "crossgate/base/facts.h"
#include "crossgate/base/pool.h"

struct stream;

struct stream_ops {
    bool (*write)(struct stream *stream, struct span bytes);
    void (*pause)(struct stream *stream, bool paused);
    void (*finish)(struct stream *stream);
    void (*abort)(struct stream *stream, enum ending why);
    size_t (*queued)(const struct stream *stream);
    uint8_t *(*reserve)(struct stream *stream, size_t size); /* NULL: never any */
    bool (*commit)(struct stream *stream, size_t length);
    bool (*describe)(const struct stream *stream, struct connection_facts *facts); /* NULL: there is nothing to tell */
    void (*gather)(struct stream *stream);
    bool (*serves)(const struct stream *stream, struct span host); /* NULL: every host */
};

struct stream_user {
    void (*on_open)(void *user);
    size_t (*on_bytes)(void *user, struct span bytes);
    void (*on_room)(void *user);
    void (*on_eof)(void *user);
    void (*on_end)(void *user, enum ending why);
};

/* First member of each implementation. */
struct stream {
    const struct stream_ops *ops;
    const struct stream_user *on;
    void *user;
    const char *detail; /* static text behind the ending, for the log; NULL: none. Valid in on_end. */
    bool
        peer_is_done; /* set by the user before finish: nothing more can come (close_notify), so that nothing is drained */
};

/* Makes someone else the user (a WebSocket session after the 101). Kept bytes wait until it unpauses. */
static inline void stream_attach(struct stream *stream, const struct stream_user *on, void *user)
{
    stream->on = on;
    stream->user = user;
}

static inline bool stream_write(struct stream *stream, struct span bytes)
{
    return stream->ops->write(stream, bytes);
}

/* Room for so many bytes, 1 to STREAM_ROOM, behind what is queued, for who makes bytes and need not have them copied: stream_commit
 * has to follow before anything else is asked of the stream, or of its loop. NULL: there is none, and stream_write is as good. */
enum { STREAM_ROOM = POOL_BLOCK_BYTES };

static inline uint8_t *stream_reserve(struct stream *stream, size_t size)
{
    return stream->ops->reserve ? stream->ops->reserve(stream, size) : NULL;
}

/* Writes the first `length` bytes of that room, which may be none; answers as stream_write does. */
static inline bool stream_commit(struct stream *stream, size_t length)
{
    return stream->ops->commit(stream, length);
}

/* New streams are not paused. */
static inline void stream_pause(struct stream *stream, bool paused)
{
    stream->ops->pause(stream, paused);
}

static inline void stream_finish(struct stream *stream)
{
    stream->ops->finish(stream);
}

static inline void stream_abort(struct stream *stream, enum ending why)
{
    stream->ops->abort(stream, why);
}

/* Aborts a stream whose user could not be made; nobody hears of its end. */
void stream_abandon(struct stream *stream, enum ending why);

/* Bytes written to it which the kernel has not taken yet (of all layers below, too). */
static inline size_t stream_queued(const struct stream *stream)
{
    return stream->ops->queued(stream);
}

/* Fills in what this layer and those below know; of an open stream. facts->arena and skips_local are given by the caller, the
 * rest is zeroed by him. False when memory is out. */
static inline bool stream_describe(const struct stream *stream, struct connection_facts *facts)
{
    return !stream->ops->describe || stream->ops->describe(stream, facts);
}

/* Whether a request for this host (a name or address without port; empty: none is named) may be answered here: a visitor who
 * was let in under one server name (SNI) must not reach another name that lets other visitors in. Of an open stream. */
static inline bool stream_serves(const struct stream *stream, struct span host)
{
    return !stream->ops->serves || stream->ops->serves(stream, host);
}

static inline void stream_gather(struct stream *stream)
{
    stream->ops->gather(stream);
}

#endif
