/* A call to one of several backends, or to the next one. */
#include "choice.h"

#include <assert.h>
#include <stdlib.h>

struct upstream_call {
    struct loop *loop;
    struct counted *owner;
    struct backend_visitor visitor;
    const struct backend_call_user *on;
    void *user;
    struct choice choice;      /* who is being called */
    struct backend_call *call; /* NULL: nobody could be */
    struct deadline deadline;  /* for all tries together */
    struct task refuse;
};

/* ---- the states of the backends */

bool upstream_bind(struct upstream *upstream, struct loop *loop)
{
    assert(upstream->count > 0 && upstream->count <= UPSTREAM_MEMBERS_MAX);
    for (size_t i = 0; i < upstream->count; i++) {
        struct upstream_member *member = &upstream->members[i];
        member->state = backend_state_ref(loop, member->backend->name);
        if (!member->state)
            return false;
    }
    return true;
}

void upstream_unbind(struct upstream *upstream)
{
    for (size_t i = 0; i < upstream->count; i++) {
        if (upstream->members[i].state)
            backend_state_unref(upstream->members[i].state);
        upstream->members[i].state = NULL;
    }
}

bool upstream_has_proxy_protocol(const struct upstream *upstream)
{
    for (size_t i = 0; i < upstream->count; i++) {
        if (upstream->members[i].backend->proxy_protocol)
            return true;
    }
    return false;
}

/* ---- the call */

static void call_free(struct upstream_call *call)
{
    deadline_disarm(&call->deadline);
    task_cancel(&call->refuse);
    counted_unref(call->owner);
    free(call);
}

/* The call is over, however it ends. */
static void let_go(struct upstream_call *call)
{
    assert(call->choice.member->state->calls > 0);
    call->choice.member->state->calls--;
    call->call = NULL;
}

static void on_open(void *user, struct endpoint *back, const struct http_response *answer)
{
    struct upstream_call *call = user;
    let_go(call);
    backend_state_note_success(call->choice.member->state);
    call->on->on_open(call->user, back, answer);
    call_free(call);
}

static void fail(struct upstream_call *call, enum ending why, const struct http_response *answer, const char *detail)
{
    call->on->on_fail(call->user, why, answer, detail);
    call_free(call);
}

static bool attempt(struct upstream_call *call);

static void on_fail(void *user, enum ending why, const struct http_response *answer, const char *detail)
{
    struct upstream_call *call = user;
    let_go(call);
    if (!backend_has_failed(why, answer)) {
        fail(call, why, answer, detail);
        return;
    }
    choice_note_failure(&call->choice, why, detail);
    if (!choice_next(&call->choice)) {
        fail(call, why, answer, detail);
        return;
    }
    counter_add(&call->loop->counters->backend_retries, 1);
    loop_report(call->loop, why, call->visitor.peer, detail);
    if (!attempt(call))
        fail(call, ENDING_MEMORY, NULL, call->choice.member->backend->name);
}

static const struct backend_call_user call_user = {.on_open = on_open, .on_fail = on_fail};

/* False when memory is out. */
static bool attempt(struct upstream_call *call)
{
    struct upstream_member *member = call->choice.member;
    call->call = backend_call_new(call->loop, member->backend, call->owner, &call->visitor, &call_user, call);
    if (!call->call)
        return false;
    member->state->calls++;
    return true;
}

/* The backend that is being called has not had its own time yet, so that this says nothing of it. */
static void on_deadline(struct deadline *deadline)
{
    struct upstream_call *call = CONTAINER_OF(deadline, struct upstream_call, deadline);
    backend_call_cancel(call->call);
    let_go(call);
    fail(call, ENDING_BACKEND_LATE, NULL, call->choice.member->backend->name);
}

static void refuse(struct task *task)
{
    fail(CONTAINER_OF(task, struct upstream_call, refuse), ENDING_BACKEND_DRAINED, NULL, NULL);
}

struct upstream_call *upstream_call_new(struct loop *loop, struct upstream *upstream, struct counted *owner,
                                        const struct backend_visitor *visitor, const struct backend_call_user *on,
                                        void *user)
{
    struct upstream_call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->loop = loop;
    call->owner = owner;
    counted_ref(owner);
    call->visitor = *visitor;
    call->on = on;
    call->user = user;
    deadline_init(&call->deadline, on_deadline);
    task_init(&call->refuse, refuse);
    choice_init(&call->choice, upstream, visitor->peer);
    if (!choice_next(&call->choice)) {
        loop_defer(loop, PHASE_SETTLE, &call->refuse);
        return call;
    }
    if (!attempt(call)) {
        call_free(call);
        return NULL;
    }
    if (upstream->count > 1)
        deadline_arm(&loop->deadlines, &call->deadline, upstream->settings.timeout, loop->now);
    return call;
}

_Atomic uint64_t *upstream_call_sessions(const struct upstream_call *call)
{
    return &call->choice.member->state->counts->sessions;
}

void upstream_call_cancel(struct upstream_call *call)
{
    if (call->call) {
        backend_call_cancel(call->call);
        let_go(call);
    }
    call_free(call);
}
