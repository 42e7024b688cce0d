#include "meter.h"

#include "floors.h"

#include <stdlib.h>
#include <time.h>

static uint64_t now(clockid_t clock)
{
    struct timespec time;
    MUST(clock_gettime(clock, &time) == 0);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

void meter_start(struct meter *meter, double seconds)
{
    *meter = (struct meter){.end = now(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9)};
}

bool meter_goes_on(const struct meter *meter)
{
    return meter->batches == 0 || (meter->batches < METER_BATCHES && now(CLOCK_MONOTONIC) < meter->end);
}

void meter_begin(struct meter *meter)
{
    meter->began = now(CLOCK_THREAD_CPUTIME_ID);
}

void meter_pause(struct meter *meter)
{
    meter->spent += now(CLOCK_THREAD_CPUTIME_ID) - meter->began;
}

void meter_count(struct meter *meter, size_t operations)
{
    meter->samples[meter->batches++] = (double)meter->spent / (double)operations;
    meter->operations += operations;
    meter->spent = 0;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double meter_median(struct meter *meter)
{
    qsort(meter->samples, meter->batches, sizeof meter->samples[0], compare);
    return meter->samples[meter->batches / 2];
}
