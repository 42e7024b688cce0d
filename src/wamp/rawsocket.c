/* A RawSocket session: a stream below, an endpoint above.
 *
 * What a session keeps while it is idle is this struct. Messages are passed up as they come. Downwards a message that comes
 * whole is sent as it is; one that comes in pieces is gathered in blocks of the pool, since its length must be said first:
 *
 *     out: | ready: a whole message that is being sent, as fast as the stream takes it | gathered so far |
 *
 * There is never more than one message in it: while some of it is ready our user is told to wait for room, and if he does not,
 * what is ready is sent at once. */
#include "crossgate/wamp.h"

#include "prefix.h"

#include "crossgate/base/buffer.h"
#include "crossgate/base/outlet.h"
#include "crossgate/base/utf8.h"
#include "crossgate/limits.h"

#include <assert.h>
#include <stdlib.h>

/* Payload of a ping that is answered. Peers that know pings send a few bytes. */
enum { PING_MAX = 1024 };
static_assert((int)PING_MAX <= (int)POOL_BLOCK_BYTES, "a ping is gathered in one block");

struct rawsocket {
    struct endpoint endpoint;
    struct outlet outlet;
    const struct rawsocket_settings *settings; /* not touched any more when it has ended */
    struct task resume;
    struct rawsocket_terms terms;
    enum rawsocket_role role;
    enum ending why;
    /* Upwards: the frame under way. */
    uint8_t head[PREFIX_BYTES];
    uint8_t head_length; /* bytes of it that are there */
    struct utf8 utf8;
    struct prefix frame;     /* valid when the head is whole; its length counts down */
    struct pool_block *ping; /* payload of a ping that has not come whole; else NULL */
    uint32_t ping_length;
    /* Downwards. */
    struct buffer out;
    struct list gathering; /* in loop->gatherers while something is in it */
    size_t ready;
    bool ended;         /* how it ends is ours to say, not the stream's */
    bool paused;        /* by our user */
    bool choked;        /* by our own answers to a peer that asks faster than it reads */
    bool stream_paused; /* what the stream has been told */
    bool room_owed;     /* a send was answered with false */
};

static struct rawsocket *rawsocket_of(struct endpoint *endpoint)
{
    return CONTAINER_OF(endpoint, struct rawsocket, endpoint);
}

/* ---- reading or not */

static bool must_pause(const struct rawsocket *rs)
{
    return !rs->ended && (rs->paused || rs->choked);
}

/* Pauses at once. Goes on from PHASE_SETTLE only: on_bytes of the stream may be on the stack, ours or that of the user
 * before us, and must first say how many bytes it leaves to be delivered again. */
static void settle_reading(struct rawsocket *rs)
{
    bool paused = must_pause(rs);
    if (rs->stream_paused == paused)
        return;
    if (!paused) {
        loop_defer(rs->outlet.loop, PHASE_SETTLE, &rs->resume);
        return;
    }
    rs->stream_paused = true;
    stream_pause(rs->outlet.stream, true);
}

static void resume(struct task *task)
{
    struct rawsocket *rs = CONTAINER_OF(task, struct rawsocket, resume);
    if (must_pause(rs))
        return;
    rs->stream_paused = false;
    stream_pause(rs->outlet.stream, false);
}

/* ---- what is kept of messages */

/* After each change of `out`. */
static void count_gathered(struct rawsocket *rs, size_t before)
{
    struct loop *loop = rs->outlet.loop;
    loop->gathered = loop->gathered - before + rs->out.length;
    if (rs->out.length == 0)
        list_remove(&rs->gathering);
    else if (list_is_empty(&rs->gathering))
        list_append(&loop->gatherers, &rs->gathering);
}

static void clear_gathered(struct rawsocket *rs)
{
    size_t before = rs->out.length;
    buffer_clear(&rs->out);
    rs->ready = 0;
    count_gathered(rs, before);
}

/* ---- ending */

