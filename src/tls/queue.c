#include "queue.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

struct tls_queue {
    struct list waiting; /* of struct tls_turn */
};

struct tls_queue *tls_queue_new(void)
{
    struct tls_queue *queue = malloc(sizeof *queue);
    if (queue)
        list_init(&queue->waiting);
    return queue;
}

void tls_queue_free(struct tls_queue *queue)
{
    if (!queue)
        return;
    assert(list_is_empty(&queue->waiting));
    free(queue);
}

bool tls_queue_is_waiting(const struct tls_queue *queue)
{
    return !list_is_empty(&queue->waiting);
}

void tls_turn_init(struct tls_turn *turn, struct loop *loop, void (*run)(struct tls_turn *))
{
    list_init(&turn->link);
    turn->loop = loop;
    turn->run = run;
}

void tls_turn_wait(struct tls_turn *turn)
{
    if (!list_is_empty(&turn->link))
        return;
    list_append(&turn->loop->handshakes->waiting, &turn->link);
    counter_add(&turn->loop->counters->handshakes_waiting, 1);
}

void tls_turn_leave(struct tls_turn *turn)
{
    if (list_is_empty(&turn->link))
        return;
    list_remove(&turn->link);
    counter_subtract(&turn->loop->counters->handshakes_waiting, 1);
}

static uint64_t cpu_time(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

void tls_queue_spend(struct tls_queue *queue, uint64_t budget)
{
    if (list_is_empty(&queue->waiting))
        return;
    uint64_t begin = cpu_time();
    do {
        struct tls_turn *turn = CONTAINER_OF(queue->waiting.next, struct tls_turn, link);
        tls_turn_leave(turn);
        turn->run(turn);
    } while (!list_is_empty(&queue->waiting) && cpu_time() - begin < budget);
}
