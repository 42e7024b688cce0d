/* Another process of this program, as the workers' user, with nothing of the master's but what it is given, and of its
 * environment what is no secret of anybody's. */
#ifndef CROSSGATE_PROCESS_SPAWN_H
#define CROSSGATE_PROCESS_SPAWN_H

#include "crossgate/account.h"

/* The first descriptor that such a process is given, behind stdio; others follow it. */
enum { SPAWN_FIRST = 3, SPAWN_DESCRIPTORS = 2 };

struct spawn {
    int executable; /* of this very program */
    const struct account *account;
    char *const *words;     /* argv, ended by NULL */
    const int *descriptors; /* become SPAWN_FIRST and on; at most SPAWN_DESCRIPTORS */
    int count;
    /* In the new process, whose descriptors are in place: says with errno what could not be done. System calls only. Does
     * not return. */
    void (*give_up)(const char *what);
};

/* The process id; -1 with errno. */
pid_t spawn(const struct spawn *how) __attribute__((warn_unused_result));

/* Of a socket to such a process: it has no descriptors to give, and closing those of one that has been taken over may take long,
 * since a socket with SO_LINGER waits for its peer. Linux before 6.16 cannot refuse them. */
void spawn_refuse_descriptors(int socket);

#endif