/* The one way out. What is gathered and not whole is dropped. */
static void end(struct rawsocket *rs, enum ending why, bool politely)
{
    assert(!rs->ended);
    rs->ended = true;
    rs->why = why;
    deadline_disarm(&rs->outlet.deadline);
    task_cancel(&rs->resume);
    clear_gathered(rs);
    if (politely)
        stream_finish(rs->outlet.stream);
    else
        stream_abort(rs->outlet.stream, why);
}

/* ---- sending */

static void on_deadline(struct deadline *deadline)
{
    struct rawsocket *rs = CONTAINER_OF(deadline, struct rawsocket, outlet.deadline);
    if (outlet_is_stalled(&rs->outlet))
        end(rs, ENDING_WRITE_STALLED, false);
}

static void write_prefix(struct rawsocket *rs, enum prefix_type type, size_t length)
{
    uint8_t bytes[PREFIX_BYTES];
    prefix_print((struct prefix){type, (uint32_t)length}, bytes);
    outlet_write(&rs->outlet, span_of(bytes, sizeof bytes));
}

static void send_ready_block(struct rawsocket *rs)
{
    struct span part;
    size_t before = rs->out.length;
    (void)buffer_peek(&rs->out, &part, 1);
    part = span_head(part, rs->ready);
    outlet_write(&rs->outlet, part);
    buffer_drop(&rs->out, part.len);
    rs->ready -= part.len;
    count_gathered(rs, before);
}

/* As much as there is room for. */
static void drain(struct rawsocket *rs)
{
    while (rs->ready > 0 && !rs->outlet.full)
        send_ready_block(rs);
}

/* Room or not: something else is to follow. */
static void drain_all(struct rawsocket *rs)
{
    while (rs->ready > 0)
        send_ready_block(rs);
}

static bool has_room(struct rawsocket *rs)
{
    rs->room_owed = rs->outlet.full || rs->ready > 0;
    return !rs->room_owed;
}

static size_t longest_message(const struct rawsocket *rs)
{
    return rs->terms.accepts < PREFIX_LENGTH_MAX ? rs->terms.accepts : PREFIX_LENGTH_MAX;
}

/* What is gathered, with the last piece. */
static void send_gathered(struct rawsocket *rs)
{
    rs->ready = rs->out.length;
    write_prefix(rs, PREFIX_MESSAGE, rs->ready);
    drain(rs);
}

static void send_whole(struct rawsocket *rs, struct span message)
{
    write_prefix(rs, PREFIX_MESSAGE, message.len);
    if (message.len > 0)
        outlet_write(&rs->outlet, message);
}

/* Who has kept something for longest goes, until the others have room: a message that is being sent gets done, and one that was
 * begun only to be kept does not. */
static void make_room(struct loop *loop)
{
    while (loop->gathered > LIMIT_GATHERED) {
        assert(!list_is_empty(&loop->gatherers));
        struct rawsocket *first = CONTAINER_OF(loop->gatherers.next, struct rawsocket, gathering);
        end(first, ENDING_GATHERED_TOO_MUCH, first->ready == 0);
    }
}

static bool gather(struct rawsocket *rs, struct span piece)
{
    size_t before = rs->out.length;
    if (!buffer_append(&rs->out, piece))
        return false;
    count_gathered(rs, before);
    make_room(rs->outlet.loop);
    return true;
}

static enum ending judge_piece(const struct rawsocket *rs, enum message_kind kind, struct span piece)
{
    if (kind != rs->terms.serializer->kind)
        return ENDING_UNSENDABLE_KIND;
    return piece.len > longest_message(rs) - rs->out.length ? ENDING_UNSENDABLE_SIZE : ENDING_DONE;
}

