/* CPU time of this thread per operation: batches, of which the median counts, so that a disturbed batch does not. */
#ifndef BENCH_METER_H
#define BENCH_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { METER_BATCHES = 8192 };

struct meter {
    uint64_t end;   /* ns; when enough has been measured */
    uint64_t began; /* ns of CPU time */
    uint64_t spent; /* in this batch */
    uint64_t operations;
    size_t batches;
    double samples[METER_BATCHES]; /* ns per operation */
};

void meter_start(struct meter *meter, double seconds);

/* Whether another batch is wanted. */
bool meter_goes_on(const struct meter *meter);

/* What lies between the two is counted; as often as needed within a batch. */
void meter_begin(struct meter *meter);
void meter_pause(struct meter *meter);

/* Ends a batch of so many operations. */
void meter_count(struct meter *meter, size_t operations);

/* ns per operation. Sorts the samples. */
double meter_median(struct meter *meter);

#endif
