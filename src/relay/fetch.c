#include "crossgate/fetch.h"

#include "dial.h"
#include "kept.h"
#include "request.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { DETAIL_TEXT = 160 };

enum fetch_phase {
    FETCH_DIALING,   /* the connection is being made, or taken */
    FETCH_ASKED,     /* the request is being sent; no answer yet */
    FETCH_ANSWERING, /* the answer's head was told */
    FETCH_OVER,      /* nothing is told any more */
};

struct fetch {
    struct loop *loop;
    const struct backend *backend;
    struct counted *owner;
    const struct fetch_user *on;
    void *user;
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

/* ---- the ways out */

static void be_over(struct fetch *fetch)
{
    fetch->phase = FETCH_OVER;
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

static void fail(struct fetch *fetch, enum ending why, const char *cause)
{
    char detail[DETAIL_TEXT];
    be_over(fetch);
    drop(fetch, why);
    snprintf(detail, sizeof detail, "%s%s%s", fetch->backend->name, cause ? ": " : "", cause ? cause : "");
    fetch->on->on_fail(fetch->user, why, detail);
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
    be_over(fetch);
    if (fetch->paused) /* with the last piece */
        stream_pause(fetch->stream, false);
    if (keep && kept_put(fetch->loop, fetch->backend, fetch->owner, fetch->stream)) {
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
    ask(CONTAINER_OF(task, struct fetch, start));
}

static const struct stream_user stream_user;

/* False when memory is out. */
static bool dial(struct fetch *fetch, const struct backend_visitor *visitor)
{
    fetch->phase = FETCH_DIALING;
    fetch->kept = false;
    fetch->stream = backend_dial(fetch->loop, fetch->backend, visitor);
    if (!fetch->stream)
        return false;
    stream_attach(fetch->stream, &stream_user, fetch);
    deadline_arm(&fetch->loop->deadlines, &fetch->deadline, fetch->backend->target.timeout, fetch->loop->now);
    return true;
}

/* A backend may close a connection at the very moment at which it is used again (RFC 9112 section 9.3.1): what can be said
 * twice is said once more. */
static void lose(struct fetch *fetch, enum ending why, const char *cause)
{
    bool unsent = fetch->phase == FETCH_DIALING; /* on a kept connection: not a byte of it */
    if (!fetch->kept || fetch->begun || (!fetch->repeatable && !unsent)) {
        fail(fetch, why, cause);
        return;
    }
    task_cancel(&fetch->start);
    if (fetch->stream)
        stream_abandon(fetch->stream, why);
    fetch->written = 0;
    fetch->full = false;
    if (!dial(fetch, NULL)) /* what is kept has no PROXY header */
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

/* False when memory is out. */
static bool connect_or_take(struct fetch *fetch, const struct backend_visitor *visitor)
{
    fetch->stream = kept_take(fetch->loop, fetch->backend);
    if (!fetch->stream)
        return dial(fetch, visitor);
    fetch->kept = true;
    stream_attach(fetch->stream, &stream_user, fetch);
    loop_defer(fetch->loop, PHASE_SETTLE, &fetch->start);
    return true;
}

struct fetch *fetch_new(struct loop *loop, const struct backend *backend, struct counted *owner,
                        const struct backend_visitor *visitor, const struct fetch_settings *settings,
                        const struct fetch_user *on, void *user)
{
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (!fetch)
        return NULL;
    fetch->loop = loop;
    fetch->backend = backend;
    fetch->owner = owner;
    counted_ref(owner);
    fetch->on = on;
    fetch->user = user;
    fetch->answer_timeout = settings->answer_timeout;
    fetch->to_head = visitor->request->method == HTTP_HEAD;
    fetch->sending = settings->length > 0;
    fetch->chunked = settings->length == HTTP_LENGTH_UNKNOWN;
    fetch->repeatable = !fetch->sending && is_idempotent(visitor->request->method_name);
    deadline_init(&fetch->deadline, on_deadline);
    task_init(&fetch->start, start);
    task_init(&fetch->bury, bury);
    fetch->reader = http_response_reader_new();
    if (fetch->reader && request_text_init(&fetch->head, backend, visitor, settings->length) &&
        connect_or_take(fetch, visitor))
        return fetch;
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
