/* A call to a backend: connect, TLS if it has it, the client's opening handshake; then a session, or the reason why not. */
#include "dial.h"
#include "request.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { DETAIL_TEXT = 160 };

struct backend_call {
    struct loop *loop;
    const struct backend *backend;
    struct counted *owner;
    const struct backend_call_user *on; /* NULL: answered or cancelled */
    void *user;
    struct stream *stream; /* NULL: it has ended, or belongs to the session */
    struct http_response_reader *reader;
    struct handshake_request request;
    char key[WEBSOCKET_KEY];
    bool decided; /* `why` says how; the answer follows from PHASE_SETTLE */
    enum ending why;
    const char *cause; /* the stream's detail; or NULL */
    struct deadline deadline;
    struct task answer;
    struct task bury;
};

static void call_free(struct backend_call *call)
{
    deadline_disarm(&call->deadline);
    task_cancel(&call->answer);
    http_response_reader_free(call->reader);
    handshake_request_deinit(&call->request);
    counted_unref(call->owner);
    free(call);
}

static void bury(struct task *task)
{
    call_free(CONTAINER_OF(task, struct backend_call, bury));
}

/* ---- the answer */

static void decide(struct backend_call *call, enum ending why)
{
    if (call->decided)
        return;
    call->decided = true;
    call->why = why;
    if (call->stream)
        stream_pause(call->stream, true); /* what follows the head waits for the session */
    loop_defer(call->loop, PHASE_SETTLE, &call->answer);
}

static void answer_failure(struct backend_call *call)
{
    const struct backend_call_user *on = call->on;
    const struct http_response *response = NULL;
    char detail[DETAIL_TEXT];
    if (!on)
        return;
    call->on = NULL;
    if (call->why == ENDING_BACKEND_DENIED) {
        response = http_response_of(call->reader);
        snprintf(detail, sizeof detail, "%s answered %u", call->backend->name, response->status);
    } else {
        const char *cause = call->cause;
        snprintf(detail, sizeof detail, "%s%s%s", call->backend->name, cause ? ": " : "", cause ? cause : "");
    }
    on->on_fail(call->user, call->why, response, detail);
}

static void answer_success(struct backend_call *call)
{
    const struct backend_call_user *on = call->on;
    struct stream *stream = call->stream;
    call->stream = NULL;
    struct endpoint *back = websocket_session_new(call->loop, stream, WEBSOCKET_CLIENT, &call->backend->settings);
    if (!back) {
        call->why = ENDING_MEMORY;
        answer_failure(call);
        return;
    }
    call->on = NULL;
    on->on_open(call->user, back, http_response_of(call->reader));
}

static void answer(struct task *task)
{
    struct backend_call *call = CONTAINER_OF(task, struct backend_call, answer);
    if (call->why == ENDING_DONE)
        answer_success(call);
    else
        answer_failure(call);
    if (call->stream)
        stream_abort(call->stream, call->why);
    else
        loop_defer(call->loop, PHASE_BURY, &call->bury);
}

static void on_deadline(struct deadline *deadline)
{
    decide(CONTAINER_OF(deadline, struct backend_call, deadline), ENDING_BACKEND_LATE);
}

/* ---- what the stream tells */

static void on_open(void *user)
{
    struct backend_call *call = user;
    stream_write(call->stream, span_of(call->request.text, call->request.length));
}

static enum ending judge(const struct backend_call *call, const struct http_response *response)
{
    struct span chosen;
    if (response->status != 101)
        return ENDING_BACKEND_DENIED;
    bool valid = websocket_response_check(response, span_string(call->key), call->request.offered, &chosen);
    return valid ? ENDING_DONE : ENDING_BACKEND_BROKEN;
}

static size_t on_bytes(void *user, struct span bytes)
{
    struct backend_call *call = user;
    size_t taken = 0;
    assert(!call->decided); /* else the stream is paused */
    switch (http_response_read(call->reader, bytes, &taken)) {
    case HTTP_MORE:
        break;
    case HTTP_HEAD_DONE:
        decide(call, judge(call, http_response_of(call->reader)));
        break;
    case HTTP_BROKEN:
        decide(call, ENDING_BACKEND_BROKEN);
        break;
    }
    return taken;
}

static void on_room(void *user)
{
    (void)user;
}

static void on_eof(void *user)
{
    decide(user, ENDING_BACKEND_LOST);
}

enum ending backend_ending(enum ending why)
{
    enum ending_fault fault = ending_row(why)->fault;
    if (fault == FAULT_BACKEND || fault == FAULT_US)
        return why;
    switch (why) {
    case ENDING_HANDSHAKE_LATE:
        return ENDING_BACKEND_LATE;
    case ENDING_HANDSHAKE_FAILED:
    case ENDING_CLIENT_CERTIFICATE:
    case ENDING_TLS_BROKEN:
        return ENDING_BACKEND_TLS;
    default:
        return ENDING_BACKEND_LOST;
    }
}

static void on_end(void *user, enum ending why)
{
    struct backend_call *call = user;
    call->cause = call->stream->detail;
    call->stream = NULL;
    if (!call->decided || call->why == ENDING_DONE)
        call->why = backend_ending(why);
    answer_failure(call);
    call_free(call);
}

static const struct stream_user stream_user = {
    .on_open = on_open,
    .on_bytes = on_bytes,
    .on_room = on_room,
    .on_eof = on_eof,
    .on_end = on_end,
};

/* ---- life */

struct stream *backend_dial(struct loop *loop, const struct backend *backend, const struct backend_visitor *visitor)
{
    struct stream *stream = net_connect(loop, &backend->target);
    if (stream && backend->proxy_protocol) {
        uint8_t header[NET_PROXY_HEADER_MAX];
        size_t length = net_proxy_header_print(visitor->peer, visitor->facts, header);
        stream_write(stream, span_of(header, length));
    }
    if (stream && backend->tls)
        stream = tls_connect(loop, stream, backend->tls, backend->target.timeout);
    return stream;
}

struct backend_call *backend_call_new(struct loop *loop, const struct backend *backend, struct counted *owner,
                                      const struct backend_visitor *visitor, const struct backend_call_user *on,
                                      void *user)
{
    struct backend_call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->loop = loop;
    call->backend = backend;
    call->owner = owner;
    counted_ref(owner);
    call->on = on;
    call->user = user;
    deadline_init(&call->deadline, on_deadline);
    task_init(&call->answer, answer);
    task_init(&call->bury, bury);
    call->reader = http_response_reader_new();
    if (!call->reader || !websocket_key_new(call->key) ||
        !handshake_request_init(&call->request, backend, visitor, call->key))
        goto fail;
    call->stream = backend_dial(loop, backend, visitor);
    if (!call->stream)
        goto fail;
    stream_attach(call->stream, &stream_user, call);
    deadline_arm(&loop->deadlines, &call->deadline, backend->target.timeout, loop->now);
    return call;
fail:
    call_free(call);
    return NULL;
}

void backend_call_cancel(struct backend_call *call)
{
    assert(call->on);
    call->on = NULL;
    task_cancel(&call->answer);
    call->decided = true;
    stream_abort(call->stream, ENDING_PEER_LEFT);
}
