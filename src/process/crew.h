/* The workers: who is there, who is to be replaced and when, and which edition each runs.
 *
 * Messages and deaths are noted where they are seen; crew_settle compares what is with what should be, and acts. */
#ifndef CROSSGATE_PROCESS_CREW_H
#define CROSSGATE_PROCESS_CREW_H

#include "child.h"
#include "drained.h"
#include "edition.h"
#include "handover.h"
#include "tickets.h"

#include "crossgate/base/challenge.h"

struct crew_place {
    struct child *child;   /* NULL: vacant */
    unsigned early_deaths; /* in a row; see crew_pause */
    uint64_t restart;      /* ms; not before */
};

struct crew {
    struct log *log;
    int events; /* epoll: each child's control socket, with the child as data */
    int executable;
    const struct account *account;
    struct edition *edition; /* in force; owned by the master */
    struct drained drained;  /* backends, by name */
    struct tickets tickets;
    struct challenges *challenges; /* that all workers answer now; NULL: none */
    uint64_t challenge;            /* number of the one that was told last */
    struct crew_place *places;
    unsigned count;
    struct list leavers;
    uint64_t now;               /* ms, monotonic; set by the master */
    bool has_served;            /* one worker has become ready since the start */
    bool objection;             /* a worker has refused the next edition, or died of it */
    bool stopping;              /* nobody is replaced any more */
    char reason[HANDOVER_TEXT]; /* why a worker refused last */
};

/* A worker that has not become ready, or that lived less than this, has died early, ms. */
enum { CREW_EARLY = 1000 };

/* How long its place then stays vacant, ms: not at all the first time, and ever longer if it happens again. */
uint32_t crew_pause(unsigned early_deaths);

/* The worker's part of a plan: in all the time it may take, ms. So long it may take as well to put it in force. */
enum { CREW_READY_WITHIN = 30000 };

/* Puts the edition in force and provides for its number of places. Those that are left over drain. False when memory is
 * out: all is as it was. */
bool crew_adopt(struct crew *crew, struct edition *edition) __attribute__((warn_unused_result));

/* Reads what the child has to say. */
void crew_hear(struct crew *crew, struct child *child);

/* Notes the death of a child. False: it is none of the crew. */
bool crew_bury(struct crew *crew, pid_t pid, int status);

/* Fills vacant places whose time has come, and kills who has not done in time what it was told. */
void crew_settle(struct crew *crew);

/* When crew_settle wants to be called next, ms; UINT64_MAX: not before an event. */
uint64_t crew_next(const struct crew *crew);

/* All drain; nobody is replaced. */
void crew_stop(struct crew *crew);

/* All who were told to drain by crew_stop die. */
void crew_kill(struct crew *crew);

/* Drains a backend, or has it get sessions again, now and in each worker that is to come. False: too many are drained, or memory
 * is out. */
bool crew_set_drained(struct crew *crew, const char *name, bool drained) __attribute__((warn_unused_result));

/* Has those that the plan does not name forgotten, by the workers, too: a backend that is named again is as new. After the
 * switch to that plan. */
void crew_keep_drained(struct crew *crew, const struct plan *plan);

/* Tells all who serve of the ticket keys. Who starts, and who is about to switch, is told anyway. */
void crew_tell_tickets(struct crew *crew);

/* Has every worker, and each that is to come, answer an authority that asks for it, until it is withdrawn. *number is what
 * crew_holds is asked by. False: too many at once, or memory is out. */
bool crew_publish(struct crew *crew, const struct challenge *challenge, uint64_t *number)
    __attribute__((warn_unused_result));
void crew_withdraw(struct crew *crew, const struct challenge *challenge);

/* Whether there is a worker that serves, and none that serves without that challenge. */
bool crew_holds(const struct crew *crew, uint64_t number);

/* Has all who serve, and were not asked yet, prepare the edition. */
void crew_prepare(struct crew *crew, const struct edition *edition);

/* It is put in force by all who are prepared for it, which takes until nobody is CHILD_SWITCHING, or dropped by all who were asked. */
void crew_switch(struct crew *crew);
void crew_drop(struct crew *crew);

/* How many places have a child in that state. */
unsigned crew_in_state(const struct crew *crew, enum child_state state);

/* Nobody is left. */
bool crew_is_gone(const struct crew *crew);

/* No worker has ever become ready, and none is trying any more. */
bool crew_has_failed(const struct crew *crew);

void crew_deinit(struct crew *crew);

#endif
