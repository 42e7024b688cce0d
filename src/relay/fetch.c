#include "crossgate/fetch.h"

#include "choice.h"
#include "dial.h"
#include "kept.h"
#include "request.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum fetch_phase {
    FETCH_DIALING,   /* the connection is being made, or taken; or nobody can be asked */
    FETCH_ASKED,     /* the request is being sent; no answer yet */
    FETCH_ANSWERING, /* the answer's head was told */
    FETCH_OVER,      /* nothing is told any more */
};

struct fetch {
    struct loop *loop;
    const struct backend *backend; /* who is being asked; NULL: nobody could be */
    struct counted *owner;
    const struct fetch_user *on;
    void *user;
    struct backend_visitor visitor;
    struct choice choice;
    uint64_t retry_until;  /* ms, since when it goes on to nobody */
    uint64_t length;       /* of the request's body */
    struct stream *stream; /* NULL: it has ended, or is kept for others */
    struct http_response_reader *reader;
    struct request_text head;
    enum fetch_phase phase;
    uint32_t answer_timeout;
    uint64_t written;  /* bytes given to the stream */
    uint64_t accepted; /* written less queued when the deadline was last set */
    bool to_head;      /* HEAD: the answer has no body */
    bool repeatable;   /* idempotent, and no body */
    bool kept;         /* the connection has carried other requests */
    bool begun;        /* bytes of the answer have come */
    bool waiting;      /* no answer has come: so the backend's state counts it */
    bool sending;      /* the request's body is not complete */
    bool chunked;
    bool full; /* the stream wants no more bytes until on_room */
    bool paused;
    struct deadline deadline;
    struct task start;
    struct task bury;
};

static void fetch_free(struct fetch *fetch)
{
    http_response_reader_free(fetch->reader);
    request_text_deinit(&fetch->head);
    counted_unref(fetch->owner);
    free(fetch);
}

static void bury(struct task *task)
{
    fetch_free(CONTAINER_OF(task, struct fetch, bury));
}

/* ---- what the backend's state counts: a request under way is as much a load as a session is */

static struct backend_state *state_of(const struct fetch *fetch)
{
    return fetch->choice.member->state;
}

static void come_to_backend(struct fetch *fetch)
{
    struct backend_state *state = state_of(fetch);
    fetch->backend = fetch->choice.member->backend;
    fetch->waiting = true;
    state->waiting++;
    counter_add(&state->counts->sessions, 1);
}

static void stop_waiting(struct fetch *fetch)
{
    if (!fetch->waiting)
        return;
    assert(state_of(fetch)->waiting > 0);
    state_of(fetch)->waiting--;
    fetch->waiting = false;
}

static void leave_backend(struct fetch *fetch)
{
    if (!fetch->backend)
        return;
    stop_waiting(fetch);
    counter_subtract(&state_of(fetch)->counts->sessions, 1);
    fetch->backend = NULL;
}

/* 502, 503 and 504 are passed on, as all answers are, but do not show that the backend works. */
static void note_answer(struct fetch *fetch, const struct http_response *answer)
{
    stop_waiting(fetch);
    if (!backend_has_failed(ENDING_BACKEND_DENIED, answer))
        backend_state_note_success(state_of(fetch));
}

/* ---- the ways out */

static void be_over(struct fetch *fetch)
{
    fetch->phase = FETCH_OVER;
    leave_backend(fetch);
    deadline_disarm(&fetch->deadline);
    task_cancel(&fetch->start);
}

/* The stream's end frees us, if there is one. */
static void drop(struct fetch *fetch, enum ending why)
{
    if (fetch->stream)
        stream_abort(fetch->stream, why);
    else
        loop_defer(fetch->loop, PHASE_BURY, &fetch->bury);
}

static void give_up(struct fetch *fetch, enum ending why, const char *detail)
{
    be_over(fetch);
    drop(fetch, why);
    fetch->on->on_fail(fetch->user, why, detail);
}

/* What was not said, or can be said again (RFC 9110 section 9.2.2), as long as nothing was answered to it. */
static bool may_be_said(const struct fetch *fetch)
{
    return !fetch->begun && (fetch->phase == FETCH_DIALING || fetch->repeatable);
}

