/* A plan on its way to a worker: the packed sources, the directories they name, and one listening socket per transport. */
#ifndef CROSSGATE_PROCESS_PARCEL_H
#define CROSSGATE_PROCESS_PARCEL_H

#include "handover.h"

/* Bounds of both lists, against a message that is not what it seems. */
enum { PARCEL_DESCRIPTORS_MAX = 65536 };

/* What is sent; all borrowed. */
struct parcel_contents {
    uint64_t edition;
    uint32_t level; /* enum log_level */
    int packed;
    const int *directories;
    size_t directory_count;
    const int *sockets;
    size_t socket_count;
};

/* Sends all of it. False with errno. */
bool parcel_send(int socket, const struct parcel_contents *contents) __attribute__((warn_unused_result));

struct parcel_list {
    int *at;
    size_t count;    /* have come */
    size_t expected; /* in all */
};

/* What has come; owns its descriptors. */
struct parcel {
    uint64_t edition;
    uint32_t level;
    int packed; /* -1: none */
    struct parcel_list directories;
    struct parcel_list sockets;
};

/* Empty. */
void parcel_init(struct parcel *parcel);

/* Closes what is still in it. */
void parcel_deinit(struct parcel *parcel);

enum parcel_progress { PARCEL_MORE, PARCEL_COMPLETE, PARCEL_BROKEN };

/* Takes the descriptors of a PLAN, DIRECTORIES or SOCKETS message. A PLAN begins a new parcel and drops what there was.
 * BROKEN: more than was announced, of another edition, or memory is out; the message's descriptors are closed. */
enum parcel_progress parcel_take(struct parcel *parcel, const struct handover *message);

#endif