static bool session_send(struct endpoint *endpoint, enum message_kind kind, struct span piece, bool last)
{
    struct rawsocket *rs = rawsocket_of(endpoint);
    if (rs->ended)
        return true;
    drain_all(rs);
    enum ending why = judge_piece(rs, kind, piece);
    bool whole = last && buffer_is_empty(&rs->out);
    if (why == ENDING_DONE && !whole && !gather(rs, piece))
        why = ENDING_MEMORY;
    if (why != ENDING_DONE)
        end(rs, why, why != ENDING_MEMORY);
    if (rs->ended)
        return true;
    if (last && rs->role == RAWSOCKET_SERVER)
        counter_add(&rs->outlet.loop->counters->messages_out, 1);
    if (whole)
        send_whole(rs, piece);
    else if (last)
        send_gathered(rs);
    return has_room(rs);
}

static void session_pause(struct endpoint *endpoint, bool paused)
{
    struct rawsocket *rs = rawsocket_of(endpoint);
    rs->paused = paused;
    settle_reading(rs);
}

static void session_close(struct endpoint *endpoint, uint16_t code, struct span reason)
{
    struct rawsocket *rs = rawsocket_of(endpoint);
    (void)code;
    (void)reason;
    if (rs->ended)
        return;
    drain_all(rs);
    end(rs, ENDING_DONE, true);
}

/* Rows with a close code are those that a peer may be told of: then what is queued is sent, and an orderly end follows. */
static void session_abort(struct endpoint *endpoint, enum ending why)
{
    struct rawsocket *rs = rawsocket_of(endpoint);
    if (rs->ended)
        return;
    if (ending_row(why)->ws != 0)
        drain_all(rs);
    end(rs, why, ending_row(why)->ws != 0);
}

static const struct endpoint_ops endpoint_ops = {
    .send = session_send,
    .pause = session_pause,
    .close = session_close,
    .abort = session_abort,
};

/* ---- receiving */

static void send_pong(struct rawsocket *rs, struct span payload)
{
    drain_all(rs);
    write_prefix(rs, PREFIX_PONG, payload.len);
    if (payload.len > 0)
        outlet_write(&rs->outlet, payload);
    rs->choked = rs->outlet.full;
    settle_reading(rs);
}

static void drop_ping(struct rawsocket *rs)
{
    if (rs->ping)
        pool_put(&rs->outlet.loop->pool, rs->ping);
    rs->ping = NULL;
    rs->ping_length = 0;
}

static void on_ping(struct rawsocket *rs, struct span piece, bool last)
{
    if (last && !rs->ping) {
        send_pong(rs, piece);
        return;
    }
    if (!rs->ping)
        rs->ping = pool_get(&rs->outlet.loop->pool);
    if (!rs->ping) {
        end(rs, ENDING_MEMORY, false);
        return;
    }
    memcpy(rs->ping->bytes + rs->ping_length, piece.at, piece.len);
    rs->ping_length += (uint32_t)piece.len;
    if (!last)
        return;
    send_pong(rs, span_of(rs->ping->bytes, rs->ping_length));
    drop_ping(rs);
}

static void on_message(struct rawsocket *rs, struct span piece, bool last)
{
    enum message_kind kind = rs->terms.serializer->kind;
    if (kind == MESSAGE_TEXT && (!utf8_feed(&rs->utf8, piece) || (last && !utf8_is_whole(&rs->utf8)))) {
        end(rs, ENDING_WS_BAD_TEXT, false);
        return;
    }
    if (last && rs->role == RAWSOCKET_SERVER)
        counter_add(&rs->outlet.loop->counters->messages_in, 1);
    rs->endpoint.on->on_message(rs->endpoint.user, kind, piece, last);
}

static void on_piece(struct rawsocket *rs, struct span piece)
{
    rs->frame.length -= (uint32_t)piece.len;
    bool last = rs->frame.length == 0;
    if (last)
        rs->head_length = 0;
    switch (rs->frame.type) {
    case PREFIX_MESSAGE:
        on_message(rs, piece, last);
        break;
    case PREFIX_PING:
        on_ping(rs, piece, last);
        break;
    case PREFIX_PONG: /* asks for nothing */
        break;
    }
}

static enum ending judge_frame(const struct rawsocket *rs)
{
    uint32_t limit = rs->frame.type == PREFIX_PING ? PING_MAX : rs->settings->max_message;
    return rs->frame.length > limit ? ENDING_WS_TOO_LARGE : ENDING_DONE;
}

