/* Durations counted in buckets whose width grows with the value, as HdrHistogram has them: fixed memory, any percentile,
 * at most 0.2 % off. */
#ifndef CROSSGATE_LOAD_HISTOGRAM_H
#define CROSSGATE_LOAD_HISTOGRAM_H

#include <stdint.h>

/* Below 2^8 ns each value has its own bucket; above, each power of two has 2^8. What is longer than 2^40 ns (18 minutes)
 * counts as that. */
enum {
    HISTOGRAM_BITS = 8,
    HISTOGRAM_TOP = 40,
    HISTOGRAM_BUCKETS = (HISTOGRAM_TOP - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS
};

/* All zero is an empty one. */
struct histogram {
    uint64_t count;
    uint64_t sum; /* ns */
    uint64_t max; /* ns, exact */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);

/* So that `fraction` (0 to 1) of the values are no longer than it; 0 if there are none. */
uint64_t histogram_percentile(const struct histogram *histogram, double fraction);

double histogram_mean(const struct histogram *histogram);

#endif
