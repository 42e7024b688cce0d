/* Moments as RFC 3339 writes them: "2026-01-02T04:00:00Z". */
#ifndef CROSSGATE_ACME_MOMENT_H
#define CROSSGATE_ACME_MOMENT_H

#include "crossgate/base/span.h"

/* Seconds since 1970; fractions are dropped. False: it is no such moment. */
bool moment_read(struct span text, int64_t *seconds) __attribute__((warn_unused_result));

#endif
