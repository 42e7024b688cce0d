/* TLS as a stream over a stream.
 *
 *     handshake --> open --> half --> closing
 *         |          |                  ^
 *         +----------+------------------+
 *
 * handshake: ciphertext is that one's (handshake.h). open: it is decrypted as it comes. half: the peer has said
 * close_notify, we have not. closing: nothing is said to the user any more but on_end, which comes when the stream below has
 * ended. */
#include "bio.h"
#include "error.h"
#include "facts.h"
#include "handshake.h"
#include "hello.h"
#include "records.h"

#include "crossgate/base/buffer.h"
#include "crossgate/limits.h"

#include <assert.h>
#include <stdlib.h>

/* Content of a full record (RFC 8446 section 5.1). */
enum { RECORD_BYTES = LOOP_PLAINTEXT_BYTES };

/* How long a ticket waits for bytes to go with, ms. */
enum { TICKET_PATIENCE = 100 };

struct tls_stream;

/* What the stream below tells means something else in each phase of life. */
struct state {
    size_t (*on_bytes)(struct tls_stream *self, struct span ciphertext);
    void (*on_eof)(struct tls_stream *self);
    bool can_send; /* application data may be encrypted */
};

/* There is one for each idle connection: a bit for each fact, and the size is one that malloc has no need to round up. */
struct tls_stream {
    struct stream stream;
    const struct state *state;
    struct tls_context *context;
    struct tls_handshake *handshake; /* in that state, else NULL */
    struct records *records;         /* NULL before it is open */
    struct facts *facts;             /* likewise */
    struct pipe pipe;
    uint8_t *kept; /* what pipe.in is of, between two calls: came along with the handshake; NULL: nothing */
    const struct choice *choice; /* servers: whom the hello asked for */
    struct buffer held;          /* plaintext the user has not taken: at most one record */
    struct buffer out;           /* plaintext to be sent; once open, always less than a record */
    struct deadline deadline;
    struct task settle;
    struct task flush;
    size_t choke_queue;       /* below's queue when that was last looked at */
    enum ending why;          /* our own ending, if `failed` */
    bool failed : 1;          /* we ended it; what below ends with comes of that */
    bool paused : 1;          /* by the user */
    bool wants_room : 1;      /* the user was told to wait for on_room */
    bool owes_ticket : 1;     /* it goes with the first that is said */
    bool choked : 1;          /* by answers of TLS itself to a peer that asks faster than it reads */
    bool below_is_paused : 1; /* by us */
    bool below_is_over : 1;   /* EOF came while plaintext was held back */
};

static const struct state state_handshake;
static const struct state state_open;
static const struct state state_half;
static const struct state state_closing;

static struct tls_stream *tls_of(struct stream *stream)
{
    return CONTAINER_OF(stream, struct tls_stream, stream);
}

/* -- ending -- */

static void free_kept(struct tls_stream *self)
{
    free(self->kept);
    self->kept = NULL;
    self->pipe.in = (struct span){0};
}

/* Whatever the stream was up to, it is not any more. */
static void enter_closing(struct tls_stream *self)
{
    self->state = &state_closing;
    tls_handshake_free(self->handshake);
    self->handshake = NULL;
    deadline_disarm(&self->deadline);
    task_cancel(&self->settle);
    task_cancel(&self->flush);
    buffer_clear(&self->held);
    buffer_clear(&self->out);
    free_kept(self);
}

/* The first one wins. */
static void set_ending(struct tls_stream *self, enum ending why, const char *detail)
{
    if (self->failed)
        return;
    self->failed = true;
    self->why = why;
    self->stream.detail = detail;
}

/* Ends at once. */
static void drop(struct tls_stream *self, enum ending why)
{
    enter_closing(self);
    set_ending(self, why, NULL);
    stream_abort(self->pipe.below, why);
}

/* Ends after what has been written below: an alert has to reach the peer. */
static void fail(struct tls_stream *self, const struct tls_fault *fault)
{
    enter_closing(self);
    set_ending(self, fault->why, fault->detail);
    stream_finish(self->pipe.below);
}

