/* Time limits and bounds that hold where the configuration says nothing. The extension object "crossgate.limits" changes
 * the times; all in milliseconds. */
#ifndef CROSSGATE_LIMITS_H
#define CROSSGATE_LIMITS_H

enum {
    LIMIT_HANDSHAKE = 10000, /* a TLS handshake, from the accept */
    LIMIT_HEAD = 10000,      /* a request head, from its first byte (the first one: from the handshake) */
    LIMIT_IDLE = 75000,      /* between requests */
    LIMIT_BODY = 20000,      /* for each KiB of a request body, or its end */
    LIMIT_SEND = 30000,      /* without a byte taken by a peer that owes us reading */
    LIMIT_CLOSE = 5000,      /* until the peer answers a WebSocket Close */
    LIMIT_LINGER = 2000,     /* reading what a peer still sends after our last word */
    LIMIT_CONNECT = 10000,   /* connecting to a backend (Crossbar: endpoint key timeout) */
    LIMIT_ANSWER = 60000,    /* without a byte of a backend's answer, or taken by it */
    LIMIT_KEPT = 4000,       /* a connection to a backend between two requests; common servers close theirs after 5 s */
    LIMIT_DRAIN = 30000,     /* a stopping worker */
    LIMIT_CALL = 20000,      /* a visitor's call to one of several backends, all tries together */
    LIMIT_EJECT = 10000,     /* a backend that failed too often is left out, the first time */
    LIMIT_EJECT_MAX = 300000 /* and at last */
};

/* Messages that come in pieces for RawSocket peers, all that a worker keeps of them, bytes: eight of the longest. */
enum { LIMIT_GATHERED = 128 * 1024 * 1024 };

/* Time that handshakes may take of one turn while other connections wait, ns: several short steps, or one. */
enum { LIMIT_HANDSHAKE_BUDGET = 50000 };

#endif
