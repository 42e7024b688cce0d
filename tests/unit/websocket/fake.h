/* A stream in memory, for tests of sessions: it keeps every promise of stream.h and no other. What a user is shown lies in
 * memory of exactly that size, gone after the call.
 *
 * Alone, it is fed by fake_feed and remembers what was written in `sent`. In a pair, what one writes the other reads, with a
 * bounded way between them. */
#ifndef CROSSGATE_TESTS_FAKE_H
#define CROSSGATE_TESTS_FAKE_H

#include "test.h"

#include "crossgate/base/buffer.h"
#include "crossgate/base/loop.h"
#include "crossgate/stream.h"
#include "crossgate/websocket.h"

#include <stdlib.h>

enum { FAKE_WAY = 65536 };

struct fake {
    struct stream stream;
    struct loop *loop;
    struct fake *peer;
    struct buffer in;
    struct buffer out;
    struct task settle;
    struct task flush;
    struct task bury;
    uint8_t *sent;
    size_t sent_length;
    size_t chunk; /* most bytes per on_bytes */
    bool paused;
    bool stuck; /* the peer does not read */
    bool finished;
    bool aborted;
    bool ended;
    bool eof; /* after `in` */
    bool eof_told;
    bool room_owed;
    enum ending why;
    size_t most_queued;
    bool gathers;
};

static inline struct fake *fake_of(const struct stream *stream)
{
    return CONTAINER_OF(stream, struct fake, stream);
}

static inline bool fake_is_open(const struct fake *fake)
{
    return !fake->finished && !fake->aborted;
}

static inline bool fake_write(struct stream *stream, struct span bytes)
{
    struct fake *fake = fake_of(stream);
    if (!fake_is_open(fake))
        return true;
    assert_true(buffer_append(&fake->out, bytes));
    loop_defer(fake->loop, PHASE_FLUSH, &fake->flush);
    if (fake->out.length > fake->most_queued)
        fake->most_queued = fake->out.length;
    if (fake->out.length > STREAM_HIGH)
        fake->room_owed = true;
    return fake->out.length <= STREAM_HIGH;
}

static inline void fake_pause(struct stream *stream, bool paused)
{
    struct fake *fake = fake_of(stream);
    fake->paused = paused;
    if (!paused)
        loop_defer(fake->loop, PHASE_SETTLE, &fake->settle);
}

static inline void fake_finish(struct stream *stream)
{
    struct fake *fake = fake_of(stream);
    assert_true(fake_is_open(fake));
    fake->finished = true;
    fake->why = ENDING_DONE;
    loop_defer(fake->loop, PHASE_FLUSH, &fake->flush);
}

static inline void fake_abort(struct stream *stream, enum ending why)
{
    struct fake *fake = fake_of(stream);
    if (fake->aborted)
        return;
    fake->aborted = true;
    fake->why = why;
    buffer_clear(&fake->out);
    loop_defer(fake->loop, PHASE_BURY, &fake->bury);
}

static inline size_t fake_queued(const struct stream *stream)
{
    return fake_of(stream)->out.length;
}

static inline void fake_gather(struct stream *stream)
{
    fake_of(stream)->gathers = true;
}

static const struct stream_ops fake_ops = {.write = fake_write,
                                           .pause = fake_pause,
                                           .finish = fake_finish,
                                           .abort = fake_abort,
                                           .queued = fake_queued,
                                           .gather = fake_gather};

static inline void fake_deliver(struct fake *fake)
{
    struct span part;
    while (fake_is_open(fake) && !fake->paused && buffer_peek(&fake->in, &part, 1) == 1) {
        part = span_head(part, fake->chunk);
        uint8_t *copy = malloc(part.len);
        memcpy(copy, part.at, part.len);
        size_t taken = fake->stream.on->on_bytes(fake->stream.user, span_of(copy, part.len));
        free(copy);
        assert_true(taken <= part.len);
        buffer_drop(&fake->in, taken);
        if (taken < part.len)
            fake->paused = true;
    }
    if (fake_is_open(fake) && !fake->paused && fake->eof && !fake->eof_told && buffer_is_empty(&fake->in)) {
        fake->eof_told = true;
        fake->stream.on->on_eof(fake->stream.user);
    }
}

static inline void fake_settle(struct task *task)
{
    struct fake *fake = CONTAINER_OF(task, struct fake, settle);
    if (fake->room_owed && fake_is_open(fake) && fake->out.length < STREAM_LOW) {
        fake->room_owed = false;
        fake->stream.on->on_room(fake->stream.user);
    }
    fake_deliver(fake);
    if (fake->peer)
        loop_defer(fake->loop, PHASE_FLUSH, &fake->peer->flush);
}

static inline void fake_pass(struct fake *fake, struct span bytes)
{
    if (fake->peer) {
        assert_true(buffer_append(&fake->peer->in, bytes));
        loop_defer(fake->loop, PHASE_SETTLE, &fake->peer->settle);
        return;
    }
    fake->sent = realloc(fake->sent, fake->sent_length + bytes.len + 1);
    memcpy(fake->sent + fake->sent_length, bytes.at, bytes.len);
    fake->sent_length += bytes.len;
}

static inline bool fake_way_is_free(const struct fake *fake)
{
    return !fake->stuck && (!fake->peer || fake->peer->in.length < FAKE_WAY);
}

static inline void fake_flush(struct task *task)
{
    struct fake *fake = CONTAINER_OF(task, struct fake, flush);
    struct span part;
    if (fake->aborted || fake->ended)
        return;
    while (fake_way_is_free(fake) && buffer_peek(&fake->out, &part, 1) == 1) {
        part = span_head(part, 16384);
        fake_pass(fake, part);
        buffer_drop(&fake->out, part.len);
        if (fake->room_owed && fake->out.length < STREAM_LOW)
            loop_defer(fake->loop, PHASE_SETTLE, &fake->settle);
    }
    if (fake->finished && buffer_is_empty(&fake->out))
        loop_defer(fake->loop, PHASE_BURY, &fake->bury);
}