/* Below has ended, from PHASE_BURY: nobody is on the stack, so that this is the end of us, too. */
static void on_below_end(void *user, enum ending why)
{
    struct tls_stream *self = user;
    enter_closing(self);
    if (!self->failed)
        self->stream.detail = self->pipe.below->detail;
    self->stream.on->on_end(self->stream.user, self->failed ? self->why : why);
    records_free(self->records);
    facts_free(self->facts);
    tls_context_unref(self->context);
    slab_give(self);
}

/* -- sending -- */

static void tell_room(struct tls_stream *self)
{
    if (!self->wants_room || self->pipe.full || !self->state->can_send)
        return;
    self->wants_room = false;
    self->stream.on->on_room(self->stream.user);
}

/* Right before the first bytes, so that it leaves with them; or by itself, when neither side has said anything. */
static void give_ticket(struct tls_stream *self)
{
    struct tls_fault fault = {ENDING_INTERNAL, NULL};
    self->owes_ticket = false;
    if (!self->choked)
        deadline_disarm(&self->deadline);
    if (!records_give_ticket(self->records, &fault))
        fail(self, &fault);
}

static void encrypt(struct tls_stream *self, struct span content)
{
    struct tls_fault fault = {ENDING_INTERNAL, NULL};
    if (self->owes_ticket)
        give_ticket(self);
    if (self->state->can_send && !records_write(self->records, content, &fault))
        fail(self, &fault);
}

static void encrypt_gathered(struct tls_stream *self)
{
    while (self->state->can_send && !buffer_is_empty(&self->out)) {
        struct span part;
        buffer_peek(&self->out, &part, 1);
        part = span_head(part, RECORD_BYTES);
        encrypt(self, part);
        if (self->state->can_send)
            buffer_drop(&self->out, part.len);
    }
}

static void run_flush(struct task *task)
{
    struct tls_stream *self = CONTAINER_OF(task, struct tls_stream, flush);
    encrypt_gathered(self);
    tell_room(self);
}

static void gather(struct tls_stream *self, struct span bytes)
{
    if (!buffer_append(&self->out, bytes)) {
        drop(self, ENDING_MEMORY);
        return;
    }
    loop_defer(self->pipe.loop, PHASE_FLUSH, &self->flush);
}

static size_t records_for(size_t length)
{
    return (length + RECORD_BYTES - 1) / RECORD_BYTES;
}

/* What has been gathered leaves in a record of its own if filling that up, which copies, saves none: the head of a frame before 16 KiB. */
static bool leaves_alone(const struct tls_stream *self, size_t next)
{
    return next >= RECORD_BYTES && records_for(self->out.length + next) == 1 + records_for(next);
}

/* Small writes share a record, which is encrypted when it is full or the event is over; large ones are encrypted from
 * where they are. */
static void send_bytes(struct tls_stream *self, struct span bytes)
{
    if (leaves_alone(self, bytes.len))
        encrypt_gathered(self);
    if (!buffer_is_empty(&self->out)) {
        struct span part = span_head(bytes, RECORD_BYTES - self->out.length);
        gather(self, part);
        bytes = span_tail(bytes, part.len);
        if (self->out.length < RECORD_BYTES)
            return;
        encrypt_gathered(self);
    }
    struct span whole = span_head(bytes, bytes.len - bytes.len % RECORD_BYTES);
    if (whole.len > 0)
        encrypt(self, whole);
    bytes = span_tail(bytes, whole.len);
    if (bytes.len > 0 && self->state->can_send)
        gather(self, bytes);
}

/* -- receiving -- */

static void pause_below(struct tls_stream *self, bool paused)
{
    if (self->below_is_paused == paused)
        return;
    self->below_is_paused = paused;
    stream_pause(self->pipe.below, paused);
}

static bool is_blocked(const struct tls_stream *self)
{
    return self->paused || self->choked || !buffer_is_empty(&self->held);
}

/* What a ticket may go with. */
static void await_words(struct tls_stream *self)
{
    deadline_arm(&self->pipe.loop->deadlines, &self->deadline, TICKET_PATIENCE, self->pipe.loop->now);
}

static void watch_choke(struct tls_stream *self)
{
    self->choke_queue = stream_queued(self->pipe.below);
    deadline_arm(&self->pipe.loop->deadlines, &self->deadline, LIMIT_SEND, self->pipe.loop->now);
}

/* A peer may ask for an answer with every record: a key update (RFC 8446 section 4.6.3), a renegotiation to be refused.
 * Nobody above knows of these answers, so that it falls to us not to read on while the peer does not take them. */
