/* Handshakes that have bytes to work on, oldest first. */
#ifndef CROSSGATE_TLS_QUEUE_H
#define CROSSGATE_TLS_QUEUE_H

#include "crossgate/tls.h"

/* A place in the queue: member of the one who waits. */
struct tls_turn {
    struct list link;
    struct loop *loop;
    void (*run)(struct tls_turn *turn); /* one step; called after it has left the queue */
};

void tls_turn_init(struct tls_turn *turn, struct loop *loop, void (*run)(struct tls_turn *));

/* Joins the end of the loop's queue. One that waits already keeps its place. */
void tls_turn_wait(struct tls_turn *turn);

/* Leaves the queue, if it is in it. */
void tls_turn_leave(struct tls_turn *turn);

#endif
