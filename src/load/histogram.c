#include "histogram.h"

#include <stddef.h>

static size_t bucket_of(uint64_t ns)
{
    unsigned shift = 0;
    if (ns >> HISTOGRAM_TOP)
        return HISTOGRAM_BUCKETS - 1;
    if (ns >> HISTOGRAM_BITS)
        shift = 63U - (unsigned)__builtin_clzll(ns) - HISTOGRAM_BITS;
    return ((size_t)shift << HISTOGRAM_BITS) + (size_t)(ns >> shift);
}

/* The middle of what it holds. */
static uint64_t value_of(size_t bucket)
{
    size_t shift = bucket >> HISTOGRAM_BITS;
    if (shift <= 1)
        return bucket;
    shift--;
    return ((uint64_t)(bucket - (shift << HISTOGRAM_BITS)) << shift) + (UINT64_C(1) << shift) / 2;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    histogram->count++;
    histogram->sum += ns;
    histogram->max = ns > histogram->max ? ns : histogram->max;
    histogram->buckets[bucket_of(ns)]++;
}

uint64_t histogram_percentile(const struct histogram *histogram, double fraction)
{
    double wanted = fraction * (double)histogram->count;
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            return value_of(i) < histogram->max ? value_of(i) : histogram->max;
    }
    return histogram->max;
}

double histogram_mean(const struct histogram *histogram)
{
    return histogram->count ? (double)histogram->sum / (double)histogram->count : 0;
}
