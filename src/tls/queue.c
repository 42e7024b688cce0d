#include "queue.h"

#include "lane.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* While light and heavy steps both want the only core, of so many parts of its time one is the lane's. */
enum { LANE_SHARE = 4 };
/* Time that light steps may be ahead of that, ns: what is given is given in pieces that are worth the switch. */
enum { LEAD_MAX = 4000000 };
/* Steps of advanced ones, one after the other, while somebody wants his first: an honest handshake has fewer, and whoever says his
 * byte by byte has thousands. */
enum { ADVANCED_IN_A_ROW = 8 };

/* Who waits: of each source the oldest first, and sources take turns. */
struct rota {
    struct list of[TLS_SOURCES]; /* of struct tls_turn */
    unsigned count[TLS_SOURCES]; /* in each */
    uint64_t waiting;            /* a bit for each that is not empty */
    unsigned next;               /* is asked first */
};
_Static_assert(TLS_SOURCES == 64, "a bit for each source");

struct tls_queue {
    struct rota light;
    struct rota advanced; /* heavy ones that have had a step */
    struct rota medium;
    struct rota heavy;
    unsigned advanced_in_a_row;
    bool medium_is_next;   /* before a heavy one */
    bool medium_is_out;    /* the lane has one */
    struct lane *lane;     /* NULL: all steps are done on the loop */
    uint64_t light_used;   /* time since the lane was given something, ns */
    uint64_t lane_used;    /* when it was given that */
    uint64_t stood;        /* for how long light steps have stood back since, ns */
    uint64_t stands_since; /* ns, monotonic; 0: they do not */
};

static void rota_init(struct rota *rota)
{
    for (size_t i = 0; i < TLS_SOURCES; i++)
        list_init(&rota->of[i]);
}

struct tls_queue *tls_queue_new(void (*wake)(void *user), void *user)
{
    struct tls_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return NULL;
    rota_init(&queue->light);
    rota_init(&queue->advanced);
    rota_init(&queue->medium);
    rota_init(&queue->heavy);
    queue->lane = wake ? lane_new(wake, user) : NULL;
    if (!wake || queue->lane)
        return queue;
    free(queue);
    return NULL;
}

static bool has_heavy(const struct tls_queue *queue)
{
    return (queue->heavy.waiting | queue->medium.waiting | queue->advanced.waiting) != 0;
}

static void finish(struct tls_turn *turn)
{
    turn->loop->handshakes->medium_is_out = false;
    turn->is_out = false;
    counter_subtract(&turn->loop->counters->handshakes_away, 1);
    turn->ops->finish(turn);
}

void tls_queue_free(struct tls_queue *queue)
{
    if (!queue)
        return;
    struct tls_turn *last = queue->lane ? lane_wait(queue->lane) : NULL;
    if (last)
        finish(last);
    assert(!tls_queue_is_waiting(queue) && !has_heavy(queue));
    lane_free(queue->lane);
    free(queue);
}

bool tls_queue_is_pressed(const struct tls_queue *queue)
{
    return queue->lane && (queue->medium_is_out || (queue->medium.waiting | queue->light.waiting) != 0);
}

bool tls_queue_has_lane(const struct tls_queue *queue)
{
    return queue->lane != NULL;
}

/* -- waiting -- */

/* FNV-1a. Of IPv6 the first 64 bits: the others are the client's to choose. */
static uint8_t source_of(const struct peer *peer)
{
    uint32_t hash = 0x811c9dc5;
    size_t length = peer->family == PEER_IPV4 ? 4 : 8;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ peer->ip[i]) * 0x01000193;
    return (uint8_t)((hash ^ hash >> 16) % TLS_SOURCES);
}

void tls_turn_init(struct tls_turn *turn, struct loop *loop, const struct tls_turn_ops *ops, const struct peer *peer)
{
    *turn = (struct tls_turn){.loop = loop, .ops = ops, .source = peer ? source_of(peer) : 0};
    list_init(&turn->link);
}

static struct rota *rota_of(const struct tls_turn *turn)
{
    struct tls_queue *queue = turn->loop->handshakes;
    if (!turn->is_heavy)
        return &queue->light;
    if (turn->is_advanced)
        return &queue->advanced;
    return turn->is_medium ? &queue->medium : &queue->heavy;
}

bool tls_turn_wait(struct tls_turn *turn)
{
    struct rota *rota = rota_of(turn);
    if (!list_is_empty(&turn->link) || turn->is_out)
        return true;
    if (rota == &turn->loop->handshakes->heavy && rota->count[turn->source] == TLS_HEAVY_PER_SOURCE)
        return false;
    list_append(&rota->of[turn->source], &turn->link);
    rota->count[turn->source]++;
    rota->waiting |= UINT64_C(1) << turn->source;
    counter_add(&turn->loop->counters->handshakes_waiting, 1);
    return true;
}

