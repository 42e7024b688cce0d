/* A call to one of several backends: whom to try, and whom next. */
#include "state.h"

#include <assert.h>
#include <stdlib.h>

struct upstream_call {
    struct loop *loop;
    struct upstream *upstream;
    struct counted *owner;
    struct backend_visitor visitor;
    const struct backend_call_user *on;
    void *user;
    struct upstream_member *member; /* who is being called */
    struct backend_call *call;      /* NULL: nobody could be */
    uint64_t tried;                 /* a bit for each member */
    struct deadline deadline;       /* for all tries together */
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

/* ---- whom to try: sets of members, a bit for each */

static uint64_t bit(size_t index)
{
    return (uint64_t)1 << index;
}

static uint64_t members_in_order(const struct upstream *upstream, uint64_t tried)
{
    uint64_t set = 0;
    for (size_t i = 0; i < upstream->count; i++) {
        if (!(tried & bit(i)) && backend_state_may_be_tried(upstream->members[i].state))
            set |= bit(i);
    }
    return set;
}

/* The one whose last failure is the longest ago; empty: all others are drained. */
static uint64_t last_resort(const struct upstream *upstream, uint64_t tried)
{
    const struct backend_state *best = NULL;
    uint64_t set = 0;
    for (size_t i = 0; i < upstream->count; i++) {
        const struct backend_state *state = upstream->members[i].state;
        if ((tried & bit(i)) || state->drained || (best && best->failed <= state->failed))
            continue;
        best = state;
        set = bit(i);
    }
    return set;
}

/* Sessions with one more, and those that are being opened. */
static uint64_t load_of(const struct upstream_member *member)
{
    const struct backend_state *state = member->state;
    return atomic_load_explicit(&state->counts->sessions, memory_order_relaxed) + state->calls + 1;
}

/* Load for the share that each gets. */
static uint64_t least_loaded(const struct upstream *upstream, uint64_t among)
{
    uint64_t least_load = 0, least_share = 0, set = 0;
    for (size_t i = 0; i < upstream->count; i++) {
        if (!(among & bit(i)))
            continue;
        uint64_t load = load_of(&upstream->members[i]);
        uint64_t share = backend_state_share(upstream->members[i].state, upstream->settings.slow_start);
        if (set && load * least_share > least_load * share)
            continue;
        if (!set || load * least_share < least_load * share)
            set = 0;
        least_load = load;
        least_share = share;
        set |= bit(i);
    }
    return set;
}

/* Each earns its share, the richest one has its turn and pays for all. With equal shares that is one after the other. */
static struct upstream_member *take_turn(struct upstream *upstream, uint64_t among)
{
    struct upstream_member *next = NULL;
    int all = 0;
    for (size_t i = 0; i < upstream->count; i++) {
        struct upstream_member *member = &upstream->members[i];
        if (!(among & bit(i)))
            continue;
        int share = (int)backend_state_share(member->state, upstream->settings.slow_start);
        member->credit += share;
        all += share;
        if (!next || member->credit > next->credit)
            next = member;
    }
    next->credit -= all;
    return next;
}

/* NULL: nobody is left. */
static struct upstream_member *choose(struct upstream *upstream, uint64_t tried)
{
    uint64_t set = members_in_order(upstream, tried);
    if (!set)
        set = last_resort(upstream, tried);
    if (!set)
        return NULL;
    if (upstream->settings.policy == UPSTREAM_LEAST_CONNECTIONS)
        set = least_loaded(upstream, set);
    return take_turn(upstream, set);
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
    assert(call->member->state->calls > 0);
    call->member->state->calls--;
    call->call = NULL;
}

static void on_open(void *user, struct endpoint *back, const struct http_response *answer)
{
    struct upstream_call *call = user;
    let_go(call);
    backend_state_note_success(call->member->state);
    call->on->on_open(call->user, back, answer);
    call_free(call);
}

static void fail(struct upstream_call *call, enum ending why, const struct http_response *answer, const char *detail)
{
    call->on->on_fail(call->user, why, answer, detail);
    call_free(call);
}

static bool attempt(struct upstream_call *call, struct upstream_member *member);

static void on_fail(void *user, enum ending why, const struct http_response *answer, const char *detail)
{
    struct upstream_call *call = user;
    struct upstream *upstream = call->upstream;
    let_go(call);
    if (!backend_has_failed(why, answer)) {
        fail(call, why, answer, detail);
        return;
    }
    backend_state_note_failure(call->member->state, why, detail, upstream->count > 1 ? &upstream->settings : NULL);
    struct upstream_member *next = choose(upstream, call->tried);
    if (!next) {
        fail(call, why, answer, detail);
        return;
    }
    counter_add(&call->loop->counters->backend_retries, 1);
    loop_report(call->loop, why, call->visitor.peer, detail);
    if (!attempt(call, next))
        fail(call, ENDING_MEMORY, NULL, next->backend->name);
}

static const struct backend_call_user call_user = {.on_open = on_open, .on_fail = on_fail};

/* False when memory is out. */
static bool attempt(struct upstream_call *call, struct upstream_member *member)
{
    call->member = member;
    call->tried |= bit((size_t)(member - call->upstream->members));
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
    fail(call, ENDING_BACKEND_LATE, NULL, call->member->backend->name);
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
    call->upstream = upstream;
    call->owner = owner;
    counted_ref(owner);
    call->visitor = *visitor;
    call->on = on;
    call->user = user;
    deadline_init(&call->deadline, on_deadline);
    task_init(&call->refuse, refuse);
    struct upstream_member *first = choose(upstream, 0);
    if (!first) {
        loop_defer(loop, PHASE_SETTLE, &call->refuse);
        return call;
    }
    if (!attempt(call, first)) {
        call_free(call);
        return NULL;
    }
    if (upstream->count > 1)
        deadline_arm(&loop->deadlines, &call->deadline, upstream->settings.timeout, loop->now);
    return call;
}

_Atomic uint64_t *upstream_call_sessions(const struct upstream_call *call)
{
    return &call->member->state->counts->sessions;
}

void upstream_call_cancel(struct upstream_call *call)
{
    if (call->call) {
        backend_call_cancel(call->call);
        let_go(call);
    }
    call_free(call);
}
