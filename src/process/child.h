/* One worker process, seen from the master. */
#ifndef CROSSGATE_PROCESS_CHILD_H
#define CROSSGATE_PROCESS_CHILD_H

#include "spawn.h"

#include "crossgate/base/counters.h"
#include "crossgate/base/list.h"

enum child_state {
    CHILD_STARTING, /* has been sent the edition in force */
    CHILD_SERVING,
    CHILD_PREPARING, /* serves on, and has been sent the next edition */
    CHILD_PREPARED,  /* has answered READY to it */
    CHILD_SWITCHING, /* has been told that it is in force, and has not said that it serves it */
    CHILD_LEAVING,   /* drains; its place is no longer its */
};

/* The descriptors that a worker finds open, besides stdio. */
enum { CHILD_CONTROL = SPAWN_FIRST, CHILD_COUNTERS };

struct child {
    struct list link;
    unsigned index;
    pid_t pid;
    int control; /* -1: the worker has closed its end */
    struct counters *counters;
    enum child_state state;
    uint64_t asked;   /* number of the edition that was sent last */
    uint64_t held;    /* number of the challenge that it has confirmed last */
    bool excused;     /* why it ends has been logged */
    uint64_t started; /* ms */
    uint64_t due;     /* ms; by then it has answered, or gone, or is killed; UINT64_MAX: nothing is awaited */
};

/* Forks and executes a worker. NULL on error. */
struct child *child_start(int executable, const struct account *account, unsigned index, struct error *error);

/* Without signal handlers, files or memory of its own to wind up: the way out for one that does not answer. */
void child_kill(const struct child *child);

/* After its death has been waited for. */
void child_free(struct child *child);

/* "was killed by signal 11 (Segmentation fault)" or "ended with status 1", from what waitpid says. */
void child_status_print(int status, char *text, size_t size);

#endif
