/* When an authority is asked for a certificate, and when about its renewal. Knows no clock and no dice: both are told.
 *
 * All times are of the wall clock, s since 1970: what a certificate says of itself is, too, and a machine may have slept. `chance`
 * is any 32 random bits. */
#ifndef CROSSGATE_PROCESS_ACME_SCHEDULE_H
#define CROSSGATE_PROCESS_ACME_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct acme_schedule {
    int64_t order;       /* when a certificate is ordered; INT64_MAX: not before somebody changes something */
    int64_t ask;         /* when the authority is asked for its window; INT64_MAX: there is nothing to renew */
    int64_t first, last; /* the window that `order` was chosen from; 0: the authority has said nothing */
    int64_t settled; /* a window does not bring an order before: else one that is wrong would bring one after another */
    int64_t latest;  /* nor put it off beyond this: one that begins when the certificate has ended helps nobody */
    int64_t not_before; /* what the authority has asked for; holds for impatient operators, too */
    unsigned failures;  /* in a row */
};

/* How long after a failed order the next one is, s: doubled each time, and spread by a quarter to both sides. */
enum { ACME_PAUSE_FIRST = 60, ACME_PAUSE_LAST = 86400 };

/* An authority may hold us off for so long, s. */
enum { ACME_HOLD_MAX = 7 * 86400 };

/* How often the window is asked for, and how soon after a certificate has come into force for the first time, s. */
enum { ACME_ASK_EVERY = 86400, ACME_ASK_WITHIN = 300, ACME_ASK_LEAST = 60 };

/* How long a certificate is kept at least, whatever the window says, s. */
enum { ACME_KEPT_LEAST = 86400 };

/* There is no certificate, or not the one that is wanted. */
void acme_schedule_at_once(struct acme_schedule *schedule, int64_t now);

/* There is one that is valid from `begins` to `ends`: renewed when two thirds of that are over, and a little more. */
void acme_schedule_renewal(struct acme_schedule *schedule, int64_t begins, int64_t ends, int64_t now, uint32_t chance);

/* The authority recommends a moment between `first` and `last` (RFC 9773 section 4.2), and wants to be asked again after
 * `retry_after` s (0: it does not say). */
void acme_schedule_window(struct acme_schedule *schedule, int64_t first, int64_t last, uint32_t retry_after,
                          int64_t now, uint32_t chance);

/* It says nothing of the kind: what was decided stays. */
void acme_schedule_no_window(struct acme_schedule *schedule, int64_t now, uint32_t chance);

/* An order has failed. `hopeless`: nothing will be different the next time, says the authority. Where a certificate is served it is asked
 * once a day all the same: one answer that was wrong must not let it lapse. */
void acme_schedule_failure(struct acme_schedule *schedule, bool hopeless, uint32_t retry_after, int64_t now,
                           uint32_t chance);

/* The clock may have been put back, as on a machine that started with a wrong one: nothing is further off than it would be by now. */
void acme_schedule_bound(struct acme_schedule *schedule, int64_t now);

/* An operator may have done something about it: what has failed is tried again, and the authority is asked anew. */
void acme_schedule_retry(struct acme_schedule *schedule, int64_t now);

#endif
