/* The job of handshakes: each operation is a connection that shakes hands and leaves. */
#ifndef CROSSGATE_LOAD_HANDSHAKES_H
#define CROSSGATE_LOAD_HANDSHAKES_H

#include "crowd.h"

extern const struct job handshakes_job;

#endif
