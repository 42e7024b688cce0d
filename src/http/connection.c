#include "connection.h"

#include "request.h"

#include <assert.h>

/* What a connection does about bytes, the visitor's end and its deadline, state by state. */
struct http_state {
    size_t (*on_bytes)(struct http_connection *connection, struct span in); /* returns how many it took */
    void (*on_eof)(struct http_connection *connection);
    void (*on_deadline)(struct http_connection *connection);
    size_t timeout; /* offset of its length in struct http_site; 0: none */
};

/* What one read brings may be two thousand requests: after some of them others have their turn. */
enum { REQUESTS_PER_BURST = 64, BREATH = 1 /* ms */ };

static const struct http_state state_opening, state_idle, state_head, state_body, state_receive, state_answer,
    state_breath, state_closing;

static uint32_t timeout_of(const struct http_connection *c)
{
    if (c->state == &state_breath)
        return BREATH;
    if (c->state->timeout == 0)
        return 0;
    return *(const uint32_t *)(const void *)((const char *)c->site + c->state->timeout);
}

/* The only writer of the state and the only caller of the deadline list. Entering a state anew restarts its deadline. */
static void enter(struct http_connection *c, const struct http_state *state)
{
    c->state = state;
    deadline_arm(&c->loop->deadlines, &c->deadline, timeout_of(c), c->loop->now);
}

bool connection_is_last(const struct http_connection *c)
{
    return c->close || c->loop->leaving || *c->site->superseded || c->peer_ended || (c->exchange && c->exchange->owed);
}

void connection_write(struct http_connection *c, struct span bytes)
{
    c->written += bytes.len;
    c->full = !stream_write(c->stream, bytes);
}

/* Last words first: whatever is queued is sent, unless the ending says that the visitor does not read or that its answer
 * cannot be completed. */
static bool ends_politely(enum ending why)
{
    return why == ENDING_DONE || why == ENDING_IDLE || why == ENDING_PEER_LEFT || why == ENDING_GOING_AWAY;
}

void connection_end(struct http_connection *c, enum ending why, const char *detail)
{
    if (c->ended)
        return;
    c->ended = true;
    loop_report(c->loop, why, &c->peer, detail);
    enter(c, &state_closing);
    if (!c->stream)
        return;
    if (ends_politely(why))
        stream_finish(c->stream);
    else
        stream_abort(c->stream, why);
}

/* For events of stream and clock only: then no service is on the stack. */
static void leave_exchange(struct http_connection *c, enum ending why, const char *detail)
{
    connection_end(c, why, detail);
    if (c->exchange)
        exchange_drop(c->exchange);
}

/* The request is no good; what follows it cannot be told apart from it. */
static void refuse(struct http_connection *c, enum ending why)
{
    c->close = true;
    enter(c, &state_answer);
    exchange_fail(c->exchange, why, NULL);
}

/* Expect (RFC 9110 section 10.1.1). */
static enum ending check_expectation(struct http_connection *c)
{
    const struct http_request *request = &c->exchange->request;
    struct span value;
    if (request->http_1_0 || !http_header_find(&request->headers, SPAN("Expect"), &value))
        return ENDING_DONE;
    if (http_header_count(&request->headers, SPAN("Expect")) > 1 || !span_equal_nocase(value, SPAN("100-continue")))
        return ENDING_EXPECTATION;
    c->exchange->expects = request->has_body;
    return ENDING_DONE;
}

static void serve(struct http_connection *c)
{
    enter(c, &state_answer);
    exchange_serve(c->exchange);
}

/* A service that takes the body is asked at once. A body nobody wants is read if it is short, so that the connection can stay;
 * else the answer is the last one: also if the visitor waits for a 100, since then nobody can tell whether the body follows. */
static void take_request(struct http_connection *c)
{
    struct exchange *x = c->exchange;
    c->close = !x->request.keep_alive;
    exchange_judge(x);
    enum ending why = check_expectation(c);
    if (why != ENDING_DONE) {
        refuse(c, why);
        return;
    }
    x->owed = x->request.has_body && exchange_takes_body(x);
    if (x->request.has_body && !x->owed && (x->expects || x->body.left > HTTP_BODY_DRAIN_MAX))
        c->close = true;
    if (x->request.has_body && !x->owed && !c->close)
        enter(c, &state_body);
    else
        serve(c);
}

