/* A visitor without a network: a loop, a site, and a stream that is fed by hand and keeps what is written to it. Header
 * only, for the tests of http and service and for the fuzz target. */
#ifndef CROSSGATE_TESTS_WORLD_H
#define CROSSGATE_TESTS_WORLD_H

#include "crossgate/service.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The stream of stream.h, with a peer that takes all bytes at once unless it is clogged. */
struct fake {
    struct stream stream;
    struct loop *loop;
    struct task settle;
    struct task burial;
    uint8_t *in; /* not taken yet */
    size_t in_length;
    uint8_t *out; /* all that was written, zero-terminated */
    size_t out_length;
    size_t writes;
    size_t queued;
    bool clogged;
    bool blocked; /* user took fewer bytes than offered, or paused */
    bool finished;
    bool aborted;
    bool ended;
    enum ending why;
};

struct world {
    struct loop loop;
    struct log log;
    struct counters counters;
    struct http_site site;
    struct counted owner;
    bool superseded;
    struct peer peer;
    struct fake *fake;
};

static inline struct fake *fake_of(struct stream *stream)
{
    return (struct fake *)(void *)stream;
}

static inline bool fake_write(struct stream *stream, struct span bytes)
{
    struct fake *fake = fake_of(stream);
    if (fake->finished || fake->aborted)
        return false;
    fake->out = realloc(fake->out, fake->out_length + bytes.len + 1);
    assert(fake->out);
    if (bytes.len > 0)
        memcpy(fake->out + fake->out_length, bytes.at, bytes.len);
    fake->out_length += bytes.len;
    fake->out[fake->out_length] = 0;
    fake->writes++;
    if (fake->clogged)
        fake->queued += bytes.len;
    return fake->queued <= STREAM_HIGH;
}

static inline void fake_deliver(struct fake *fake)
{
    if (fake->blocked || fake->in_length == 0 || fake->finished || fake->aborted)
        return;
    size_t taken = fake->stream.on->on_bytes(fake->stream.user, span_of(fake->in, fake->in_length));
    assert(taken <= fake->in_length);
    memmove(fake->in, fake->in + taken, fake->in_length - taken);
    fake->in_length -= taken;
    if (fake->in_length > 0)
        fake->blocked = true;
}

static inline void fake_settle(struct task *task)
{
    fake_deliver(CONTAINER_OF(task, struct fake, settle));
}

static inline void fake_pause(struct stream *stream, bool paused)
{
    struct fake *fake = fake_of(stream);
    fake->blocked = paused;
    if (!paused)
        loop_defer(fake->loop, PHASE_SETTLE, &fake->settle);
}

static inline void fake_finish(struct stream *stream)
{
    struct fake *fake = fake_of(stream);
    if (fake->finished || fake->aborted)
        return;
    fake->finished = true;
    fake->why = ENDING_DONE;
    if (fake->queued == 0)
        loop_defer(fake->loop, PHASE_BURY, &fake->burial);
}

static inline void fake_abort(struct stream *stream, enum ending why)
{
    struct fake *fake = fake_of(stream);
    if (fake->aborted || fake->ended)
        return;
    fake->aborted = true;
    fake->why = why;
    loop_defer(fake->loop, PHASE_BURY, &fake->burial);
}

static inline size_t fake_queued(const struct stream *stream)
{
    return ((const struct fake *)(const void *)stream)->queued;
}

/* HTTP sends at once. */
static inline void fake_gather(struct stream *stream)
{
    (void)stream;
    abort();
}

static inline void fake_bury(struct task *task)
{
    struct fake *fake = CONTAINER_OF(task, struct fake, burial);
    task_cancel(&fake->settle);
    fake->ended = true;
    fake->stream.on->on_end(fake->stream.user, fake->why);
}

static inline struct fake *fake_new(struct loop *loop)
{
    static const struct stream_ops ops = {.write = fake_write,
                                          .pause = fake_pause,
                                          .finish = fake_finish,
                                          .abort = fake_abort,
                                          .queued = fake_queued,
                                          .gather = fake_gather};
    struct fake *fake = calloc(1, sizeof *fake);
    assert(fake);
    fake->stream.ops = &ops;
    fake->loop = loop;
    fake->out = calloc(1, 1);
    task_init(&fake->settle, fake_settle);
    task_init(&fake->burial, fake_bury);
    return fake;
}

static inline void fake_free(struct fake *fake)
{
    free(fake->in);
    free(fake->out);
    free(fake);
}

/* The end of an event, and of the turn. */
static inline void world_turn(struct world *world)
{
    loop_settle(&world->loop);
    loop_bury(&world->loop);
}

