/* The plain stream: a TCP or Unix socket.
 *
 *   dialing ──> open ──finish──> flushing ──> lingering ──> ended
 *                 └───────────── abort, reset ──────────────┘
 *
 * The lookout with our own recv and send, instead of uv_tcp and uv_pipe: one code for both kinds of socket, received bytes
 * land in the loop's buffer, and all that was written during an event leaves with one call at its end. */
#include "plain.h"

#include "tune.h"

#include "crossgate/base/buffer.h"
#include "crossgate/limits.h"
#include "crossgate/lookout.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads of one event: no connection may eat a turn. */
enum { READS_PER_EVENT = 4 };
/* Parts of one sendmsg: up to half a MiB. */
enum { PARTS_PER_SEND = 32 };

struct plain_state {
    void (*on_readable)(struct plain *plain);
    void (*on_flushed)(struct plain *plain); /* all that was queued is with the kernel */
    bool takes_writes;
};

/* There is one for each idle connection: a bit for each fact, and the size is one that malloc has no need to round up. */
struct plain {
    struct stream stream;
    struct loop *loop;
    const struct plain_state *state;
    struct plain_dial *dial; /* in state dialing */
    enum ending why;
    bool paused : 1;
    bool eof_follows : 1; /* the peer sends no more: a receive that takes all takes the last */
    bool is_urgent : 1; /* a receive may stop before urgent data, which nothing here makes a difference of (RFC 6093) */
    bool eof_received : 1;
    bool eof_told : 1;
    bool open_told : 1;
    bool room_owed : 1;   /* a write was answered with false */
    bool send_broken : 1; /* the peer takes no bytes any more; what it sent may still be read */
    bool count_bytes : 1;
    struct buffer out;  /* written, not yet with the kernel */
    struct buffer kept; /* received, not yet taken */
    struct task settle;
    struct task flush;
    struct task bury;
    struct deadline deadline;
    struct watch watch; /* without a descriptor before it is open and after it has ended */
};

static const struct plain_state state_dialing, state_open, state_flushing, state_lingering, state_ended;

static struct plain *plain_of(struct stream *stream)
{
    return CONTAINER_OF(stream, struct plain, stream);
}

/* ---- ending */

static void bury(struct task *task)
{
    struct plain *plain = CONTAINER_OF(task, struct plain, bury);
    buffer_clear(&plain->kept); /* not before: the user may have ended us while it read from there */
    if (plain->count_bytes)
        counter_subtract(&plain->loop->counters->connections_open, 1);
    plain->stream.on->on_end(plain->stream.user, plain->why);
    slab_give(plain);
}