static size_t idle_bytes(struct http_connection *c, struct span in)
{
    enter(c, &state_head);
    return state_head.on_bytes(c, in);
}

/* What is known from the first line alone goes first, so that the same bytes get the same answer however they come. */
static enum ending judge_line(const struct head *head)
{
    if (head->lines > 0)
        return request_line_check(head_first_line(head));
    return head->column > REQUEST_LINE_MAX ? ENDING_TARGET_TOO_LONG : ENDING_DONE;
}

static enum ending judge_head(struct exchange *x, enum head_progress progress)
{
    if (progress == HEAD_NO_MEMORY)
        return ENDING_MEMORY;
    enum ending why = judge_line(&x->head);
    if (why != ENDING_DONE || progress == HEAD_MORE)
        return why;
    if (progress == HEAD_COMPLETE)
        return request_read(x->arena, &x->head, &x->request, &x->body);
    return progress == HEAD_TOO_LONG ? ENDING_HEAD_TOO_LARGE : ENDING_BAD_REQUEST;
}

static size_t head_bytes_in(struct http_connection *c, struct span in)
{
    if (!c->exchange)
        c->exchange = exchange_new(c);
    if (!c->exchange) {
        connection_end(c, ENDING_MEMORY, NULL);
        return in.len;
    }
    size_t taken;
    enum head_progress progress = head_feed(&c->exchange->head, in, &taken);
    enum ending why = judge_head(c->exchange, progress);
    if (why != ENDING_DONE) {
        refuse(c, why);
        return in.len;
    }
    if (progress == HEAD_COMPLETE)
        take_request(c);
    return taken;
}

/* The time for a body runs anew with each KiB of it: with a byte now and then nobody keeps a connection, and that to a backend,
 * for ever. */
static void note_progress(struct http_connection *c)
{
    struct exchange *x = c->exchange;
    if (x->body.received - x->timed < HTTP_BODY_PROGRESS)
        return;
    x->timed = x->body.received;
    enter(c, c->state);
}

static size_t body_bytes(struct http_connection *c, struct span in)
{
    struct exchange *x = c->exchange;
    size_t taken;
    enum body_progress progress = body_feed(&x->body, in, &taken);
    if (progress == BODY_BROKEN) {
        refuse(c, ENDING_BAD_REQUEST);
        return in.len;
    }
    if (progress == BODY_MORE && x->body.received <= HTTP_BODY_DRAIN_MAX) {
        note_progress(c);
        return taken;
    }
    if (x->body.received > HTTP_BODY_DRAIN_MAX)
        c->close = true;
    serve(c);
    return taken;
}

/* Piece by piece: after each the service may want no more, or have answered. */
static size_t receive_bytes(struct http_connection *c, struct span in)
{
    struct exchange *x = c->exchange;
    size_t taken;
    struct span piece;
    enum body_progress progress = body_read(&x->body, in, &taken, &piece);
    if (progress == BODY_BROKEN) {
        refuse(c, ENDING_BAD_REQUEST);
        return in.len;
    }
    bool last = progress == BODY_DONE;
    x->owed = !last;
    if (last)
        enter(c, &state_answer);
    else
        note_progress(c);
    if (piece.len > 0 || last)
        x->on->on_body(x->user, piece, last);
    return taken;
}

/* The next request, or a body that the service does not want now, waits in the stream. */
static size_t answer_bytes(struct http_connection *c, struct span in)
{
    (void)in;
    c->held = true;
    return 0;
}

static size_t drop_bytes(struct http_connection *c, struct span in)
{
    (void)c;
    return in.len;
}

static void leave_on_eof(struct http_connection *c)
{
    leave_exchange(c, ENDING_PEER_LEFT, NULL);
}

/* A visitor may close its side and still read the answer, once its request is complete. */
static void note_eof(struct http_connection *c)
{
    if (c->exchange && c->exchange->owed)
        leave_on_eof(c);
    else
        c->peer_ended = true;
}

static void ignore_eof(struct http_connection *c)
{
    (void)c;
}

static void idle_late(struct http_connection *c)
{
    connection_end(c, ENDING_IDLE, NULL);
}

