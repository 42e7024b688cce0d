/* Options of TCP sockets. */
#ifndef CROSSGATE_NET_TUNE_H
#define CROSSGATE_NET_TUNE_H

/* For sockets that listen, whose connections inherit all of it, and for those that we connect: so that no connection that is
 * accepted costs a system call for it. Does nothing to sockets that are not TCP. */
void net_tune(int descriptor);

/* Nagle's algorithm for one connection: see stream.h. Likewise. */
void net_gather(int descriptor);

#endif
