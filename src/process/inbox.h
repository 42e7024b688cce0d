/* The worker's ear to its master: collects a plan's packets, builds the plan, and tells what the master wants. */
#ifndef CROSSGATE_PROCESS_INBOX_H
#define CROSSGATE_PROCESS_INBOX_H

#include "front.h"
#include "parcel.h"

struct inbox {
    int socket;
    struct parcel parcel;
    struct front *next; /* built, waits for SWITCH; NULL: none */
};

enum inbox_event {
    INBOX_EMPTY,   /* nothing more has come */
    INBOX_NOTED,   /* something has come; there may be more */
    INBOX_SWITCH,  /* inbox_take has the plan that is in force from now on */
    INBOX_REFUSED, /* the plan cannot be built; the master has been told */
    INBOX_LEAVE,   /* drain: the master says so, or it is gone */
};

void inbox_init(struct inbox *inbox, int socket);
void inbox_deinit(struct inbox *inbox);

/* Receives at most one message and answers it. `in_force`: NULL as long as there is none. */
enum inbox_event inbox_hear(struct inbox *inbox, struct loop *loop, const struct plan *in_force);

/* The plan that was switched to; the caller's. */
struct front *inbox_take(struct inbox *inbox);

/* Tells the master that the plan which was taken is in force. */
void inbox_say_switched(struct inbox *inbox);

/* Tells the master that this worker drains, so that it sends a successor. */
void inbox_say_leaving(struct inbox *inbox);

#endif
