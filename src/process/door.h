/* One transport's listening sockets, one per worker, as the master keeps them: workers come and go, the sockets stay. */
#ifndef CROSSGATE_PROCESS_DOOR_H
#define CROSSGATE_PROCESS_DOOR_H

#include "crossgate/net.h"

#include <sys/types.h>

struct door {
    struct net_listen where; /* as configured; borrowed strings */
    uint16_t port;           /* the one of a range that was free */
    int *sockets;
    size_t count;
    dev_t device; /* of a unix socket's path */
    ino_t inode;
    bool owns_path;           /* removes the path when it is closed */
    struct door *predecessor; /* from which the sockets were inherited; until door_succeed */
};

/* Opens `count` sockets. */
bool door_open(struct door *door, const struct net_listen *where, size_t count, struct error *error)
    __attribute__((warn_unused_result));

/* Whether the door listens where `where` says, so that its sockets can be inherited. */
bool door_fits(const struct door *door, const struct net_listen *where);

/* The same sockets, as duplicates; further ones are opened if there are too few. Both doors are open afterwards. */
bool door_inherit(struct door *door, struct door *predecessor, const struct net_listen *where, size_t count,
                  struct error *error) __attribute__((warn_unused_result));

/* The heir is in force: the sockets get its settings, the path is its to remove. */
void door_succeed(struct door *door);

/* Closes all; removes a unix socket's path if it is still ours. */
void door_close(struct door *door);

#endif
