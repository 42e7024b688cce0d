/* Asking backends at intervals whether they work. How one is asked is in check.c, what follows from the answers in state.c. */
#include "state.h"

#include <stdlib.h>
#include <sys/random.h>

/* In so many steps the first checks are spread over an interval. */
enum { SPREAD = 8 };

/* One backend to be asked again and again. */
struct checker {
    struct health *health;
    struct upstream_member *member;
    struct backend_check *check; /* NULL: it waits for the next one */
    struct deadline next;
};

struct health {
    struct loop *loop;
    struct counted *owner;
    size_t count;
    struct checker checkers[];
};

/* ---- the answer */

static void wait_for_next(struct checker *checker)
{
    struct loop *loop = checker->health->loop;
    deadline_arm(&loop->deadlines, &checker->next, checker->member->check->interval, loop->now);
}

static void on_answer(void *user, const struct backend_verdict *verdict)
{
    struct checker *checker = user;
    const struct upstream_member *member = checker->member;
    checker->check = NULL;
    if (verdict->fitness == BACKEND_FAILS) {
        counter_add(&checker->health->loop->counters->health_checks_failed, 1);
        backend_state_note_miss(member->state, member->check, verdict->why, verdict->detail);
    } else if (verdict->fitness == BACKEND_WORKS) {
        backend_state_note_pass(member->state, member->check);
    }
    wait_for_next(checker);
}

/* ---- life */

/* Without memory the check is left out. */
static void begin(struct deadline *deadline)
{
    struct checker *checker = CONTAINER_OF(deadline, struct checker, next);
    struct health *health = checker->health;
    const struct health_check *how = checker->member->check;
    checker->check = backend_check_new(health->loop, &how->backend, how->type, health->owner, on_answer, checker);
    if (checker->check)
        counter_add(&health->loop->counters->health_checks, 1);
    else
        wait_for_next(checker);
}

static uint32_t first_wait(uint32_t interval)
{
    uint8_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        return interval;
    uint32_t wait = interval / SPREAD * (random % SPREAD + 1U);
    return wait > 0 ? wait : interval;
}

static void add(struct health *health, struct upstream_member *member)
{
    struct checker *checker = &health->checkers[health->count++];
    *checker = (struct checker){.health = health, .member = member};
    deadline_init(&checker->next, begin);
    backend_state_set_checked(member->state, true);
    deadline_arm(&health->loop->deadlines, &checker->next, first_wait(member->check->interval), health->loop->now);
}

static size_t count_checks(const struct upstream *upstreams)
{
    size_t count = 0;
    for (const struct upstream *upstream = upstreams; upstream; upstream = upstream->next) {
        for (size_t i = 0; i < upstream->count; i++)
            count += upstream->members[i].check != NULL;
    }
    return count;
}

struct health *health_start(struct loop *loop, struct upstream *upstreams, struct counted *owner)
{
    struct health *health = calloc(1, sizeof *health + count_checks(upstreams) * sizeof health->checkers[0]);
    if (!health)
        return NULL;
    health->loop = loop;
    health->owner = owner;
    for (struct upstream *upstream = upstreams; upstream; upstream = upstream->next) {
        for (size_t i = 0; i < upstream->count; i++) {
            if (upstream->members[i].check)
                add(health, &upstream->members[i]);
        }
    }
    return health;
}

void health_stop(struct health *health)
{
    if (!health)
        return;
    for (size_t i = 0; i < health->count; i++) {
        struct checker *checker = &health->checkers[i];
        deadline_disarm(&checker->next);
        if (checker->check)
            backend_check_cancel(checker->check);
        backend_state_set_checked(checker->member->state, false);
    }
    free(health);
}
