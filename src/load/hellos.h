/* The job of hellos: each operation is a connection that begins a handshake, takes in the server's flight, and leaves. */
#ifndef CROSSGATE_LOAD_HELLOS_H
#define CROSSGATE_LOAD_HELLOS_H

#include "crowd.h"
#include "greeting.h"

/* Shared by all its clients: a struct greeting. */
extern const struct job hellos_job;

#endif
