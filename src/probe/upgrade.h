/* A WebSocket from opening to closing handshake, with a ping in between (RFC 6455). */
#ifndef CROSSGATE_PROBE_UPGRADE_H
#define CROSSGATE_PROBE_UPGRADE_H

#include "ask.h"

struct upgrade {
    const char *host;         /* as in the Host field */
    const char *path;         /* begins with "/" */
    const char *subprotocols; /* separated by ", " */
    const char *origin;       /* NULL: none is sent */
};

void upgrade_try(struct link *link, const struct upgrade *upgrade, uint64_t until, struct probe_websocket *websocket);

#endif
