/* The plain stream as connect.c sees it: made without a descriptor, given one when the dialling is done. */
#ifndef CROSSGATE_NET_PLAIN_H
#define CROSSGATE_NET_PLAIN_H

#include "crossgate/net.h"

struct plain;

/* Whoever is finding the descriptor; told when the stream ends before it has one. */
struct plain_dial {
    void (*cancel)(struct plain_dial *dial);
};

/* A stream in state dialing. NULL when memory is out. */
struct plain *plain_new_dialing(struct loop *loop, struct plain_dial *dial);

struct stream *plain_stream(struct plain *plain);

/* The descriptor is connected: takes it over; on_open follows from PHASE_SETTLE. The dial is forgotten. */
void plain_dialed(struct plain *plain, int descriptor);

/* Dialling has failed for good; `detail` is the stream's. The dial is forgotten. */
void plain_dial_failed(struct plain *plain, enum ending why, const char *detail);

#endif
