/* A call to a backend: connect, TLS if it has it, the handshake of its protocol; then a session, or the reason why not. */
#include "call.h"
#include "dial.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static void call_free(struct backend_call *call)
{
    deadline_disarm(&call->deadline);
    task_cancel(&call->answer);
    call->protocol->release(call);
    counted_unref(call->owner);
    free(call);
}

static void bury(struct task *task)
{
    call_free(CONTAINER_OF(task, struct backend_call, bury));
}

/* ---- the answer */

void call_decide(struct backend_call *call, enum ending why)
{
    if (call->decided)
        return;
    call->decided = true;
    call->why = why;
    if (call->stream)
        stream_pause(call->stream, true); /* what follows the answer waits for the session */
    loop_defer(call->loop, PHASE_SETTLE, &call->answer);
}

static void answer_failure(struct backend_call *call)
{
    const struct backend_call_user *on = call->on;
    const struct http_response *response = NULL;
    char detail[BACKEND_DETAIL];
    if (!on)
        return;
    call->on = NULL;
    if (call->why == ENDING_BACKEND_DENIED)
        response = call->protocol->response(call);
    if (response)
        snprintf(detail, sizeof detail, "%s answered %u", call->backend->name, response->status);
    else
        backend_detail_print(call->backend, call->cause, detail);
    on->on_fail(call->user, call->why, response, detail);
}

static void answer_success(struct backend_call *call)
{
    const struct backend_call_user *on = call->on;
    struct stream *stream = call->stream;
    call->stream = NULL;
    struct endpoint *back = call->protocol->open(call, stream);
    if (!back) {
        call->why = ENDING_MEMORY;
        answer_failure(call);
        return;
    }
    call->on = NULL;
    on->on_open(call->user, back, call->protocol->response(call));
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
    call_decide(CONTAINER_OF(deadline, struct backend_call, deadline), ENDING_BACKEND_LATE);
}

/* ---- what the stream tells */

static void on_open(void *user)
{
    struct backend_call *call = user;
    call->protocol->greet(call);
}

static size_t on_bytes(void *user, struct span bytes)
{
    struct backend_call *call = user;
    assert(!call->decided); /* else the stream is paused */
    return call->protocol->read(call, bytes);
}

static void on_room(void *user)
{
    (void)user;
}

static void on_eof(void *user)
{
    call_decide(user, ENDING_BACKEND_LOST);
}

static void on_end(void *user, enum ending why)
{
    struct backend_call *call = user;
    if (!call->decided || call->why == ENDING_DONE) {
        call->why = backend_ending(why);
        call->cause = call->stream->detail;
    }
    call->stream = NULL;
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
    call->protocol = backend->kind == BACKEND_RAWSOCKET ? &call_rawsocket : &call_websocket;
    if (!call->protocol->prepare(call, visitor))
        goto fail;
    if (call->decided)
        return call;
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
    if (call->stream)
        stream_abort(call->stream, ENDING_PEER_LEFT);
    else
        loop_defer(call->loop, PHASE_BURY, &call->bury);
}
