/* What the master of this node says of itself. */
#ifndef CROSSGATE_DOCTOR_RUNNING_H
#define CROSSGATE_DOCTOR_RUNNING_H

#include "crossgate/base/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { RUNNING_WORKERS = 512, RUNNING_STATE = 32, RUNNING_ORDERS = 64, RUNNING_TEXT = 256 };

/* A certificate that the master gets from an authority (tls.acme). */
struct running_order {
    char domains[RUNNING_TEXT];
    char state[RUNNING_STATE];  /* "valid", "placeholder", "expired", "incomplete" */
    int64_t ends, next;         /* s since 1970; 0: not known */
    char trouble[RUNNING_TEXT]; /* why the last order failed; "" */
};

struct running {
    bool runs;
    bool unknown;       /* it may run, but cannot be asked: `error` says why */
    struct error error; /* why it does not run, or cannot be asked */
    pid_t master;
    uid_t user;
    char state[RUNNING_STATE]; /* "serving" */
    uint64_t edition;
    char config[PATH_MAX];
    int64_t started;
    pid_t workers[RUNNING_WORKERS];
    size_t worker_count, serving;
    uint64_t renewals_failed;
    struct running_order orders[RUNNING_ORDERS];
    size_t order_count;

    bool compared;        /* the following is known */
    bool config_changed;  /* its bytes, or it cannot be read any more */
    size_t files_changed; /* of those that it names */
    char first[PATH_MAX]; /* one of them */
};

/* Asks at that control socket; each answer may take `patience` s. */
void running_ask(struct running *running, const char *control, unsigned patience);

/* Whether it is the master or one of its workers. */
bool running_has(const struct running *running, pid_t pid);

#endif