static inline void world_owner_freed(struct counted *self)
{
    (void)self;
    abort(); /* the world holds the first reference */
}

static inline void world_init(struct world *world, const struct service *root)
{
    static const struct peer peer = {.family = PEER_IPV4, .port = 50000, .ip = {192, 0, 2, 7}};
    *world = (struct world){.peer = peer};
    log_init(&world->log, open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_DEBUG, "test");
    assert(loop_init(&world->loop, NULL, &world->log, &world->counters));
    world->loop.now = 1000;
    counted_init(&world->owner, world_owner_freed);
    world->site = (struct http_site){
        .root = root,
        .owner = &world->owner,
        .superseded = &world->superseded,
        .access_log = true,
        .idle_timeout = 60000,
        .head_timeout = 10000,
        .body_timeout = 20000,
        .send_timeout = 30000,
    };
}

/* A visitor comes. */
static inline void world_open(struct world *world)
{
    world->fake = fake_new(&world->loop);
    assert(http_connection_new(&world->loop, &world->fake->stream, &world->site, &world->peer));
    world->fake->stream.on->on_open(world->fake->stream.user);
    world_turn(world);
}

static inline void world_feed_part(struct world *world, const void *bytes, size_t length)
{
    struct fake *fake = world->fake;
    if (fake->finished || fake->aborted)
        return;
    fake->in = realloc(fake->in, fake->in_length + length + 1);
    assert(fake->in);
    memcpy(fake->in + fake->in_length, bytes, length);
    fake->in_length += length;
    fake_deliver(fake);
    world_turn(world);
}

/* Whole (step 0), or in parts of `step` bytes. */
static inline void world_feed(struct world *world, const char *bytes, size_t length, size_t step)
{
    step = step == 0 ? length : step;
    for (size_t i = 0; i < length; i += step)
        world_feed_part(world, bytes + i, length - i < step ? length - i : step);
}

static inline void world_say(struct world *world, const char *text)
{
    world_feed(world, text, strlen(text), 0);
}

/* The visitor's last word. */
static inline void world_eof(struct world *world)
{
    if (!world->fake->finished && !world->fake->aborted)
        world->fake->stream.on->on_eof(world->fake->stream.user);
    world_turn(world);
}

/* The peer takes all that is queued. */
static inline void world_drain(struct world *world)
{
    struct fake *fake = world->fake;
    bool waiting = fake->queued > STREAM_HIGH;
    fake->queued = 0;
    if (fake->finished && !fake->ended)
        loop_defer(fake->loop, PHASE_BURY, &fake->burial);
    else if (waiting)
        fake->stream.on->on_room(fake->stream.user);
    world_turn(world);
}

static inline void world_wait(struct world *world, uint64_t ms)
{
    world->loop.now += ms;
    deadlines_expire(&world->loop.deadlines, world->loop.now);
    world_turn(world);
}

static inline void world_clear_output(struct world *world)
{
    world->fake->out_length = 0;
    world->fake->out[0] = 0;
    world->fake->writes = 0;
}

/* The visitor leaves, if it has not been sent away already. */
static inline void world_close(struct world *world)
{
    fake_abort(&world->fake->stream, ENDING_PEER_RESET);
    world_turn(world);
    assert(world->fake->ended);
    fake_free(world->fake);
    world->fake = NULL;
}

/* Everything that was counted, lent or listed must have been given back. */
static inline void world_deinit(struct world *world)
{
    assert(world->owner.count == 1);
    assert(deadlines_next(&world->loop.deadlines) == UINT64_MAX);
    loop_deinit(&world->loop);
    close(world->log.descriptor);
}

/* Status of the first answer; 0: none. */
static inline int world_status(const struct world *world)
{
    const char *out = (const char *)world->fake->out;
    return strncmp(out, "HTTP/1.1 ", 9) == 0 ? (int)strtol(out + 9, NULL, 10) : 0;
}

static inline bool world_closed(const struct world *world)
{
    return world->fake->finished || world->fake->aborted;
}

static inline bool world_said(const struct world *world, const char *text)
{
    return memmem(world->fake->out, world->fake->out_length, text, strlen(text)) != NULL;
}

static inline size_t world_count(const struct world *world, const char *text)
{
    size_t count = 0;
    for (const char *at = (const char *)world->fake->out; (at = strstr(at, text)); at++)
        count++;
    return count;
}

/* As much of a body as counts for progress. */
static inline const char *kibibyte(void)
{
    static const char bytes[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static char text[HTTP_BODY_PROGRESS + 1];
    for (size_t i = 0; i < HTTP_BODY_PROGRESS; i++)
        text[i] = bytes[i % (sizeof bytes - 1)];
    return text;
}

#endif