static void choke(struct tls_stream *self)
{
    self->choked = true;
    pause_below(self, true);
    watch_choke(self);
}

static void unchoke(struct tls_stream *self)
{
    if (!self->choked)
        return;
    self->choked = false;
    deadline_disarm(&self->deadline);
    if (self->owes_ticket)
        await_words(self);
    loop_defer(self->pipe.loop, PHASE_SETTLE, &self->settle);
}

static void pass_up(struct tls_stream *self, struct span plaintext)
{
    size_t taken = self->stream.on->on_bytes(self->stream.user, plaintext);
    assert(taken <= plaintext.len);
    if (self->state != &state_open || taken == plaintext.len)
        return;
    if (!buffer_append(&self->held, span_tail(plaintext, taken)))
        drop(self, ENDING_MEMORY);
    else
        pause_below(self, true);
}

/* Below is read on, so that it notices when the peer is gone. */
static void peer_closed(struct tls_stream *self)
{
    self->state = &state_half;
    self->owes_ticket = false;
    self->pipe.below->peer_is_done = true;
    deadline_disarm(&self->deadline);
    pause_below(self, false);
    self->stream.on->on_eof(self->stream.user);
}

/* One record. False: there is no whole one. */
static bool decrypt(struct tls_stream *self)
{
    struct tls_fault fault = {ENDING_INTERNAL, NULL};
    struct span content;
    size_t queued = stream_queued(self->pipe.below);
    enum tls_outcome came_to = records_read(self->records, &content, &fault);
    if (self->pipe.full && stream_queued(self->pipe.below) > queued)
        choke(self);
    switch (came_to) {
    case TLS_DONE:
        pass_up(self, content);
        return true;
    case TLS_NEEDS_BYTES:
        return false;
    case TLS_CLOSED:
        peer_closed(self);
        return false;
    case TLS_SUSPENDED:
    case TLS_FAILED:
        fail(self, &fault);
        return false;
    }
    return false;
}

/* What pipe.in and the records hold is decrypted, until the user has enough. That is bounded by the loop's receive
 * buffer. */
static void pump(struct tls_stream *self)
{
    while (self->state == &state_open && !is_blocked(self) &&
           (self->pipe.in.len > 0 || records_have_pending(self->records)))
        if (!decrypt(self))
            return;
}

static void pump_kept(struct tls_stream *self)
{
    pump(self);
    if (self->pipe.in.len == 0)
        free_kept(self);
}

/* Held plaintext goes first. It is moved out of its block, since the user may end the stream while it reads it. */
static void pass_up_held(struct tls_stream *self)
{
    struct span part;
    size_t length = self->held.length;
    assert(length <= LOOP_PLAINTEXT_BYTES);
    for (size_t at = 0; at < length; at += part.len) {
        buffer_peek(&self->held, &part, 1);
        memcpy(self->pipe.loop->plaintext + at, part.at, part.len);
        buffer_drop(&self->held, part.len);
    }
    pass_up(self, span_of(self->pipe.loop->plaintext, length));
}

/* After anything that may have changed what can be passed up. */
static void settle(struct tls_stream *self)
{
    if (!self->paused && !buffer_is_empty(&self->held))
        pass_up_held(self);
    pump_kept(self);
    if (self->state != &state_open)
        return;
    if (self->below_is_over && !is_blocked(self))
        drop(self, ENDING_PEER_TRUNCATED);
    else
        pause_below(self, is_blocked(self));
}

static void run_settle(struct task *task)
{
    struct tls_stream *self = CONTAINER_OF(task, struct tls_stream, settle);
    if (self->state == &state_open)
        settle(self);
}

static size_t open_on_bytes(struct tls_stream *self, struct span ciphertext)
{
    if (is_blocked(self)) {
        pause_below(self, true);
        return 0;
    }
    assert(!self->kept);
    self->pipe.in = ciphertext;
    pump(self);
    size_t left = self->pipe.in.len;
    self->pipe.in = (struct span){0};
    return self->state == &state_open ? ciphertext.len - left : ciphertext.len;
}

static void open_on_eof(struct tls_stream *self)
{
    self->below_is_over = true;
    settle(self);
}

/* -- opening -- */

