/* The certificates that are served: since when, and how near their end is.
 *
 * Days are counted by the clock of the calendar, which may jump; when to count again is told by one that does not. */
#ifndef CROSSGATE_PROCESS_EXPIRY_H
#define CROSSGATE_PROCESS_EXPIRY_H

#include "crossgate/base/log.h"
#include "crossgate/plan.h"

enum expiry_stage {
    EXPIRY_CALM,
    EXPIRY_MONTH, /* 30 days are left, or less */
    EXPIRY_FORTNIGHT,
    EXPIRY_WEEK,
    EXPIRY_DAY,
    EXPIRY_OVER,
};

/* Times in s since 1970. What is more than a third of the whole lifetime is no stage: of a certificate for six days it means
 * nothing that less than a month is left. */
enum expiry_stage expiry_stage_of(int64_t begins, int64_t ends, int64_t now);

struct expiry_row {
    const struct tls_certificate *certificate; /* the plan's */
    int64_t since;                             /* s since 1970: when the plan came into force that brought it */
    bool fresh;                                /* the plan before did not have it */
    enum expiry_stage said;
};

struct expiry {
    struct expiry_row *rows; /* each certificate once per file, those that end first first */
    size_t count;
    uint64_t check; /* ms */
};

/* A day would do for the stages, but not for the hour of the end, nor for a machine that sleeps, ms. */
enum { EXPIRY_EVERY = 3600 * 1000 };

/* More than so many of one stage are told of in one line. */
enum { EXPIRY_EACH = 3 };

/* The plan's certificates from now on; what is known of those that the plan before had, too, is kept. That plan is still alive, this one
 * has to stay so. Zeroed memory is an expiry without certificates. False when memory is out: then there are none. */
bool expiry_adopt(struct expiry *expiry, const struct plan *plan, int64_t now) __attribute__((warn_unused_result));

/* Logs each stage that a certificate has reached, once, unless the clock has been put back meanwhile. `remedy`: what to do. */
void expiry_tell(struct expiry *expiry, const char *remedy, int64_t now, struct log *log);

/* Of the one that ends first: s until then, negative if it is over; INT64_MAX: there is none. */
int64_t expiry_least(const struct expiry *expiry, int64_t now);

void expiry_deinit(struct expiry *expiry);

#endif
