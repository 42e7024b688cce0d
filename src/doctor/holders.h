/* Who listens where, as far as we may know. */
#ifndef CROSSGATE_DOCTOR_HOLDERS_H
#define CROSSGATE_DOCTOR_HOLDERS_H

#include "crossgate/base/peer.h"
#include "crossgate/net.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { HOLDER_PATH = 108 };

/* A listening socket, held by a process. Who inherits sockets may hold the same one: each has an entry. */
struct holder {
    uint64_t inode;
    struct peer address;    /* of TCP */
    char path[HOLDER_PATH]; /* of Unix sockets; else "" */
    uid_t user;             /* who has made the socket; of TCP */
    pid_t pid;              /* 0: we may not know */
};

struct holders {
    struct holder *at;
    size_t count, room;
};

/* Reads all of them. Without memory, or without /proc, there are fewer. */
void holders_read(struct holders *holders);
void holders_deinit(struct holders *holders);

/* Whether who listens there keeps others from listening at `where`. */
bool holder_is_at(const struct holder *holder, const struct net_listen *where);

#endif
