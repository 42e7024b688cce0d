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

/* ---- for tests */

/* What a server's frames say while we wait for a Pong or a Close. Zeroed at first. */
struct frames {
    uint8_t head[14];
    size_t have;          /* of the head */
    uint64_t left;        /* of the payload */
    uint8_t payload[125]; /* of a control frame */
    size_t length;
    bool ponged; /* with `expected` */
    uint8_t expected[4];
    bool closed;
    uint16_t code;
    char reason[PROBE_TEXT];
    bool broken; /* the protocol was; nothing more is read */
};

/* Any number of bytes. Frames of data are passed over. Stops at a Close. */
void frames_read(struct frames *frames, struct span in);

#endif