static bool go_on(struct fetch *fetch, enum ending why, const char *detail);

/* The next backend may do better, or the visitor is told. */
static void fail(struct fetch *fetch, enum ending why, const char *cause)
{
    char detail[BACKEND_DETAIL];
    backend_detail_print(fetch->backend, cause, detail);
    bool its_fault = ending_row(why)->fault == FAULT_BACKEND;
    if (its_fault)
        choice_note_failure(&fetch->choice, why, detail);
    if (!its_fault || !may_be_said(fetch) || !go_on(fetch, why, detail))
        give_up(fetch, why, detail);
}

/* Not if it was opened in a visitor's name. */
static bool may_be_kept(const struct fetch *fetch)
{
    return http_response_of(fetch->reader)->keep_alive && !fetch->backend->proxy_protocol && !fetch->loop->leaving;
}

/* `clean`: nothing follows the answer. What the backend has not read of the request may make it close the connection, so that
 * only one that has read all is kept. */
static void succeed(struct fetch *fetch, bool clean)
{
    bool sent = !fetch->sending && stream_queued(fetch->stream) == 0;
    bool keep = clean && sent && may_be_kept(fetch);
    const struct backend *backend = fetch->backend;
    be_over(fetch);
    if (fetch->paused) /* with the last piece */
        stream_pause(fetch->stream, false);
    if (keep && kept_put(fetch->loop, backend, fetch->owner, fetch->stream)) {
        fetch->stream = NULL;
        loop_defer(fetch->loop, PHASE_BURY, &fetch->bury);
    } else if (clean && sent) {
        stream_finish(fetch->stream);
    } else {
        stream_abort(fetch->stream, ENDING_DONE);
    }
    fetch->on->on_done(fetch->user);
}

/* ---- asking */

/* The backend's time runs while it owes us something: reading what it was sent, or, once it has all, the answer. While the
 * visitor is slow in sending or reading, his own deadlines run. */
static void restart_clock(struct fetch *fetch)
{
    bool owes = !fetch->paused && (fetch->full || !fetch->sending);
    fetch->accepted = fetch->written - stream_queued(fetch->stream);
    deadline_arm(&fetch->loop->deadlines, &fetch->deadline, owes ? fetch->answer_timeout : 0, fetch->loop->now);
}

static void put(struct fetch *fetch, struct span bytes)
{
    fetch->written += bytes.len;
    if (!stream_write(fetch->stream, bytes))
        fetch->full = true;
}

static void ask(struct fetch *fetch)
{
    fetch->phase = FETCH_ASKED;
    put(fetch, span_of(fetch->head.text, fetch->head.length));
    restart_clock(fetch);
    if (fetch->sending)
        fetch->on->on_open(fetch->user);
}

static void start(struct task *task)
{
    struct fetch *fetch = CONTAINER_OF(task, struct fetch, start);
    if (fetch->backend)
        ask(fetch);
    else
        give_up(fetch, ENDING_BACKEND_DRAINED, NULL);
}

static const struct stream_user stream_user;

/* False when memory is out. */
static bool dial(struct fetch *fetch)
{
    fetch->kept = false;
    fetch->stream = backend_dial(fetch->loop, fetch->backend, &fetch->visitor);
    if (!fetch->stream)
        return false;
    stream_attach(fetch->stream, &stream_user, fetch);
    deadline_arm(&fetch->loop->deadlines, &fetch->deadline, fetch->backend->target.timeout, fetch->loop->now);
    return true;
}

/* False when memory is out. */
static bool connect_or_take(struct fetch *fetch)
{
    fetch->stream = kept_take(fetch->loop, fetch->backend);
    if (!fetch->stream)
        return dial(fetch);
    fetch->kept = true;
    stream_attach(fetch->stream, &stream_user, fetch);
    loop_defer(fetch->loop, PHASE_SETTLE, &fetch->start);
    return true;
}

/* Asks the backend that was chosen. False when memory is out. */
static bool attempt(struct fetch *fetch)
{
    come_to_backend(fetch);
    return request_text_init(&fetch->head, fetch->backend, &fetch->visitor, fetch->length) && connect_or_take(fetch);
}

