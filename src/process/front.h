/* A plan in a worker, with its listeners: from an accepted socket to an HTTP connection. */
#ifndef CROSSGATE_PROCESS_FRONT_H
#define CROSSGATE_PROCESS_FRONT_H

#include "crossgate/plan.h"

struct front;

/* Takes the caller's reference on the plan and the sockets, one per transport, over, also on failure. Nothing is accepted yet.
 * NULL when memory is out. */
struct front *front_new(struct loop *loop, struct plan *plan, const int *sockets);

/* Begins to accept. False when memory is out. */
bool front_open(struct front *front) __attribute__((warn_unused_result));

/* Accepts no more and frees itself; its connections live on under its plan, which is superseded. Accepts NULL. */
void front_close(struct front *front);

/* Accepts while there is room for connections, and not beyond. */
void front_settle(struct front *front);

const struct plan *front_plan(const struct front *front);

#endif
