/* The way to the server: its address, and the addresses that we connect from. */
#ifndef CROSSGATE_LOAD_ROUTE_H
#define CROSSGATE_LOAD_ROUTE_H

#include "crossgate/load.h"

#include <sys/socket.h>

enum { ROUTE_TEXT = 64 };

struct route {
    struct sockaddr_storage to;
    socklen_t length;
    char text[ROUTE_TEXT]; /* "127.0.0.1:8443" */
    unsigned sources;      /* 0: the system's choice */
    unsigned next;         /* source */
    int receive_buffer;    /* bytes that the kernel may receive before they are read; 0: the system's choice */
};

/* Resolves the name; of several addresses the first that somebody listens on. Refuses a server on another machine unless the settings
 * have the consent of its owner. */
bool route_find(struct route *route, const struct load_settings *settings, struct error *error)
    __attribute__((warn_unused_result));

/* A socket that connects, non-blocking; sources take turns. -1: errno says why not. */
int route_connect(struct route *route);

/* Sees to it that so many connections can be open. */
bool route_make_room(unsigned connections, struct error *error) __attribute__((warn_unused_result));

#endif
