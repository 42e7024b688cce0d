#include "choice.h"

/* ---- sets of members, a bit for each */

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

/* Sessions and requests with one more, and what is being opened. */
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

/* ---- by the visitor's address */

/* The finalizer of SplitMix64: each bit of the result depends on all of the number. */
static uint64_t mix(uint64_t number)
{
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
    number = (number ^ number >> 27) * 0x94d049bb133111eb;
    return number ^ number >> 31;
}

/* The same in all workers. Without the port, which is another one for each connection. */
static uint64_t number_of(const struct peer *visitor)
{
    size_t length = visitor->family == PEER_IPV6 ? 16 : visitor->family == PEER_IPV4 ? 4 : 0;
    uint64_t number = 0;
    for (size_t i = 0; i < length; i++)
        number = mix(number + visitor->ip[i] + 1);
    return number;
}

/* Rendezvous hashing: each visitor has an order of the members of his own, and gets the first one that is there. Whoever is
 * lost moves only those who were there, and they come back with it. One that starts slowly has, of its visitors, as many as
 * its share says, and none that it had is taken from it when the share grows. */
static struct upstream_member *first_for(struct upstream *upstream, uint64_t among, const struct peer *visitor)
{
    uint64_t source = number_of(visitor);
    struct upstream_member *first = NULL, *first_full = NULL;
    uint64_t best = 0, best_full = 0;
    for (size_t i = 0; i < upstream->count; i++) {
        struct upstream_member *member = &upstream->members[i];
        if (!(among & bit(i)))
            continue;
        uint64_t score = mix(source ^ mix(backend_key(member->backend->name)));
        if (!first || score > best) {
            first = member;
            best = score;
        }
        if (mix(score) % 100 < backend_state_share(member->state, upstream->settings.slow_start) &&
            (!first_full || score > best_full)) {
            first_full = member;
            best_full = score;
        }
    }
    return first_full ? first_full : first;
}

/* ---- the way through */

void choice_init(struct choice *choice, struct upstream *upstream, const struct peer *visitor)
{
    *choice = (struct choice){.upstream = upstream, .visitor = visitor};
}

static struct upstream_member *choose(const struct choice *choice, uint64_t among)
{
    switch (choice->upstream->settings.policy) {
    case UPSTREAM_SOURCE:
        return first_for(choice->upstream, among, choice->visitor);
    case UPSTREAM_LEAST_CONNECTIONS:
        among = least_loaded(choice->upstream, among);
        break;
    case UPSTREAM_ROUND_ROBIN:
        break;
    }
    return take_turn(choice->upstream, among);
}

struct upstream_member *choice_next(struct choice *choice)
{
    struct upstream *upstream = choice->upstream;
    uint64_t among = members_in_order(upstream, choice->tried);
    if (!among)
        among = last_resort(upstream, choice->tried);
    if (!among)
        return NULL;
    choice->member = choose(choice, among);
    choice->tried |= bit((size_t)(choice->member - upstream->members));
    return choice->member;
}

void choice_note_failure(const struct choice *choice, enum ending why, const char *detail)
{
    const struct upstream *upstream = choice->upstream;
    backend_state_note_failure(choice->member->state, why, detail, upstream->count > 1 ? &upstream->settings : NULL);
}
