#include "state.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

/* So little must be left to one that has just come back that it is found out whether it works, percent. */
enum { SHARE_LEAST = 5, SHARE_FULL = 100 };
/* 2^20 ms are more than any longest ejection allows. */
enum { DOUBLINGS_MAX = 20 };

/* ---- life */

static struct backend_state *find(struct loop *loop, const char *name)
{
    for (struct list *at = loop->backends.next; at != &loop->backends; at = at->next) {
        struct backend_state *state = CONTAINER_OF(at, struct backend_state, link);
        if (strcmp(state->name, name) == 0)
            return state;
    }
    return NULL;
}

static struct backend_counters *find_free_row(struct counters *counters)
{
    for (size_t i = 0; i < COUNTERS_BACKENDS; i++) {
        if (atomic_load_explicit(&counters->backends[i].key, memory_order_relaxed) == 0)
            return &counters->backends[i];
    }
    return NULL;
}

static void set(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_store_explicit(counter, value, memory_order_relaxed);
}

static struct backend_state *make(struct loop *loop, const char *name)
{
    size_t size = strlen(name) + 1;
    struct backend_state *state = calloc(1, sizeof *state + size);
    if (!state)
        return NULL;
    memcpy(state->name, name, size);
    state->loop = loop;
    state->counts = find_free_row(loop->counters);
    if (!state->counts)
        state->counts = &state->own;
    set(&state->counts->key, backend_key(name));
    list_init(&state->link);
    list_append(&loop->backends, &state->link);
    return state;
}

struct backend_state *backend_state_ref(struct loop *loop, const char *name)
{
    struct backend_state *state = find(loop, name);
    if (!state)
        state = make(loop, name);
    if (state)
        state->references++;
    return state;
}

static void clear_row(struct backend_counters *row)
{
    _Atomic uint64_t *const all[] = {&row->key,       &row->sessions,  &row->opened,   &row->failures,
                                     &row->condition, &row->failed_by, &row->failed_at};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        set(all[i], 0);
}

void backend_state_unref(struct backend_state *state)
{
    assert(state->references > 0);
    if (--state->references > 0)
        return;
    assert(state->calls == 0 && state->waiting == 0);
    clear_row(state->counts);
    list_remove(&state->link);
    free(state);
}

/* ---- what follows from it */

bool backend_state_may_be_tried(const struct backend_state *state)
{
    if (state->drained || state->down || state->loop->now < state->ejected_until)
        return false;
    return state->ejections == 0 || state->calls + state->waiting == 0;
}

unsigned backend_state_share(const struct backend_state *state, uint32_t slow_start)
{
    uint64_t age = state->loop->now - state->returned;
    if (state->returned == 0 || age >= slow_start)
        return SHARE_FULL;
    unsigned share = (unsigned)(age * SHARE_FULL / slow_start);
    return share > SHARE_LEAST ? share : SHARE_LEAST;
}

/* ---- what is noted */

static void publish_condition(struct backend_state *state)
{
    set(&state->counts->condition, state->down ? BACKEND_DOWN : state->ejections > 0 ? BACKEND_EJECTED : BACKEND_UP);
}

static void forgive(struct backend_state *state)
{
    state->failures = 0;
    state->ejections = 0;
    state->ejected_until = 0;
    state->returned = state->loop->now;
}

/* ": cause", or "": what is said of a call begins with the backend's name, which is known here. */
static const char *cause_of(const struct backend_state *state, const char *detail)
{
    size_t length = strlen(state->name);
    return strncmp(detail, state->name, length) == 0 ? detail + length : "";
}

static void count_failure(struct backend_state *state, enum ending why)
{
    counter_add(&state->counts->failures, 1);
    set(&state->counts->failed_by, why);
    set(&state->counts->failed_at, (uint64_t)time(NULL));
    state->failed = state->loop->now;
}

void backend_state_note_success(struct backend_state *state)
{
    counter_add(&state->counts->opened, 1);
    state->failures = 0;
    if (state->ejections == 0)
        return;
    forgive(state);
    publish_condition(state);
    log_write(state->loop->log, LOG_INFO, "backend %s works again", state->name);
}

static void eject(struct backend_state *state, enum ending why, const char *detail,
                  const struct upstream_settings *settings)
{
    unsigned doublings = state->ejections < DOUBLINGS_MAX ? state->ejections : DOUBLINGS_MAX;
    uint64_t length = (uint64_t)settings->eject_time << doublings;
    if (length > settings->eject_time_max)
        length = settings->eject_time_max;
    state->ejections++;
    state->ejected_until = state->loop->now + length;
    publish_condition(state);
    counter_add(&state->loop->counters->backend_ejections, 1);
    log_write(state->loop->log, LOG_WARNING, "backend %s is left out for %llu ms after %u failures in a row: %s%s",
              state->name, (unsigned long long)length, state->failures, ending_row(why)->text, cause_of(state, detail));
}

/* Calls that were under way when it was ejected may fail afterwards: that is no news. */
void backend_state_note_failure(struct backend_state *state, enum ending why, const char *detail,
                                const struct upstream_settings *settings)
{
    count_failure(state, why);
    if (state->failures < UINT32_MAX)
        state->failures++;
    if (settings && settings->eject_after > 0 && state->failures >= settings->eject_after &&
        state->loop->now >= state->ejected_until)
        eject(state, why, detail, settings);
}

bool backend_has_failed(enum ending why, const struct http_response *answer)
{
    /* What a RawSocket backend refuses comes without an answer, and is the visitor's serializer as a rule. */
    if (why == ENDING_BACKEND_DENIED)
        return answer && (answer->status == 502 || answer->status == 503 || answer->status == 504);
    return ending_row(why)->fault == FAULT_BACKEND;
}

/* ---- health checks */

static void rise(struct backend_state *state)
{
    state->down = false;
    forgive(state);
    publish_condition(state);
}

void backend_state_note_pass(struct backend_state *state, const struct health_check *check)
{
    state->misses = 0;
    if (state->passes < UINT32_MAX)
        state->passes++;
    if (!state->down || state->passes < check->rise)
        return;
    rise(state);
    log_write(state->loop->log, LOG_INFO, "backend %s is up again", state->name);
}

void backend_state_note_miss(struct backend_state *state, const struct health_check *check, enum ending why,
                             const char *detail)
{
    count_failure(state, why);
    state->passes = 0;
    if (state->misses < UINT32_MAX)
        state->misses++;
    if (state->down || state->misses < check->fall)
        return;
    state->down = true;
    publish_condition(state);
    log_write(state->loop->log, LOG_WARNING, "backend %s is down: %s%s", state->name, ending_row(why)->text,
              cause_of(state, detail));
}

void backend_state_set_checked(struct backend_state *state, bool checked)
{
    assert(checked || state->checked > 0);
    if (checked)
        state->checked++;
    else
        state->checked--;
    if (state->checked > 0)
        return;
    state->passes = state->misses = 0;
    if (state->down)
        rise(state);
}

/* ---- by command */

bool backend_set_drained(struct loop *loop, const char *name, bool drained)
{
    struct backend_state *state = find(loop, name);
    if (state)
        state->drained = drained;
    return state != NULL;
}
