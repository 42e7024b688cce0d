/* A thread for what would hold the loop for too long: one step of one handshake at a time.
 *
 * Whatever the loop has to do goes first, also if both have one core only: the thread interrupts nobody (SCHED_BATCH), and is nicer by
 * 10. Not SCHED_IDLE: a core that others of the machine keep busy would leave it a 300th, and whoever needs it, such as clients with
 * certificates, would wait for that. A lock of malloc or OpenSSL in which the thread was interrupted the loop waits for asleep
 * (lock.c). Locks of ours are not shared with it. What is given to it is nobody else's until it is taken back; all that is decided
 * about it is decided on the loop (queue.c). */
#ifndef CROSSGATE_TLS_LANE_H
#define CROSSGATE_TLS_LANE_H

#include <stdbool.h>
#include <stdint.h>

struct lane;

/* `wake(user)` is called by the thread when there is something to be taken back. NULL when memory is out. The thread begins with
 * the first work. */
struct lane *lane_new(void (*wake)(void *user), void *user);

/* When all has been taken back. Ends the thread. Accepts NULL. */
void lane_free(struct lane *lane);

/* Nothing has been given that was not taken back. */
bool lane_is_free(const struct lane *lane);

/* To a free lane. False: there is no thread to be had, and nothing has happened. */
bool lane_give(struct lane *lane, void (*work)(void *item), void *item) __attribute__((warn_unused_result));

/* What is done; NULL: nothing (yet). */
void *lane_take(struct lane *lane);

/* Likewise, but waits for it. */
void *lane_wait(struct lane *lane);

/* CPU time that the thread has had so far, ns. */
uint64_t lane_used(const struct lane *lane);

#endif