static void head_late(struct http_connection *c)
{
    if (c->exchange && !head_is_blank(&c->exchange->head))
        refuse(c, ENDING_HEAD_LATE);
    else
        leave_exchange(c, ENDING_IDLE, NULL);
}

static void body_late(struct http_connection *c)
{
    refuse(c, ENDING_BODY_LATE);
}

/* Whether the visitor owes us reading, and has read nothing since the last time this was asked. The kernel may have taken
 * the last byte of the queue and no more: then nothing is queued, and still there is no room. */
static bool is_stalled(struct http_connection *c)
{
    size_t queued = stream_queued(c->stream);
    uint64_t accepted = c->written - queued;
    bool moved = accepted != c->accepted;
    c->accepted = accepted;
    return (queued > 0 || c->full) && !moved;
}

static void answer_late(struct http_connection *c)
{
    if (is_stalled(c))
        leave_exchange(c, ENDING_WRITE_STALLED, NULL);
    else
        enter(c, &state_answer);
}

/* When all is sent, the stream itself sees to it that the end comes. */
static void closing_late(struct http_connection *c)
{
    if (!c->stream || stream_queued(c->stream) == 0)
        return;
    if (is_stalled(c))
        stream_abort(c->stream, ENDING_WRITE_STALLED);
    else
        enter(c, &state_closing);
}

/* The stream is not open yet and has deadlines of its own. */
static const struct http_state state_opening = {
    .on_bytes = drop_bytes,
    .on_eof = ignore_eof,
};

static const struct http_state state_idle = {
    .on_bytes = idle_bytes,
    .on_eof = leave_on_eof,
    .on_deadline = idle_late,
    .timeout = offsetof(struct http_site, idle_timeout),
};

/* Also the first state of an open stream, so that the time for the first head runs from there. */
static const struct http_state state_head = {
    .on_bytes = head_bytes_in,
    .on_eof = leave_on_eof,
    .on_deadline = head_late,
    .timeout = offsetof(struct http_site, head_timeout),
};

static const struct http_state state_body = {
    .on_bytes = body_bytes,
    .on_eof = leave_on_eof,
    .on_deadline = body_late,
    .timeout = offsetof(struct http_site, body_timeout),
};

static const struct http_state state_receive = {
    .on_bytes = receive_bytes,
    .on_eof = leave_on_eof,
    .on_deadline = body_late,
    .timeout = offsetof(struct http_site, body_timeout),
};

static const struct http_state state_answer = {
    .on_bytes = answer_bytes,
    .on_eof = note_eof,
    .on_deadline = answer_late,
    .timeout = offsetof(struct http_site, send_timeout),
};

/* Between two requests of a burst. */
static const struct http_state state_breath = {
    .on_bytes = answer_bytes,
    .on_eof = note_eof,
    .on_deadline = connection_next,
};

static const struct http_state state_closing = {
    .on_bytes = drop_bytes,
    .on_eof = ignore_eof,
    .on_deadline = closing_late,
    .timeout = offsetof(struct http_site, send_timeout),
};

/* The stream belongs to someone else. */
static const struct http_state state_upgraded = {
    .on_bytes = answer_bytes,
    .on_eof = ignore_eof,
};

static void take_held(struct http_connection *c)
{
    if (!c->held)
        return;
    c->held = false;
    stream_pause(c->stream, false);
}

