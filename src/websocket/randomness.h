/* Random bytes in small portions: masks of frames and payloads of pings, which nobody must foresee. One getrandom(2) yields
 * 64 masks. */
#ifndef CROSSGATE_WEBSOCKET_RANDOMNESS_H
#define CROSSGATE_WEBSOCKET_RANDOMNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* getrandom(2): up to 256 bytes come whole and are not interrupted. */
enum { RANDOMNESS_BYTES = 256 };

struct randomness {
    uint8_t bytes[RANDOMNESS_BYTES];
    size_t left; /* of them, at their end, that nobody has had; zeroed: none */
};

/* False if there is none. */
bool randomness_take(struct randomness *randomness, void *to, size_t size) __attribute__((warn_unused_result));

#endif
