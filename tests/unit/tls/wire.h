/* Two streams of memory, joined: what is written to one end arrives at the other in pieces of a chosen size. They keep
 * the contract of stream.h, flush at the end of the event, and count what would have been system calls. For tests
 * only. */
#ifndef CROSSGATE_TESTS_TLS_WIRE_H
#define CROSSGATE_TESTS_TLS_WIRE_H

#include "crossgate/base/loop.h"
#include "crossgate/stream.h"

#include <assert.h>
#include <stdlib.h>

struct wire_end {
    struct stream stream;
    struct loop *loop;
    struct wire_end *other;
    struct task flush;
    struct task bury;
    struct task deliver;
    uint8_t *out; /* written, not sent: waits for the end of the event */
    size_t out_length;
    uint8_t *in; /* sent by the other end, not taken yet */
    size_t in_length;
    size_t piece; /* bytes per on_bytes; 0: as many as a receive buffer holds */
    size_t sends; /* how often it would have called send(2) */
    size_t sent;  /* bytes */
    size_t high;  /* mark: over it, write says false */
    bool clogged; /* the kernel takes nothing */
    bool full;
    bool paused;
    bool stopped; /* the user took fewer bytes than there were */
    bool eof_due;
    bool eof_told;
    bool finished;
    bool ended;
    bool aborted;
    bool gathers;
    enum ending why;
};

static inline void wire_append(uint8_t **at, size_t *length, struct span bytes)
{
    *at = realloc(*at, *length + bytes.len + 1);
    assert(*at);
    if (bytes.len > 0)
        memcpy(*at + *length, bytes.at, bytes.len);
    *length += bytes.len;
}

static inline void wire_end_now(struct wire_end *end, enum ending why)
{
    if (end->ended)
        return;
    end->ended = true;
    end->why = why;
    task_cancel(&end->flush);
    task_cancel(&end->deliver);
    loop_defer(end->loop, PHASE_BURY, &end->bury);
}

/* What is queued is sent at the end of the event. */
static inline bool wire_queue(struct wire_end *end)
{
    loop_defer(end->loop, PHASE_FLUSH, &end->flush);
    if (end->out_length > end->high)
        end->full = true;
    return !end->full;
}

static inline bool wire_write(struct stream *stream, struct span bytes)
{
    struct wire_end *end = CONTAINER_OF(stream, struct wire_end, stream);
    if (end->finished || end->ended)
        return true;
    wire_append(&end->out, &end->out_length, bytes);
    return wire_queue(end);
}

static inline uint8_t *wire_reserve(struct stream *stream, size_t size)
{
    struct wire_end *end = CONTAINER_OF(stream, struct wire_end, stream);
    assert(size > 0 && size <= STREAM_ROOM);
    if (end->finished || end->ended)
        return NULL;
    end->out = realloc(end->out, end->out_length + size);
    assert(end->out);
    return end->out + end->out_length;
}

static inline bool wire_commit(struct stream *stream, size_t length)
{
    struct wire_end *end = CONTAINER_OF(stream, struct wire_end, stream);
    end->out_length += length;
    return wire_queue(end);
}

static inline void wire_pause(struct stream *stream, bool paused)
{
    struct wire_end *end = CONTAINER_OF(stream, struct wire_end, stream);
    end->paused = paused;
    if (paused)
        return;
    end->stopped = false;
    if (!end->ended)
        loop_defer(end->loop, PHASE_SETTLE, &end->deliver);
}

static inline void wire_finish(struct stream *stream)
{
    struct wire_end *end = CONTAINER_OF(stream, struct wire_end, stream);
    if (end->ended)
        return;
    end->finished = true;
    loop_defer(end->loop, PHASE_FLUSH, &end->flush);
}

static inline void wire_abort(struct stream *stream, enum ending why)
{
    struct wire_end *end = CONTAINER_OF(stream, struct wire_end, stream);
    end->aborted = true;
    wire_end_now(end, why);
}

static inline size_t wire_queued(const struct stream *stream)
{
    return CONTAINER_OF((void *)(uintptr_t)stream, struct wire_end, stream)->out_length;
}

static inline void wire_gather(struct stream *stream)
{
    CONTAINER_OF(stream, struct wire_end, stream)->gathers = true;
}

/* One piece. False: nothing happened. */
static inline bool wire_deliver(struct wire_end *end)
{
    if (end->ended || end->finished || end->paused || end->stopped)
        return false;
    if (end->in_length == 0) {
        if (!end->eof_due || end->eof_told)
            return false;
        end->eof_told = true;
        end->stream.on->on_eof(end->stream.user);
        return true;
    }
    size_t length = end->piece ? end->piece : LOOP_RECEIVE_BYTES;
    length = length < end->in_length ? length : end->in_length;
    memcpy(end->loop->receive, end->in, length);
    size_t taken = end->stream.on->on_bytes(end->stream.user, span_of(end->loop->receive, length));
    assert(taken <= length);
    memmove(end->in, end->in + taken, end->in_length - taken);
    end->in_length -= taken;
    end->stopped = taken < length;
    return true;
}

static inline void wire_run_deliver(struct task *task)
{
    wire_deliver(CONTAINER_OF(task, struct wire_end, deliver));
}

static inline void wire_run_flush(struct task *task)
{
    struct wire_end *end = CONTAINER_OF(task, struct wire_end, flush);
    if (end->clogged)
        return;
    if (end->out_length > 0) {
        end->sends++;
        end->sent += end->out_length;
        wire_append(&end->other->in, &end->other->in_length, span_of(end->out, end->out_length));
        end->out_length = 0;
    }
    if (end->full) {
        end->full = false;
        if (!end->finished)
            end->stream.on->on_room(end->stream.user);
    }
    if (end->finished) {
        end->other->eof_due = true;
        wire_end_now(end, ENDING_DONE);
    }
}

static inline void wire_run_bury(struct task *task)
{
    struct wire_end *end = CONTAINER_OF(task, struct wire_end, bury);
    end->stream.on->on_end(end->stream.user, end->why);
}

static inline void wire_init_end(struct wire_end *end, struct wire_end *other, struct loop *loop)
{
    static const struct stream_ops ops = {.write = wire_write,
                                          .pause = wire_pause,
                                          .finish = wire_finish,
                                          .abort = wire_abort,
                                          .queued = wire_queued,
                                          .reserve = wire_reserve,
                                          .commit = wire_commit,
                                          .gather = wire_gather};
    *end = (struct wire_end){.stream.ops = &ops, .loop = loop, .other = other, .high = STREAM_HIGH};
    task_init(&end->flush, wire_run_flush);
    task_init(&end->bury, wire_run_bury);
    task_init(&end->deliver, wire_run_deliver);
}

static inline void wire_deinit_end(struct wire_end *end)
{
    free(end->in);
    free(end->out);
}

/* The kernel takes bytes again. */
static inline void wire_unclog(struct wire_end *end)
{
    end->clogged = false;
    loop_defer(end->loop, PHASE_FLUSH, &end->flush);
}

#endif
