/* Cipher suites and groups by number: names and what to think of them. */
#ifndef CROSSGATE_PROBE_SUITES_H
#define CROSSGATE_PROBE_SUITES_H

#include "crossgate/probe.h"

enum suite_exchange {
    EXCHANGE_NONE, /* RSA key transport, and TLS 1.3, where it is not the suite's business */
    EXCHANGE_DHE,
    EXCHANGE_ECDHE,
};

enum suite_exchange suite_exchange(uint16_t id);

/* The suites that may be offered in a version, the better ones first. Returns how many. */
size_t suites_of(uint16_t version, uint16_t ids[PROBE_SUITES_MAX]);

/* As for suites_of, those with ECDHE only. */
size_t suites_with_groups(uint16_t ids[PROBE_SUITES_MAX]);

/* Name "(unknown)" if it is in no table of ours. */
struct probe_suite suite_describe(uint16_t id, uint16_t version);

/* Those of TLS 1.3, or of the versions below. */
size_t groups_of(uint16_t version, uint16_t ids[PROBE_GROUPS_MAX]);
struct probe_group group_describe(uint16_t id);

#endif
