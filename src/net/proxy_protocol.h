/* The header of the PROXY protocol, versions 1 and 2. Engine without I/O.
 *
 * https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt; sections named below are its own. */
#ifndef CROSSGATE_NET_PROXY_PROTOCOL_H
#define CROSSGATE_NET_PROXY_PROTOCOL_H

#include "crossgate/net.h"

enum {
    PROXY_HEAD_BYTES = 16,                  /* of version 2, up to the addresses */
    PROXY_HEADER_MAX = NET_PROXY_HEADER_MAX /* that is taken: addresses, and what balancers put behind them */
};

enum proxy_verdict {
    PROXY_MORE,   /* all bytes belong to the header, and more do */
    PROXY_KNOWN,  /* the first `length` bytes are the header; `peer` is who is meant */
    PROXY_LOCAL,  /* likewise, but the balancer speaks for itself (LOCAL, UNKNOWN, or a family without addresses) */
    PROXY_BROKEN, /* not a header, or larger than PROXY_HEADER_MAX */
};

/* Judges the bytes that have come so far. */
enum proxy_verdict proxy_header_read(struct span bytes, size_t *length, struct peer *peer);

#endif
