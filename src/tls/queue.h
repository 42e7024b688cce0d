/* Handshakes that have bytes to work on.
 *
 * Whoever waits is the next of the next source, so that nobody has to wait for all that one other has sent. Light steps are done on the
 * loop, few in each turn. Heavy ones, which would hold it for longer than the established can wait, go to the lane, one at a time: first who
 * has had one already, since he has cost us something, but after some of these somebody who has not.
 *
 * Medium ones hold the loop no longer than the established can wait, but one after the other they do so all the time. As long as there are
 * others of them they go to the lane as well, every other time, so that neither they nor heavy ones keep the other kind waiting. */
#ifndef CROSSGATE_TLS_QUEUE_H
#define CROSSGATE_TLS_QUEUE_H

#include "crossgate/tls.h"

struct tls_turn;

/* A step is all three, in that order. */
struct tls_turn_ops {
    bool (*begin)(struct tls_turn *turn);  /* on the loop; false: nothing is left to do, for whatever reason */
    void (*work)(struct tls_turn *turn);   /* of heavy turns on another thread: touches nothing that is not its own */
    void (*finish)(struct tls_turn *turn); /* on the loop */
};

/* A place in the queue: member of the one who waits. */
struct tls_turn {
    struct list link;
    struct loop *loop;
    const struct tls_turn_ops *ops;
    uint8_t source;   /* by the address of the peer: one of TLS_SOURCES */
    bool is_heavy;    /* to be set by its owner while it does not wait */
    bool is_medium;   /* likewise, and then it is heavy, too: it would be done on the loop if nobody else waited */
    bool is_advanced; /* has had a heavy step */
    bool is_out;      /* between begin and finish of a heavy step: what work touches is not its owner's */
};

/* Nobody but a flood has more heavy handshakes waiting; who comes then is refused. */
enum { TLS_SOURCES = 64, TLS_HEAVY_PER_SOURCE = 128 };

void tls_turn_init(struct tls_turn *turn, struct loop *loop, const struct tls_turn_ops *ops, const struct peer *peer);

/* Joins the end of the loop's queue. One that waits already keeps its place, one that is out returns first. False: there is
 * no room. */
bool tls_turn_wait(struct tls_turn *turn) __attribute__((warn_unused_result));

/* Leaves the queue, if it is in it. One that is out will still be finished. */
void tls_turn_leave(struct tls_turn *turn);

/* Whether heavy steps are done elsewhere. */
bool tls_queue_has_lane(const struct tls_queue *queue);

/* Whether a medium one is not alone: to be asked while a step is done on the loop. */
bool tls_queue_is_pressed(const struct tls_queue *queue);

#endif