/* Back to where nothing was said. */
static void part(struct fetch *fetch, enum ending why)
{
    task_cancel(&fetch->start);
    deadline_disarm(&fetch->deadline);
    if (fetch->stream)
        stream_abandon(fetch->stream, why);
    fetch->stream = NULL;
    fetch->phase = FETCH_DIALING;
    fetch->written = 0;
    fetch->full = false;
}

/* False: nobody is left, or no time, and nothing has changed. */
static bool go_on(struct fetch *fetch, enum ending why, const char *detail)
{
    struct choice next = fetch->choice;
    if (fetch->loop->now >= fetch->retry_until || !choice_next(&next))
        return false;
    counter_add(&fetch->loop->counters->backend_retries, 1);
    loop_report(fetch->loop, why, fetch->visitor.peer, detail);
    part(fetch, why);
    leave_backend(fetch);
    request_text_deinit(&fetch->head);
    fetch->choice = next;
    if (!attempt(fetch))
        give_up(fetch, ENDING_MEMORY, fetch->backend->name);
    return true;
}

/* A backend may close a connection at the very moment at which it is used again (RFC 9112 section 9.3.1): what can be said
 * twice is said once more to the same one, of which this says nothing. */
static void lose(struct fetch *fetch, enum ending why, const char *cause)
{
    if (!fetch->kept || !may_be_said(fetch)) {
        fail(fetch, why, cause);
        return;
    }
    part(fetch, why);
    if (!dial(fetch))
        fail(fetch, ENDING_MEMORY, NULL);
}

static void on_deadline(struct deadline *deadline)
{
    struct fetch *fetch = CONTAINER_OF(deadline, struct fetch, deadline);
    bool dialing = fetch->phase == FETCH_DIALING;
    size_t queued = stream_queued(fetch->stream);
    if (!dialing && queued > 0 && fetch->written - queued != fetch->accepted)
        restart_clock(fetch);
    else
        fail(fetch, ENDING_BACKEND_LATE, dialing ? "connecting" : NULL);
}

/* ---- the answer */

static void take_head(struct fetch *fetch)
{
    uint64_t length;
    if (!http_response_frame(fetch->reader, fetch->to_head, &length)) {
        fail(fetch, ENDING_BACKEND_BROKEN, "the framing of its body is ambiguous");
        return;
    }
    fetch->phase = FETCH_ANSWERING;
    note_answer(fetch, http_response_of(fetch->reader));
    fetch->on->on_answer(fetch->user, http_response_of(fetch->reader), length);
}

static size_t read_head(struct fetch *fetch, struct span in)
{
    size_t taken;
    switch (http_response_read(fetch->reader, in, &taken)) {
    case HTTP_MORE:
        break;
    case HTTP_HEAD_DONE:
        take_head(fetch);
        break;
    case HTTP_BROKEN:
        fail(fetch, ENDING_BACKEND_BROKEN, NULL);
        break;
    }
    return taken;
}

/* Once also with nothing: an answer may have no body. After each piece the visitor may have had enough, or be gone. */
static size_t read_body(struct fetch *fetch, struct span in)
{
    size_t taken = 0, n;
    struct span piece;
    do {
        enum http_body_progress progress = http_response_read_body(fetch->reader, span_tail(in, taken), &n, &piece);
        taken += n;
        if (piece.len > 0)
            fetch->on->on_body(fetch->user, piece);
        if (fetch->phase != FETCH_ANSWERING)
            break;
        if (progress == HTTP_BODY_DONE)
            succeed(fetch, taken == in.len);
        else if (progress == HTTP_BODY_BROKEN)
            fail(fetch, ENDING_BACKEND_BROKEN, "the chunks of its body");
    } while (fetch->phase == FETCH_ANSWERING && !fetch->paused && taken < in.len);
    return taken;
}

/* ---- what the stream tells */

static void on_open(void *user)
{
    ask(user);
}

static size_t on_bytes(void *user, struct span in)
{
    struct fetch *fetch = user;
    size_t taken = 0;
    if (fetch->phase == FETCH_DIALING) { /* on a kept connection: an answer to nothing */
        lose(fetch, ENDING_BACKEND_BROKEN, NULL);
        return in.len;
    }
    fetch->begun = true;
    if (fetch->phase == FETCH_ASKED) /* the whole head has one time, which no byte restarts */
        taken = read_head(fetch, in);
    if (fetch->phase == FETCH_ANSWERING)
        restart_clock(fetch);
    if (fetch->phase == FETCH_ANSWERING && !fetch->paused)
        taken += read_body(fetch, span_tail(in, taken));
    return taken;
}

