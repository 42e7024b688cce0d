/* "Did you mean": the nearest of the words that are known. */
#ifndef CROSSGATE_BASE_NEAREST_H
#define CROSSGATE_BASE_NEAREST_H

#include <stddef.h>

/* Keeps the best candidate so far. Start with `best` NULL. */
struct nearest {
    const char *word;
    const char *best;
    size_t distance;
};

void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
