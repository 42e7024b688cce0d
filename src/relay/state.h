/* What a loop knows of a backend. One per name and loop, made by the first plan that names it and gone with the last one, so
 * that a reload forgets nothing. Only numbers and the rules on them: who calls whom is upstream.c's. */
#ifndef CROSSGATE_RELAY_STATE_H
#define CROSSGATE_RELAY_STATE_H

#include "crossgate/relay.h"

struct backend_state {
    struct list link; /* loop->backends */
    struct loop *loop;
    unsigned references;
    struct backend_counters *counts; /* a row of the worker's page, or `own` */
    struct backend_counters own;
    unsigned calls;   /* opening handshakes of visitors under way */
    unsigned waiting; /* visitors' requests to which no answer has come; they are among the sessions */
    unsigned checked; /* by so many plans in force: two at most, while one follows the other */
    bool drained;
    bool down;
    unsigned passes;        /* good checks in a row */
    unsigned misses;        /* bad checks in a row */
    unsigned failures;      /* of visitors' calls, in a row */
    unsigned ejections;     /* in a row; 0: it is not known to fail */
    uint64_t ejected_until; /* ms */
    uint64_t failed;        /* ms, when it failed last; 0: never */
    uint64_t returned;      /* ms, when it was found to work again; 0: it never did not */
    char name[];
};

/* Finds or makes the state of that name; NULL when memory is out. */
struct backend_state *backend_state_ref(struct loop *loop, const char *name);
void backend_state_unref(struct backend_state *state);

/* May a visitor's call go there as to any other? One that was ejected is tried by one call at a time when its time is over,
 * until it is seen to work. */
bool backend_state_may_be_tried(const struct backend_state *state);

/* How much of a full share of sessions it gets now, percent. */
unsigned backend_state_share(const struct backend_state *state, uint32_t slow_start);

/* A session was opened, or a request answered. */
void backend_state_note_success(struct backend_state *state);

/* A visitor's call has failed so. `settings`: of the upstream that called; NULL: it has no other one, so that ejecting it
 * would help nobody. */
void backend_state_note_failure(struct backend_state *state, enum ending why, const char *detail,
                                const struct upstream_settings *settings);

/* Is this the backend's fault, so that another one may do better, and a check has failed? What it says of the visitor (401,
 * 404, …) is no failure. `answer` as of backend_call_user. */
bool backend_has_failed(enum ending why, const struct http_response *answer);

/* A health check has gone well, or not. */
void backend_state_note_pass(struct backend_state *state, const struct health_check *check);
void backend_state_note_miss(struct backend_state *state, const struct health_check *check, enum ending why,
                             const char *detail);

/* A plan in force begins, or ceases, to check it. */
void backend_state_set_checked(struct backend_state *state, bool checked);

#endif