static void on_room(void *user)
{
    struct fetch *fetch = user;
    fetch->full = false;
    restart_clock(fetch);
    if (fetch->sending)
        fetch->on->on_room(fetch->user);
}

static void on_eof(void *user)
{
    struct fetch *fetch = user;
    if (fetch->phase == FETCH_ANSWERING && http_response_ends_with_connection(fetch->reader))
        succeed(fetch, true);
    else
        lose(fetch, ENDING_BACKEND_LOST, NULL);
}

static void on_end(void *user, enum ending why)
{
    struct fetch *fetch = user;
    const char *cause = fetch->stream->detail;
    fetch->stream = NULL;
    if (fetch->phase == FETCH_OVER)
        fetch_free(fetch);
    else
        lose(fetch, backend_ending(why), cause);
}

static const struct stream_user stream_user = {
    .on_open = on_open,
    .on_bytes = on_bytes,
    .on_room = on_room,
    .on_eof = on_eof,
    .on_end = on_end,
};

/* ---- what the caller asks */

/* RFC 9110 section 9.2.2. */
static bool is_idempotent(struct span method)
{
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (span_equal(method, span_string(methods[i])))
            return true;
    }
    return false;
}

/* Without a backend the visitor is told later. False when memory is out. */
static bool begin(struct fetch *fetch)
{
    if (choice_next(&fetch->choice))
        return attempt(fetch);
    loop_defer(fetch->loop, PHASE_SETTLE, &fetch->start);
    return true;
}

struct fetch *fetch_new(struct loop *loop, struct upstream *upstream, struct counted *owner,
                        const struct backend_visitor *visitor, const struct fetch_settings *settings,
                        const struct fetch_user *on, void *user)
{
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (!fetch)
        return NULL;
    fetch->loop = loop;
    fetch->owner = owner;
    counted_ref(owner);
    fetch->on = on;
    fetch->user = user;
    fetch->visitor = *visitor;
    choice_init(&fetch->choice, upstream, visitor->peer);
    fetch->retry_until = loop->now + upstream->settings.timeout;
    fetch->length = settings->length;
    fetch->answer_timeout = settings->answer_timeout;
    fetch->to_head = visitor->request->method == HTTP_HEAD;
    fetch->sending = settings->length > 0;
    fetch->chunked = settings->length == HTTP_LENGTH_UNKNOWN;
    fetch->repeatable = !fetch->sending && is_idempotent(visitor->request->method_name);
    deadline_init(&fetch->deadline, on_deadline);
    task_init(&fetch->start, start);
    task_init(&fetch->bury, bury);
    fetch->reader = http_response_reader_new(&loop->arenas);
    if (fetch->reader && begin(fetch))
        return fetch;
    leave_backend(fetch);
    fetch_free(fetch);
    return NULL;
}

bool fetch_write(struct fetch *fetch, struct span bytes)
{
    char size[24];
    assert(fetch->sending);
    if (bytes.len == 0)
        return !fetch->full;
    if (fetch->chunked) {
        int length = snprintf(size, sizeof size, "%zx\r\n", bytes.len);
        put(fetch, span_of(size, (size_t)length));
    }
    put(fetch, bytes);
    if (fetch->chunked)
        put(fetch, SPAN("\r\n"));
    restart_clock(fetch);
    return !fetch->full;
}

void fetch_finish(struct fetch *fetch)
{
    assert(fetch->sending);
    if (fetch->chunked)
        put(fetch, SPAN("0\r\n\r\n"));
    fetch->sending = false;
    restart_clock(fetch);
}

void fetch_pause(struct fetch *fetch, bool paused)
{
    if (fetch->paused == paused)
        return;
    fetch->paused = paused;
    stream_pause(fetch->stream, paused);
    restart_clock(fetch);
}

void fetch_cancel(struct fetch *fetch)
{
    assert(fetch->phase != FETCH_OVER);
    be_over(fetch);
    drop(fetch, ENDING_PEER_LEFT);
}
