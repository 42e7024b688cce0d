/* The job of hellos: each operation is a connection that begins a handshake, takes in the server's flight, and leaves. */
#ifndef CROSSGATE_LOAD_HELLOS_H
#define CROSSGATE_LOAD_HELLOS_H

#include "crowd.h"
#include "greeting.h"

/* Shared by all its clients. */
struct hellos {
    struct greeting greeting;
    struct list waiting; /* greeters that are connected, and are not to speak before all that are under way are */
    unsigned waiting_count;
    struct deadline silence; /* of a wave: it ends with the first words of all of it */
};

/* Learns what its clients send (greeting.h). */
bool hellos_prepare(struct hellos *hellos, struct run *run, struct offer *offer, struct error *error)
    __attribute__((warn_unused_result));

extern const struct job hellos_job;

#endif
