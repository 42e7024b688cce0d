/* The master as a value, for master.c (start, signals, stop), reload.c and command.c. */
#ifndef CROSSGATE_PROCESS_MASTER_H
#define CROSSGATE_PROCESS_MASTER_H

#include "acme.h"
#include "control.h"
#include "crew.h"
#include "errand.h"
#include "renewal.h"
#include "staples.h"
#include "watch.h"

struct master {
    const struct run_options *options;
    int64_t started; /* s since 1970 */
    struct log log;
    struct account account;
    struct crew crew;
    struct control control;
    struct errands errands;
    struct watch watch;
    struct renewal renewal;
    struct expiry expiry;
    struct staples staples;
    struct acme acme;
    struct edition *edition; /* in force */
    struct edition *next;    /* being prepared, or put in force, by the workers; NULL: no reload is under way */
    bool renews;             /* `next` is a renewal */
    uint64_t editions;       /* numbers given so far */
    bool reload_wanted;
    bool announced;
    int events;     /* epoll */
    int signals;    /* signalfd */
    int executable; /* of this very program, even if its file has been replaced */
};

/* One line per transport on which the master listens now. `all`: also those inherited from the edition before. */
void master_log_doors(struct master *master, bool all);

/* Goes on with a reload or a renewal: begins one that is wanted, puts it in force when all workers are prepared, and says so when
 * all have done it, or drops it when one objects. */
void reload_settle(struct master *master);

/* A file that the configuration names, or one of our own state, has changed: it is to come into force, but nothing else is. */
void reload_renew(struct master *master);

/* The edition is in force: its files are watched, and its certificates' ends. */
void reload_watch(struct master *master);

/* The master stops: what is under way is dropped, unless the workers have been told that it is in force. */
void reload_cancel(struct master *master);

/* Drains; asked for again, stops at once. `word`: who asks for it, for the log. */
void master_stop(struct master *master, const char *word);

/* Answers an operator; see control.h. `user` is the master. */
bool command_answer(void *user, const struct control_request *request, FILE *out);

#endif