static size_t handshake_on_bytes(struct tls_stream *self, struct span ciphertext)
{
    return tls_handshake_on_bytes(self->handshake, ciphertext);
}

static void handshake_on_eof(struct tls_stream *self)
{
    tls_handshake_on_eof(self->handshake);
}

static void owe_ticket(struct tls_stream *self)
{
    self->owes_ticket = self->records->gives_ticket;
    if (self->owes_ticket)
        await_words(self);
}

/* False when memory is out. */
static bool take_over(struct tls_stream *self, const struct tls_opened *opened)
{
    struct tls_context *context = self->context;
    self->facts = facts_new(&self->pipe.loop->slabs, opened->ssl, context->gives_exporter);
    self->records = records_new(opened->ssl, opened->secrets, &self->pipe, context->role);
    self->choice = opened->choice;
    self->below_is_paused = opened->below_is_paused;
    self->below_is_over = opened->below_is_over;
    tls_handshake_free(self->handshake);
    self->handshake = NULL;
    return self->facts && self->records;
}

/* Application bytes may have come along with the end of the handshake, and may have been written before it. */
static void on_opened(void *user, const struct tls_opened *opened)
{
    struct tls_stream *self = user;
    pipe_take_over(&self->pipe, opened->ssl);
    self->kept = opened->kept;
    self->pipe.in = span_of(opened->kept, opened->kept_length);
    if (!take_over(self, opened)) {
        drop(self, ENDING_MEMORY);
        return;
    }
    self->state = &state_open;
    owe_ticket(self);
    encrypt_gathered(self);
    if (self->state != &state_open)
        return;
    loop_defer(self->pipe.loop, PHASE_FLUSH, &self->flush);
    self->stream.on->on_open(self->stream.user);
    if (self->state == &state_open)
        settle(self);
}

static void on_ended(void *user, const struct tls_fault *fault)
{
    const struct tls_fault copy = *fault; /* of the handshake, which goes */
    fail(user, &copy);
}

static void on_dropped(void *user, enum ending why)
{
    drop(user, why);
}

static const struct tls_handshake_user handshake_user = {on_opened, on_ended, on_dropped};

static void on_deadline(struct deadline *deadline)
{
    struct tls_stream *self = CONTAINER_OF(deadline, struct tls_stream, deadline);
    if (!self->choked)
        give_ticket(self);
    else if (stream_queued(self->pipe.below) < self->choke_queue)
        watch_choke(self);
    else
        drop(self, ENDING_WRITE_STALLED);
}

/* -- half and closing -- */

static size_t drop_bytes(struct tls_stream *self, struct span ciphertext)
{
    (void)self;
    return ciphertext.len;
}

static void ignore_eof(struct tls_stream *self)
{
    (void)self;
}

/* clang-format off */
static const struct state state_handshake = { handshake_on_bytes, handshake_on_eof, false };
static const struct state state_open      = { open_on_bytes,      open_on_eof,      true  };
static const struct state state_half      = { drop_bytes,         ignore_eof,       true  };
static const struct state state_closing   = { drop_bytes,         ignore_eof,       false };
/* clang-format on */

/* -- what the user asks -- */

static bool tls_write(struct stream *stream, struct span bytes)
{
    struct tls_stream *self = tls_of(stream);
    if (self->state == &state_closing)
        return true;
    if (self->state->can_send)
        send_bytes(self, bytes);
    else
        gather(self, bytes);
    if (!self->pipe.full && self->out.length <= STREAM_HIGH)
        return true;
    self->wants_room = true;
    return false;
}

static void tls_pause(struct stream *stream, bool paused)
{
    struct tls_stream *self = tls_of(stream);
    self->paused = paused;
    if (self->state != &state_open)
        return;
    if (paused)
        pause_below(self, true);
    else
        loop_defer(self->pipe.loop, PHASE_SETTLE, &self->settle);
}

/* Before the handshake is done there is nobody who could read what was written. */
static void tls_finish(struct stream *stream)
{
    struct tls_stream *self = tls_of(stream);
    if (self->state == &state_closing)
        return;
    encrypt_gathered(self);
    if (self->state->can_send)
        records_close(self->records);
    if (self->state == &state_closing)
        return;
    enter_closing(self);
    stream_finish(self->pipe.below);
}

