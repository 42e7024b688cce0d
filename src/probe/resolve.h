/* From a host to addresses, without waiting longer than asked. */
#ifndef CROSSGATE_PROBE_RESOLVE_H
#define CROSSGATE_PROBE_RESOLVE_H

#include "crossgate/probe.h"

#include <sys/socket.h>

struct address {
    struct sockaddr_storage at;
    socklen_t size;
};

/* The addresses of the target, at most PROBE_ADDRESSES_MAX, in the system's order. 0: `why` (PROBE_TEXT bytes) says why there
 * are none. `family`: 4, 6 or 0 for both. */
size_t resolve(const struct probe_target *target, unsigned family, uint64_t until,
               struct address found[PROBE_ADDRESSES_MAX], char why[PROBE_TEXT]);

void address_print(const struct address *address, char text[PROBE_WORD]);

#endif
