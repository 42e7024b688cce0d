/* What stands before each RawSocket frame. Pure.
 *
 *     reserved: 4 bits, 0 | X: 1 bit | type: 3 bits | length: 24 bits, big-endian
 *
 * X with length 0 stands for 2^24. */
#ifndef CROSSGATE_WAMP_PREFIX_H
#define CROSSGATE_WAMP_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

enum { PREFIX_BYTES = 4 };

/* The longest payload that is sent: with X, Crossbar would read something else. */
enum { PREFIX_LENGTH_MAX = (1 << 24) - 1 };

enum prefix_type { PREFIX_MESSAGE, PREFIX_PING, PREFIX_PONG };

struct prefix {
    enum prefix_type type;
    uint32_t length;
};

/* False: reserved bits are set, the type is unknown, or X stands before another length than 0. */
bool prefix_read(const uint8_t bytes[PREFIX_BYTES], struct prefix *prefix) __attribute__((warn_unused_result));

/* The length is at most PREFIX_LENGTH_MAX. */
void prefix_print(struct prefix prefix, uint8_t bytes[PREFIX_BYTES]);

#endif