void connection_receive(struct http_connection *c, bool wanted)
{
    struct exchange *x = c->exchange;
    if (c->ended || wanted == (c->state == &state_receive))
        return;
    enter(c, wanted ? &state_receive : &state_answer);
    if (!wanted)
        return;
    x->timed = x->body.received;
    if (x->expects && x->phase == EXCHANGE_OPEN && !c->held)
        connection_write(c, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
    x->expects = false;
    take_held(c);
}

void connection_answered(struct http_connection *c)
{
    if (c->close || c->peer_ended)
        connection_end(c, ENDING_DONE, NULL);
}

static bool must_breathe(struct http_connection *c)
{
    if (c->burst_at != c->loop->now) {
        c->burst_at = c->loop->now;
        c->burst = 0;
    }
    return ++c->burst >= REQUESTS_PER_BURST;
}

void connection_next(struct http_connection *c)
{
    if (c->ended || c->full)
        return;
    if (c->peer_ended || c->loop->leaving) {
        connection_end(c, c->peer_ended ? ENDING_DONE : ENDING_GOING_AWAY, NULL);
        return;
    }
    if (must_breathe(c)) {
        enter(c, &state_breath);
        return;
    }
    enter(c, &state_idle);
    take_held(c);
}

static void on_open(void *user)
{
    struct http_connection *c = user;
    if (!c->ended)
        enter(c, &state_head);
}

/* Pipelined requests that are answered at once are taken in one go. */
static size_t on_bytes(void *user, struct span in)
{
    struct http_connection *c = user;
    size_t taken = 0, n = 1;
    while (n > 0 && taken < in.len) {
        n = c->state->on_bytes(c, span_tail(in, taken));
        taken += n;
    }
    return taken;
}

static void on_room(void *user)
{
    struct http_connection *c = user;
    struct exchange *x = c->exchange;
    c->full = false;
    if (c->ended)
        return;
    if (!x) {
        connection_next(c);
    } else if (x->phase == EXCHANGE_BEGUN && x->waiting && x->on) {
        x->waiting = false;
        x->on->on_room(x->user);
    }
}

static void on_eof(void *user)
{
    struct http_connection *c = user;
    c->state->on_eof(c);
}

/* Exchanges that wait for their burial were put there earlier, so they go first. A guest until now: the last words of a
 * connection that has ended are still on their way. */
static void on_end(void *user, enum ending why)
{
    struct http_connection *c = user;
    const char *detail = c->stream->detail;
    c->stream = NULL;
    leave_exchange(c, why, detail);
    list_remove(&c->guest.link);
    deadline_disarm(&c->deadline);
    loop_defer(c->loop, PHASE_BURY, &c->burial);
}

static const struct stream_user connection_user = {
    .on_open = on_open,
    .on_bytes = on_bytes,
    .on_room = on_room,
    .on_eof = on_eof,
    .on_end = on_end,
};

struct stream *connection_hand_over(struct http_connection *c)
{
    struct stream *stream = c->stream;
    c->stream = NULL;
    c->ended = true;
    list_remove(&c->guest.link);
    enter(c, &state_upgraded);
    stream_pause(stream, true);
    /* Its new user would never hear what has been said already. */
    if (c->peer_ended)
        stream_abort(stream, ENDING_PEER_LEFT);
    loop_defer(c->loop, PHASE_BURY, &c->burial);
    return stream;
}

static void expire(struct deadline *deadline)
{
    struct http_connection *c = CONTAINER_OF(deadline, struct http_connection, deadline);
    c->state->on_deadline(c);
}

static bool is_between_requests(const struct http_connection *c)
{
    if (c->state == &state_head)
        return !c->exchange || head_is_blank(&c->exchange->head);
    return c->state == &state_opening || c->state == &state_idle;
}

/* The worker stops: who waits for a request goes at once, who is being answered goes with the answer. */
static void leave(struct guest *guest)
{
    struct http_connection *c = CONTAINER_OF(guest, struct http_connection, guest);
    if (is_between_requests(c))
        leave_exchange(c, ENDING_GOING_AWAY, NULL);
}

static void bury(struct task *task)
{
    struct http_connection *c = CONTAINER_OF(task, struct http_connection, burial);
    assert(!c->exchange && !deadline_is_armed(&c->deadline));
    counted_unref(c->site->owner);
    slab_give(c);
}

struct http_connection *http_connection_new(struct loop *loop, struct stream *stream, const struct http_site *site,
                                            const struct peer *peer)
{
    struct http_connection *c = slab_take(&loop->slabs, sizeof *c);
    if (!c) {
        stream_abandon(stream, ENDING_MEMORY);
        return NULL;
    }
    c->loop = loop;
    c->stream = stream;
    c->site = site;
    c->peer = *peer;
    deadline_init(&c->deadline, expire);
    task_init(&c->burial, bury);
    c->guest.leave = leave;
    list_append(&loop->guests, &c->guest.link);
    counted_ref(site->owner);
    enter(c, &state_opening);
    stream_attach(stream, &connection_user, c);
    return c;
}