static void tls_abort(struct stream *stream, enum ending why)
{
    drop(tls_of(stream), why);
}

static size_t tls_queued(const struct stream *stream)
{
    const struct tls_stream *self = (const void *)stream; /* its first member */
    return self->out.length + stream_queued(self->pipe.below);
}

static bool tls_describe(const struct stream *stream, struct connection_facts *facts)
{
    const struct tls_stream *self = (const void *)stream; /* its first member */
    return stream_describe(self->pipe.below, facts) && facts_tell(self->facts, facts->arena, &facts->tls);
}

/* Which policy let the client in matters only where there is another one. */
static bool tls_serves(const struct stream *stream, struct span host)
{
    const struct tls_stream *self = (const void *)stream; /* its first member */
    const struct policy *policies = self->context->policies;
    return !policies || !policies->next || hello_is_for(self->context, self->choice, host);
}

static void tls_gather(struct stream *stream)
{
    stream_gather(tls_of(stream)->pipe.below);
}

static const struct stream_ops tls_ops = {
    .write = tls_write,
    .pause = tls_pause,
    .finish = tls_finish,
    .abort = tls_abort,
    .queued = tls_queued,
    .describe = tls_describe,
    .gather = tls_gather,
    .serves = tls_serves,
};

/* -- what the stream below tells -- */

/* Of a stream that is still being connected: the time for the handshake begins now. */
static void on_below_open(void *user)
{
    struct tls_stream *self = user;
    if (self->handshake)
        tls_handshake_restart_clock(self->handshake);
}

static size_t on_below_bytes(void *user, struct span ciphertext)
{
    struct tls_stream *self = user;
    return self->state->on_bytes(self, ciphertext);
}

static void on_below_room(void *user)
{
    struct tls_stream *self = user;
    self->pipe.full = false;
    if (self->state == &state_open)
        unchoke(self);
    tell_room(self);
}

static void on_below_eof(void *user)
{
    struct tls_stream *self = user;
    self->state->on_eof(self);
}

static const struct stream_user below_user = {
    .on_open = on_below_open,
    .on_bytes = on_below_bytes,
    .on_room = on_below_room,
    .on_eof = on_below_eof,
    .on_end = on_below_end,
};

/* -- making one -- */

static struct tls_stream *tls_stream_new(struct loop *loop, struct stream *below, struct tls_context *context,
                                         uint32_t timeout, const struct peer *peer)
{
    struct tls_stream *self = slab_take(&loop->slabs, sizeof *self);
    if (!self)
        return NULL;
    self->pipe = (struct pipe){.below = below, .loop = loop, .flush = &self->flush};
    self->handshake = tls_handshake_new(&self->pipe, context, peer, timeout, &handshake_user, self);
    if (!self->handshake) {
        slab_give(self);
        return NULL;
    }
    self->stream.ops = &tls_ops;
    self->state = &state_handshake;
    self->context = context;
    tls_context_ref(context);
    buffer_init(&self->held, &loop->pool);
    buffer_init(&self->out, &loop->pool);
    deadline_init(&self->deadline, on_deadline);
    task_init(&self->settle, run_settle);
    task_init(&self->flush, run_flush);
    return self;
}

static struct stream *start(struct loop *loop, struct stream *below, struct tls_context *context, uint32_t timeout,
                            const struct peer *peer)
{
    struct tls_stream *self = tls_stream_new(loop, below, context, timeout, peer);
    if (!self) {
        stream_abandon(below, ENDING_MEMORY);
        return NULL;
    }
    stream_attach(below, &below_user, self);
    return &self->stream;
}

struct stream *tls_accept(struct loop *loop, struct stream *below, struct tls_context *context,
                          uint32_t handshake_timeout, const struct peer *peer)
{
    assert(context->role == TLS_SERVER);
    return start(loop, below, context, handshake_timeout, peer);
}

/* A client speaks first; below keeps what is written until it is connected. */
struct stream *tls_connect(struct loop *loop, struct stream *below, struct tls_context *context,
                           uint32_t handshake_timeout)
{
    assert(context->role == TLS_CLIENT);
    struct stream *stream = start(loop, below, context, handshake_timeout, NULL);
    if (stream)
        tls_handshake_begin(tls_of(stream)->handshake);
    return stream;
}