/* A peer that does not read would hold our bytes in the kernel for minutes: drop them with a reset. */
static void close_descriptor(struct plain *plain)
{
    if (!buffer_is_empty(&plain->out) || plain->why == ENDING_WRITE_STALLED) {
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        setsockopt(plain->watch.descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    watch_close(plain->loop->lookout, &plain->watch);
}

static void end(struct plain *plain, enum ending why)
{
    if (plain->state == &state_ended)
        return;
    if (plain->dial)
        plain->dial->cancel(plain->dial);
    plain->dial = NULL;
    plain->state = &state_ended;
    plain->why = why;
    deadline_disarm(&plain->deadline);
    task_cancel(&plain->settle);
    task_cancel(&plain->flush);
    if (plain->watch.descriptor >= 0)
        close_descriptor(plain);
    buffer_clear(&plain->out);
    loop_defer(plain->loop, PHASE_BURY, &plain->bury);
}

static void on_deadline(struct deadline *deadline)
{
    struct plain *plain = CONTAINER_OF(deadline, struct plain, deadline);
    end(plain, plain->state == &state_lingering ? ENDING_DONE : ENDING_WRITE_STALLED);
}

/* ---- what is watched for, derived from the facts */

static bool wants_bytes(const struct plain *plain)
{
    if (plain->state == &state_lingering)
        return true;
    return plain->state == &state_open && !plain->paused && !plain->eof_received && buffer_is_empty(&plain->kept);
}

/* What is only to be flushed has not met a kernel that takes no more. */
static bool waits_to_send(const struct plain *plain)
{
    return !buffer_is_empty(&plain->out) && !task_is_waiting(&plain->flush);
}

static void watch(struct plain *plain)
{
    if (plain->watch.descriptor < 0)
        return;
    uint32_t wanted = wants_bytes(plain) ? EPOLLIN | EPOLLRDHUP : 0;
    if (waits_to_send(plain) || (plain->room_owed && plain->state == &state_open))
        wanted |= EPOLLOUT;
    if (!watch_for(plain->loop->lookout, &plain->watch, wanted))
        end(plain, ENDING_MEMORY);
}

/* ---- receiving */

static void keep(struct plain *plain, struct span rest)
{
    if (rest.len > 0 && plain->state == &state_open && !buffer_append(&plain->kept, rest))
        end(plain, ENDING_MEMORY);
}

static void tell_eof(struct plain *plain)
{
    if (!plain->eof_received || plain->eof_told || plain->paused || !buffer_is_empty(&plain->kept))
        return;
    plain->eof_told = true;
    if (plain->send_broken)
        end(plain, ENDING_PEER_RESET);
    else
        plain->stream.on->on_eof(plain->stream.user);
}

/* Who hears of it may end the stream at once: what the last bytes are answered with goes first. */
static void owe_eof(struct plain *plain)
{
    if (plain->state == &state_open && plain->eof_received && !plain->eof_told)
        loop_defer(plain->loop, PHASE_FLUSH, &plain->flush);
}

static void deliver_kept(struct plain *plain)
{
    struct span part;
    while (plain->state == &state_open && !plain->paused && buffer_peek(&plain->kept, &part, 1) == 1) {
        size_t taken = plain->stream.on->on_bytes(plain->stream.user, part);
        assert(taken <= part.len);
        if (plain->state != &state_open)
            return;
        buffer_drop(&plain->kept, taken);
        if (taken < part.len)
            plain->paused = true;
    }
}

/* Whether a receive of so many bytes has taken all there was. */
static bool is_all(const struct plain *plain, size_t n)
{
    return n == 0 || (n < LOOP_RECEIVE_BYTES && !plain->is_urgent);
}

/* How many bytes came; 0 for the end of what is there now, of the stream, or of the connection. */
static size_t receive(struct plain *plain)
{
    ssize_t n;
    do
        n = recv(plain->watch.descriptor, plain->loop->receive, LOOP_RECEIVE_BYTES, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        if (plain->count_bytes)
            counter_add(&plain->loop->counters->bytes_in, (uint64_t)n);
        plain->eof_received = plain->eof_follows && is_all(plain, (size_t)n);
        return (size_t)n;
    }
    if (n == 0)
        plain->eof_received = true;
    else if (errno != EAGAIN)
        end(plain, ENDING_PEER_RESET);
    return 0;
}

static void open_on_readable(struct plain *plain)
{
    size_t n = LOOP_RECEIVE_BYTES;
    for (int i = 0; i < READS_PER_EVENT && wants_bytes(plain); i++) {
        n = receive(plain);
        if (n == 0)
            break;
        struct span bytes = span_of(plain->loop->receive, n);
        size_t taken = plain->stream.on->on_bytes(plain->stream.user, bytes);
        assert(taken <= n);
        if (taken < n) {
            plain->paused = true;
            keep(plain, span_tail(bytes, taken));
        }
        if (is_all(plain, n))
            break;
    }
    if (!is_all(plain, n))
        watch_again(&plain->watch, EPOLLIN);
    owe_eof(plain);
}

/* What still comes is read and dropped, so that the kernel does not answer it with a reset that would cost the peer our
 * last words. */
static void lingering_on_readable(struct plain *plain)
{
    size_t n = LOOP_RECEIVE_BYTES;
    for (int i = 0; i < READS_PER_EVENT && plain->state == &state_lingering && !plain->eof_received; i++) {
        n = receive(plain);
        if (n == 0)
            break;
    }
    if (n > 0)
        watch_again(&plain->watch, EPOLLIN);
    if (plain->eof_received)
        end(plain, ENDING_DONE);
}

/* ---- sending */

static void send_failed(struct plain *plain)
{
    buffer_clear(&plain->out);
    plain->send_broken = true;
    plain->room_owed = false;
    if (plain->state != &state_open || plain->paused || plain->eof_received)
        end(plain, ENDING_PEER_RESET);
}

/* One part is what most events leave: send costs the kernel less than sendmsg. Last words wait for the FIN that follows at once, and
 * leave in one segment with it. */
static ssize_t send_parts(const struct plain *plain, const struct span *parts, size_t count)
{
    int flags = plain->state == &state_flushing ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
    if (count == 1)
        return send(plain->watch.descriptor, parts->at, parts->len, flags);
    struct iovec vector[PARTS_PER_SEND];
    for (size_t i = 0; i < count; i++)
        vector[i] = (struct iovec){(void *)(uintptr_t)parts[i].at, parts[i].len};
    struct msghdr message = {.msg_iov = vector, .msg_iovlen = count};
    return sendmsg(plain->watch.descriptor, &message, flags);
}

static void send_queued(struct plain *plain)
{
    while (!buffer_is_empty(&plain->out)) {
        struct span parts[PARTS_PER_SEND];
        size_t count = buffer_peek(&plain->out, parts, PARTS_PER_SEND);
        size_t offered = 0;
        for (size_t i = 0; i < count; i++)
            offered += parts[i].len;
        ssize_t n = send_parts(plain, parts, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            if (errno != EAGAIN)
                send_failed(plain);
            return;
        }
        buffer_drop(&plain->out, (size_t)n);
        if (plain->count_bytes)
            counter_add(&plain->loop->counters->bytes_out, (uint64_t)n);
        if (plain->state == &state_flushing)
            deadline_arm(&plain->loop->deadlines, &plain->deadline, LIMIT_SEND, plain->loop->now);
        if ((size_t)n < offered)
            return;
    }
}

static void flush(struct task *task)
{
    struct plain *plain = CONTAINER_OF(task, struct plain, flush);
    if (plain->watch.descriptor < 0)
        return;
    send_queued(plain);
    if (buffer_is_empty(&plain->out) && plain->state->on_flushed)
        plain->state->on_flushed(plain);
    if (plain->state == &state_open)
        tell_eof(plain);
    watch(plain);
}

/* Room is told from the event loop only, never from the flush that made it: else one fast reader could keep the loop in
 * a single turn for as long as its download takes. */
static void tell_room(struct plain *plain)
{
    if (plain->room_owed && plain->state == &state_open && plain->out.length < STREAM_LOW) {
        plain->room_owed = false;
        plain->stream.on->on_room(plain->stream.user);
    }
}

/* ---- events */

static void settle(struct task *task)
{
    struct plain *plain = CONTAINER_OF(task, struct plain, settle);
    if (!plain->open_told && plain->state == &state_open) {
        plain->open_told = true;
        plain->stream.on->on_open(plain->stream.user);
    }
    deliver_kept(plain);
    owe_eof(plain);
    watch(plain);
}

static void on_ready(struct watch *watched, uint32_t events)
{
    struct plain *plain = CONTAINER_OF(watched, struct plain, watch);
    if (events & EPOLLOUT) {
        flush(&plain->flush);
        tell_room(plain);
    }
    plain->eof_follows = events & EPOLLRDHUP;
    plain->is_urgent = events & EPOLLPRI;
    if ((events & (EPOLLIN | EPOLLRDHUP)) && plain->state->on_readable)
        plain->state->on_readable(plain);
    if ((events & EPOLLERR) && plain->state != &state_ended && (plain->paused || plain->eof_received))
        end(plain, ENDING_PEER_RESET);
    loop_settle(plain->loop);
    watch(plain);
}

/* ---- stream operations */

static bool takes_writes(const struct plain *plain)
{
    return plain->state->takes_writes && !plain->send_broken;
}

/* After bytes have been queued. */
static bool wrote(struct plain *plain)
{
    if (plain->state == &state_open)
        loop_defer(plain->loop, PHASE_FLUSH, &plain->flush);
    if (plain->out.length <= STREAM_HIGH)
        return true;
    plain->room_owed = true;
    return false;
}

static bool plain_write(struct stream *stream, struct span bytes)
{
    struct plain *plain = plain_of(stream);
    if (!takes_writes(plain))
        return true;
    if (buffer_append(&plain->out, bytes))
        return wrote(plain);
    end(plain, ENDING_MEMORY);
    return true;
}

static uint8_t *plain_reserve(struct stream *stream, size_t size)
{
    struct plain *plain = plain_of(stream);
    return takes_writes(plain) ? buffer_reserve(&plain->out, size) : NULL;
}

static bool plain_commit(struct stream *stream, size_t length)
{
    struct plain *plain = plain_of(stream);
    buffer_commit(&plain->out, length);
    return wrote(plain);
}

static void plain_pause(struct stream *stream, bool paused)
{
    struct plain *plain = plain_of(stream);
    if (plain->state != &state_open && plain->state != &state_dialing)
        return;
    plain->paused = paused;
    loop_defer(plain->loop, PHASE_SETTLE, &plain->settle);
}

static void flushing_on_flushed(struct plain *plain)
{
    if (plain->eof_received || plain->stream.peer_is_done || shutdown(plain->watch.descriptor, SHUT_WR) < 0) {
        end(plain, ENDING_DONE);
        return;
    }
    plain->state = &state_lingering;
    deadline_arm(&plain->loop->deadlines, &plain->deadline, LIMIT_LINGER, plain->loop->now);
}

static void plain_finish(struct stream *stream)
{
    struct plain *plain = plain_of(stream);
    if (plain->state == &state_dialing) {
        end(plain, ENDING_DONE);
        return;
    }
    if (plain->state != &state_open)
        return;
    plain->state = &state_flushing;
    deadline_arm(&plain->loop->deadlines, &plain->deadline, LIMIT_SEND, plain->loop->now);
    loop_defer(plain->loop, PHASE_FLUSH, &plain->flush);
}

static void plain_abort(struct stream *stream, enum ending why)
{
    end(plain_of(stream), why);
}

static size_t plain_queued(const struct stream *stream)
{
    return CONTAINER_OF(stream, const struct plain, stream)->out.length;
}

static bool plain_describe(const struct stream *stream, struct connection_facts *facts)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (facts->skips_local)
        return true;
    if (getsockname(CONTAINER_OF(stream, const struct plain, stream)->watch.descriptor, (struct sockaddr *)&address,
                    &size) == 0)
        peer_from_socket(&facts->local, (const struct sockaddr *)&address);
    return true;
}

static void plain_gather(struct stream *stream)
{
    struct plain *plain = plain_of(stream);
    if (plain->watch.descriptor >= 0)
        net_gather(plain->watch.descriptor);
}

static const struct stream_ops operations = {
    .write = plain_write,
    .pause = plain_pause,
    .finish = plain_finish,
    .abort = plain_abort,
    .queued = plain_queued,
    .reserve = plain_reserve,
    .commit = plain_commit,
    .describe = plain_describe,
    .gather = plain_gather,
};

static const struct plain_state state_dialing = {.takes_writes = true};
static const struct plain_state state_open = {.on_readable = open_on_readable, .takes_writes = true};
static const struct plain_state state_flushing = {.on_flushed = flushing_on_flushed};
static const struct plain_state state_lingering = {.on_readable = lingering_on_readable};
static const struct plain_state state_ended = {0};

/* ---- making */

static struct plain *make(struct loop *loop)
{
    struct plain *plain = slab_take(&loop->slabs, sizeof *plain);
    if (!plain)
        return NULL;
    plain->stream.ops = &operations;
    plain->loop = loop;
    plain->state = &state_dialing;
    plain->watch.descriptor = -1;
    buffer_init(&plain->out, &loop->pool);
    buffer_init(&plain->kept, &loop->pool);
    task_init(&plain->settle, settle);
    task_init(&plain->flush, flush);
    task_init(&plain->bury, bury);
    deadline_init(&plain->deadline, on_deadline);
    return plain;
}

static void adopt(struct plain *plain, int descriptor)
{
    watch_open(plain->loop->lookout, &plain->watch, descriptor, on_ready);
    plain->watch.takes_all = true;
    plain->state = &state_open;
    loop_defer(plain->loop, PHASE_SETTLE, &plain->settle);
}

struct stream *plain_new(struct loop *loop, int descriptor, bool count_bytes)
{
    struct plain *plain = make(loop);
    if (!plain) {
        close(descriptor);
        return NULL;
    }
    adopt(plain, descriptor);
    plain->count_bytes = count_bytes;
    if (count_bytes) {
        counter_add(&loop->counters->connections_accepted, 1);
        counter_add(&loop->counters->connections_open, 1);
    }
    return &plain->stream;
}

struct plain *plain_new_dialing(struct loop *loop, struct plain_dial *dial)
{
    struct plain *plain = make(loop);
    if (plain)
        plain->dial = dial;
    return plain;
}

struct stream *plain_stream(struct plain *plain)
{
    return &plain->stream;
}

void plain_dialed(struct plain *plain, int descriptor)
{
    plain->dial = NULL;
    adopt(plain, descriptor);
    if (!buffer_is_empty(&plain->out))
        loop_defer(plain->loop, PHASE_FLUSH, &plain->flush);
}

void plain_dial_failed(struct plain *plain, enum ending why, const char *detail)
{
    plain->dial = NULL;
    plain->stream.detail = detail;
    end(plain, why);
}
