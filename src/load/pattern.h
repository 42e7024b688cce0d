/* Payload that is cheap to make and to verify, and differs from message to message and from connection to connection: each
 * message is a stretch of one table of random bytes, which begins again at its end. */
#ifndef CROSSGATE_LOAD_PATTERN_H
#define CROSSGATE_LOAD_PATTERN_H

#include "crossgate/base/span.h"

enum { PATTERN_BYTES = 65536 };

/* Twice the same, so that any stretch of up to PATTERN_BYTES lies in one piece. */
struct pattern {
    uint8_t bytes[2 * PATTERN_BYTES];
};

/* False if there is no randomness. */
bool pattern_fill(struct pattern *pattern) __attribute__((warn_unused_result));

/* Where the n-th message of a connection begins. */
static inline uint64_t pattern_place(unsigned connection, uint64_t n)
{
    return (connection * UINT64_C(0x9E3779B97F4A7C15) + n * UINT64_C(0xD1B54A32D192ED03)) >> 32;
}

/* `length` bytes from that place on, at most PATTERN_BYTES. */
static inline struct span pattern_at(const struct pattern *pattern, uint64_t place, size_t length)
{
    return span_of(pattern->bytes + place % PATTERN_BYTES, length);
}

/* Whether the bytes, however many, are those from that place on. */
bool pattern_is(const struct pattern *pattern, uint64_t place, struct span bytes);

#endif
