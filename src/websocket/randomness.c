#include "randomness.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>

bool randomness_take(struct randomness *randomness, void *to, size_t size)
{
    assert(size <= RANDOMNESS_BYTES);
    if (randomness->left < size) {
        if (getrandom(randomness->bytes, RANDOMNESS_BYTES, 0) != RANDOMNESS_BYTES)
            return false;
        randomness->left = RANDOMNESS_BYTES;
    }
    memcpy(to, randomness->bytes + RANDOMNESS_BYTES - randomness->left, size);
    randomness->left -= size;
    return true;
}
