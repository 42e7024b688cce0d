/* Asking a backend once whether it works. */
#include "dial.h"
#include "state.h"

#include <stdlib.h>

/* It outlives whoever has asked until streams and endpoints have let go of it. */
struct backend_check {
    const struct backend *backend;
    backend_checked *on_answer; /* NULL: the answer is of no interest any more */
    void *user;
    struct counted *owner;
    struct stream *stream;     /* being connected */
    struct backend_call *call; /* being called */
};

static void check_free(struct backend_check *check)
{
    counted_unref(check->owner);
    free(check);
}

/* ---- the answer */

/* What is our own fault says nothing of the backend. */
static enum backend_fitness fitness_of(enum ending why, const struct http_response *answer)
{
    if (why == ENDING_DONE)
        return BACKEND_WORKS;
    if (backend_has_failed(why, answer))
        return BACKEND_FAILS;
    return ending_row(why)->fault == FAULT_BACKEND ? BACKEND_WORKS : BACKEND_UNKNOWN;
}

static void conclude(struct backend_check *check, enum ending why, const struct http_response *answer,
                     const char *detail)
{
    backend_checked *on_answer = check->on_answer;
    check->on_answer = NULL;
    on_answer(check->user, &(struct backend_verdict){fitness_of(why, answer), why, detail});
}

/* ---- connections */

static void on_stream_open(void *user)
{
    struct backend_check *check = user;
    conclude(check, ENDING_DONE, NULL, NULL);
    stream_abort(check->stream, ENDING_DONE);
}

static size_t on_bytes(void *user, struct span bytes)
{
    (void)user;
    return bytes.len;
}

static void on_nothing(void *user)
{
    (void)user;
}

static void on_stream_end(void *user, enum ending why)
{
    struct backend_check *check = user;
    char detail[BACKEND_DETAIL];
    if (check->on_answer) {
        backend_detail_print(check->backend, check->stream->detail, detail);
        conclude(check, backend_ending(why), NULL, detail);
    }
    check_free(check);
}

static const struct stream_user stream_user = {
    .on_open = on_stream_open,
    .on_bytes = on_bytes,
    .on_room = on_nothing,
    .on_eof = on_nothing,
    .on_end = on_stream_end,
};

/* A visitor that comes from nowhere. */
static const struct peer nobody = {.family = PEER_UNIX};

static bool begin_connection(struct backend_check *check, struct loop *loop, bool with_tls)
{
    const struct backend_visitor visitor = {.peer = &nobody};
    check->stream =
        with_tls ? backend_dial(loop, check->backend, &visitor) : net_connect(loop, &check->backend->target);
    if (check->stream)
        stream_attach(check->stream, &stream_user, check);
    return check->stream != NULL;
}

/* ---- sessions */

static void on_message(void *user, enum message_kind kind, struct span piece, bool last)
{
    (void)user;
    (void)kind;
    (void)piece;
    (void)last;
}

static void on_close(void *user, uint16_t code, struct span reason)
{
    (void)user;
    (void)code;
    (void)reason;
}

static void on_session_end(void *user, enum ending why)
{
    (void)why;
    check_free(user);
}

static const struct endpoint_user endpoint_user = {
    .on_message = on_message,
    .on_room = on_nothing,
    .on_close = on_close,
    .on_end = on_session_end,
};

static void on_call_open(void *user, struct endpoint *back, const struct http_response *answer)
{
    struct backend_check *check = user;
    (void)answer;
    check->call = NULL;
    conclude(check, ENDING_DONE, NULL, NULL);
    endpoint_attach(back, &endpoint_user, check);
    endpoint_close(back, 1000, SPAN("health check"));
}

static void on_call_fail(void *user, enum ending why, const struct http_response *answer, const char *detail)
{
    struct backend_check *check = user;
    check->call = NULL;
    conclude(check, why, answer, detail);
    check_free(check);
}

static const struct backend_call_user call_user = {.on_open = on_call_open, .on_fail = on_call_fail};

/* It can speak WAMP, since a node may refuse who cannot. */
static bool begin_session(struct backend_check *check, struct loop *loop)
{
    const struct backend *backend = check->backend;
    struct http_header fields[] = {
        {SPAN("Sec-WebSocket-Protocol"), SPAN("wamp.2.json, wamp.2.msgpack, wamp.2.cbor, wamp.2.ubjson")},
        {SPAN("User-Agent"), SPAN("Crossgate health check")},
    };
    const struct http_request request = {
        .target = SPAN("/"),
        .raw_path = SPAN("/"),
        .path = SPAN("/"),
        .host = backend->target.kind == NET_TCP ? span_string(backend->target.host) : SPAN("localhost"),
        .headers = {fields, sizeof fields / sizeof *fields},
    };
    const struct backend_visitor visitor = {.request = &request, .peer = &nobody, .secure = backend->tls != NULL};
    check->call = backend_call_new(loop, backend, check->owner, &visitor, &call_user, check);
    return check->call != NULL;
}

/* ---- life */

struct backend_check *backend_check_new(struct loop *loop, const struct backend *backend, enum health_type type,
                                        struct counted *owner, backend_checked *on_answer, void *user)
{
    struct backend_check *check = calloc(1, sizeof *check);
    if (!check)
        return NULL;
    *check = (struct backend_check){.backend = backend, .on_answer = on_answer, .user = user, .owner = owner};
    counted_ref(owner);
    if (type == HEALTH_WEBSOCKET ? begin_session(check, loop) : begin_connection(check, loop, type == HEALTH_TLS))
        return check;
    check_free(check);
    return NULL;
}

/* A session that is being closed needs nobody. */
void backend_check_cancel(struct backend_check *check)
{
    check->on_answer = NULL;
    if (check->call) {
        backend_call_cancel(check->call);
        check_free(check);
    } else {
        stream_abort(check->stream, ENDING_DONE);
    }
}
