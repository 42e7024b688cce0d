/* The master's ear to its operator: a Unix socket in the node directory, for root and the master's own user only.
 *
 * Who connects says one line, "1 VERB[ NAME]", gets an answer and is hung up on. An answer is lines, the first one "ok" or
 * "error" and why. The master never waits: who does not speak, or does not read, in time is dropped. This file knows lines
 * and sockets; what an answer is made of is command.c's. */
#ifndef CROSSGATE_PROCESS_CONTROL_H
#define CROSSGATE_PROCESS_CONTROL_H

#include "crossgate/base/error.h"
#include "crossgate/base/list.h"
#include "crossgate/base/log.h"
#include "crossgate/base/span.h"

#include <stdint.h>
#include <stdio.h>

enum control_verb {
    CONTROL_STATUS,
    CONTROL_CHANGES,
    CONTROL_LIST,
    CONTROL_DRAIN,
    CONTROL_RESUME,
    CONTROL_RELOAD,
    CONTROL_STOP,
    CONTROL_VERBS,
};

enum { CONTROL_NAME = 240, CONTROL_LINE = 320 };

struct control_request {
    enum control_verb verb;
    char name[CONTROL_NAME]; /* of DRAIN and RESUME; else empty */
};

/* Reads a line without its end. False: it is none of ours. */
bool control_parse(struct span line, struct control_request *request);

struct control {
    struct log *log;
    /* Writes the answer. False: there is none yet, control_conclude will come. */
    bool (*answer)(void *user, const struct control_request *request, FILE *out);
    void *user;
    int events; /* epoll over all sockets below, so that the master has one descriptor to watch */
    int socket; /* -1: nobody can connect */
    char *path;
    uint64_t device, inode; /* of the path's socket, so that nobody else's is removed */
    struct list callers;
    unsigned caller_count;
};

/* How many are listened to at once; others are told to come again. */
enum { CONTROL_CALLERS = 16 };

/* What an operator may take for a line or an answer, and a reload until it is decided, ms. */
enum { CONTROL_WITHIN = 5000, CONTROL_RELOAD_WITHIN = 60000 };

/* Without a socket. False with errno. */
bool control_init(struct control *control, struct log *log) __attribute__((warn_unused_result));

/* Listens at that path from now on; NULL: nowhere. What cannot be is logged, and is nowhere. A socket that somebody
 * answers on is left alone. */
void control_listen(struct control *control, const char *path);

/* Does what there is to do; `now` in ms. */
void control_hear(struct control *control, uint64_t now);

/* Drops who is late. */
void control_settle(struct control *control, uint64_t now);

/* When control_settle wants to be called next; UINT64_MAX: not before an event. */
uint64_t control_next(const struct control *control);

/* A reload begins: who has asked for one so far waits for this one. */
void control_begin(struct control *control);

/* It is decided: that is the answer to all who wait for it. */
void control_conclude(struct control *control, const char *answer, uint64_t now);

void control_deinit(struct control *control);

#endif