/* False: more bytes are needed. */
static bool take_head(struct rawsocket *rs, struct span *in)
{
    struct span part = span_head(*in, (size_t)(PREFIX_BYTES - rs->head_length));
    if (part.len > 0)
        memcpy(rs->head + rs->head_length, part.at, part.len);
    *in = span_tail(*in, part.len);
    rs->head_length = (uint8_t)(rs->head_length + part.len);
    if (rs->head_length < PREFIX_BYTES)
        return false;
    enum ending why = prefix_read(rs->head, &rs->frame) ? judge_frame(rs) : ENDING_RS_PROTOCOL;
    if (why != ENDING_DONE)
        end(rs, why, false);
    else if (rs->frame.length == 0)
        on_piece(rs, span_of(NULL, 0));
    return true;
}

static bool step(struct rawsocket *rs, struct span *in)
{
    if (in->len == 0)
        return false;
    if (rs->head_length < PREFIX_BYTES)
        return take_head(rs, in);
    struct span piece = span_head(*in, rs->frame.length);
    *in = span_tail(*in, piece.len);
    on_piece(rs, piece);
    return true;
}

static size_t on_bytes(void *user, struct span bytes)
{
    struct rawsocket *rs = user;
    struct span rest = bytes;
    while (!rs->ended && !rs->stream_paused && step(rs, &rest))
        continue;
    return rs->ended ? bytes.len : bytes.len - rest.len;
}

static void on_room(void *user)
{
    struct rawsocket *rs = user;
    if (rs->ended)
        return;
    rs->outlet.full = false;
    rs->choked = false;
    drain(rs);
    settle_reading(rs);
    if (!rs->room_owed || !has_room(rs))
        return;
    rs->endpoint.on->on_room(rs->endpoint.user);
}

static void on_eof(void *user)
{
    struct rawsocket *rs = user;
    if (!rs->ended)
        end(rs, ENDING_PEER_LEFT, false);
}

static void on_end(void *user, enum ending why)
{
    struct rawsocket *rs = user;
    deadline_disarm(&rs->outlet.deadline);
    task_cancel(&rs->resume);
    clear_gathered(rs);
    drop_ping(rs);
    if (rs->role == RAWSOCKET_SERVER)
        counter_subtract(&rs->outlet.loop->counters->rawsockets_open, 1);
    if (rs->endpoint.on) /* else it was aborted before it had a user */
        rs->endpoint.on->on_end(rs->endpoint.user, rs->ended ? rs->why : why);
    free(rs);
}

/* The stream was open before the session came. */
static void on_open(void *user)
{
    (void)user;
}

static const struct stream_user stream_user = {
    .on_open = on_open,
    .on_bytes = on_bytes,
    .on_room = on_room,
    .on_eof = on_eof,
    .on_end = on_end,
};

/* ---- life */

struct endpoint *rawsocket_session_new(struct loop *loop, struct stream *stream, enum rawsocket_role role,
                                       const struct rawsocket_terms *terms, const struct rawsocket_settings *settings)
{
    struct rawsocket *rs = calloc(1, sizeof *rs);
    if (!rs) {
        stream_abandon(stream, ENDING_MEMORY);
        return NULL;
    }
    rs->endpoint.ops = &endpoint_ops;
    outlet_init(&rs->outlet, loop, stream, settings->send_timeout, on_deadline);
    rs->settings = settings;
    rs->terms = *terms;
    rs->role = role;
    rs->why = ENDING_DONE;
    buffer_init(&rs->out, &loop->pool);
    list_init(&rs->gathering);
    task_init(&rs->resume, resume);
    rs->stream_paused = true;
    if (role == RAWSOCKET_SERVER) {
        counter_add(&loop->counters->rawsockets_opened, 1);
        counter_add(&loop->counters->rawsockets_open, 1);
    }
    stream_attach(stream, &stream_user, rs);
    settle_reading(rs);
    return &rs->endpoint;
}