void tls_turn_leave(struct tls_turn *turn)
{
    if (list_is_empty(&turn->link))
        return;
    struct rota *rota = rota_of(turn);
    list_remove(&turn->link);
    if (--rota->count[turn->source] == 0)
        rota->waiting &= ~(UINT64_C(1) << turn->source);
    counter_subtract(&turn->loop->counters->handshakes_waiting, 1);
}

/* Somebody waits. */
static struct tls_turn *take_next(struct rota *rota)
{
    uint64_t ahead = rota->waiting & UINT64_MAX << rota->next;
    int source = __builtin_ctzll(ahead != 0 ? ahead : rota->waiting);
    struct tls_turn *turn = CONTAINER_OF(rota->of[source].next, struct tls_turn, link);
    rota->next = (unsigned)(source + 1) % TLS_SOURCES;
    tls_turn_leave(turn);
    return turn;
}

/* -- light steps -- */

/* Not CPU time, which it takes a system call to read, twice in each step: whoever waits has waited for what others took from us, too. */
static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void run_here(struct tls_turn *turn)
{
    if (!turn->ops->begin(turn))
        return;
    turn->ops->work(turn);
    turn->ops->finish(turn);
}

static void spend(struct tls_queue *queue, uint64_t budget)
{
    uint64_t begin = now_ns(), used;
    do {
        run_here(take_next(&queue->light));
        used = now_ns() - begin;
    } while (tls_queue_is_waiting(queue) && used < budget);
    queue->light_used += used;
}

/* -- heavy steps -- */

static struct tls_turn *take_heavy(struct tls_queue *queue)
{
    bool has_new = (queue->medium.waiting | queue->heavy.waiting) != 0;
    if (queue->advanced.waiting != 0 && (!has_new || queue->advanced_in_a_row < ADVANCED_IN_A_ROW)) {
        queue->advanced_in_a_row++;
        return take_next(&queue->advanced);
    }
    queue->advanced_in_a_row = 0;
    queue->medium_is_next = !queue->medium_is_next;
    bool is_medium = queue->medium.waiting != 0 && (queue->medium_is_next || queue->heavy.waiting == 0);
    return take_next(is_medium ? &queue->medium : &queue->heavy);
}

static void work(void *item)
{
    struct tls_turn *turn = item;
    turn->ops->work(turn);
}

static void send_out(struct tls_queue *queue, struct tls_turn *turn)
{
    turn->is_advanced = true;
    if (!turn->ops->begin(turn))
        return;
    turn->is_out = true;
    queue->medium_is_out = turn->is_medium;
    counter_add(&turn->loop->counters->handshakes_away, 1);
    queue->light_used = queue->stood = queue->stands_since = 0;
    queue->lane_used = lane_used(queue->lane);
    if (lane_give(queue->lane, work, turn))
        return;
    turn->ops->work(turn); /* no thread is to be had: late is better than never */
    finish(turn);
}

static void serve_lane(struct tls_queue *queue)
{
    struct tls_turn *back = lane_take(queue->lane);
    if (back)
        finish(back);
    while (lane_is_free(queue->lane) && has_heavy(queue))
        send_out(queue, take_heavy(queue));
}

static void note_standing(struct tls_queue *queue, bool stands)
{
    uint64_t now = stands || queue->stands_since > 0 ? now_ns() : 0;
    if (queue->stands_since > 0)
        queue->stood += now - queue->stands_since;
    queue->stands_since = stands ? now : 0;
}

void tls_queue_spend(struct tls_queue *queue, uint64_t budget)
{
    bool stands = tls_queue_is_waiting(queue) && tls_queue_stands_back(queue);
    note_standing(queue, stands);
    if (tls_queue_is_waiting(queue) && !stands)
        spend(queue, budget);
    if (queue->lane) /* last, since light steps turn out to be heavy, and the loop does not wake for these */
        serve_lane(queue);
}

bool tls_queue_is_waiting(const struct tls_queue *queue)
{
    return queue->light.waiting != 0;
}

/* The lane has what the loop leaves. If others of the machine take that it does not get on, however long light steps stand back: they
 * have done their part then. */
bool tls_queue_stands_back(const struct tls_queue *queue)
{
    if (!queue->lane || lane_is_free(queue->lane) || queue->light_used < LEAD_MAX)
        return false;
    uint64_t lane = lane_used(queue->lane) - queue->lane_used;
    uint64_t left = queue->stood > lane ? queue->stood : lane;
    return queue->light_used - LEAD_MAX > left * (LANE_SHARE - 1);
}