static inline void fake_bury(struct task *task)
{
    struct fake *fake = CONTAINER_OF(task, struct fake, bury);
    assert_false(fake->ended);
    fake->ended = true;
    task_cancel(&fake->settle);
    task_cancel(&fake->flush);
    if (fake->peer && !fake->peer->ended) {
        fake->peer->eof = true;
        loop_defer(fake->loop, PHASE_SETTLE, &fake->peer->settle);
    }
    fake->stream.on->on_end(fake->stream.user, fake->why);
}

/* Paused, as a stream is that HTTP hands over. */
static inline void fake_init(struct fake *fake, struct loop *loop)
{
    *fake = (struct fake){.loop = loop, .chunk = SIZE_MAX, .paused = true};
    fake->stream.ops = &fake_ops;
    buffer_init(&fake->in, &loop->pool);
    buffer_init(&fake->out, &loop->pool);
    task_init(&fake->settle, fake_settle);
    task_init(&fake->flush, fake_flush);
    task_init(&fake->bury, fake_bury);
}

static inline void fake_pair(struct fake *a, struct fake *b, struct loop *loop)
{
    fake_init(a, loop);
    fake_init(b, loop);
    a->peer = b;
    b->peer = a;
}

/* Its user has heard on_end. */
static inline void fake_deinit(struct fake *fake)
{
    assert_true(fake->ended);
    buffer_clear(&fake->in);
    buffer_clear(&fake->out);
    free(fake->sent);
}

static inline void fake_run(struct loop *loop)
{
    loop_settle(loop);
    loop_bury(loop);
}

static inline void fake_feed(struct fake *fake, struct span bytes)
{
    assert_true(buffer_append(&fake->in, bytes));
    loop_defer(fake->loop, PHASE_SETTLE, &fake->settle);
    fake_run(fake->loop);
}

static inline void fake_eof(struct fake *fake)
{
    fake->eof = true;
    loop_defer(fake->loop, PHASE_SETTLE, &fake->settle);
    fake_run(fake->loop);
}

/* The peer reads (again). */
static inline void fake_unstick(struct fake *fake)
{
    fake->stuck = false;
    loop_defer(fake->loop, PHASE_FLUSH, &fake->flush);
    fake_run(fake->loop);
}

/* The clock moves on by that many ms. */
static inline void fake_wait(struct loop *loop, uint64_t ms)
{
    loop->now += ms;
    deadlines_expire(&loop->deadlines, loop->now);
    fake_run(loop);
}

/* ---- a loop to run them in */

struct fake_world {
    struct loop loop;
    struct log log;
    struct counters *counters;
};

static inline void fake_world_init(struct fake_world *world)
{
    log_init(&world->log, 2, LOG_ERROR, "test");
    world->counters = calloc(1, sizeof *world->counters);
    assert_true(loop_init(&world->loop, NULL, &world->log, world->counters));
    world->loop.websockets = websocket_codec_new();
    assert_non_null(world->loop.websockets);
}

/* Fails if a block, a task, a guest or a receiver is left. */
static inline void fake_world_deinit(struct fake_world *world)
{
    websocket_codec_free(world->loop.websockets);
    loop_deinit(&world->loop);
    free(world->counters);
}

/* ---- frames */

struct frame_text {
    uint8_t *at;
    size_t length;
};

static inline void frame_put(struct frame_text *text, uint8_t first, bool masked, struct span payload)
{
    text->at = realloc(text->at, text->length + 14 + payload.len);
    uint8_t *p = text->at + text->length;
    uint8_t mask = masked ? 0x80 : 0;
    static const uint8_t key[4] = {0xA1, 0x00, 0xFF, 0x37};
    *p++ = first;
    if (payload.len < 126) {
        *p++ = (uint8_t)(mask | payload.len);
    } else if (payload.len < 65536) {
        *p++ = mask | 126;
        *p++ = (uint8_t)(payload.len >> 8);
        *p++ = (uint8_t)payload.len;
    } else {
        *p++ = mask | 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            *p++ = (uint8_t)((uint64_t)payload.len >> shift);
    }
    if (masked) {
        memcpy(p, key, 4);
        p += 4;
    }
    for (size_t i = 0; i < payload.len; i++)
        *p++ = masked ? payload.at[i] ^ key[i % 4] : payload.at[i];
    text->length = (size_t)(p - text->at);
}

struct frame_seen {
    uint8_t first;
    bool masked;
    struct span payload; /* unmasked in place */
};

/* Cuts a frame off. False when there is no whole one. */
static inline bool frame_cut(uint8_t **at, size_t *length, struct frame_seen *seen)
{
    uint8_t *p = *at;
    if (*length < 2)
        return false;
    uint64_t size = p[1] & 0x7F;
    size_t head = 2, extended = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (extended > 0) {
        size = 0;
        for (size_t i = 0; i < extended; i++)
            size = size << 8 | p[2 + i];
    }
    head += extended;
    seen->masked = p[1] & 0x80;
    head += seen->masked ? 4 : 0;
    if (*length < head || *length - head < size)
        return false;
    for (size_t i = 0; seen->masked && i < size; i++)
        p[head + i] ^= p[head - 4 + i % 4];
    seen->first = p[0];
    seen->payload = span_of(p + head, (size_t)size);
    *at += head + size;
    *length -= head + size;
    return true;
}

#endif
