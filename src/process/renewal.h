/* What is done about files that have changed: a new edition of the configuration in force, with these files as they are now.
 *
 * Files of one renewal need not be written at the same time: a key comes before its certificate, and a file may be half written when
 * it is read. So what cannot be served is waited for in silence at first. Only if it stays so, or what comes instead is no better, it is
 * told, once. What is in force stays so all the while. */
#ifndef CROSSGATE_PROCESS_RENEWAL_H
#define CROSSGATE_PROCESS_RENEWAL_H

#include "edition.h"
#include "expiry.h"

/* How long it is waited in silence, ms: whoever copies key and certificate by hand, or over a network, has done it by then, and who
 * watches the log while he does it is not left in doubt for longer. */
enum { RENEWAL_GRACE = 10000 };

/* As long as something is refused it is tried again that often, ms: what cannot be read may be readable again without a change. */
enum { RENEWAL_RETRY = 60000 };

/* A worker may die for other reasons than what it prepares: one objection is not believed, ms. */
enum { RENEWAL_AGAIN = 1000 };

struct renewal {
    struct log *log;
    bool wanted;
    bool
        anew; /* the next try judges the files again even if they are the same, as with a clock that was wrong before */
    struct sources *refused; /* what cannot be served as it is; NULL: nothing, or it is to be tried again */
    struct edition_fault fault;
    char told[1024];     /* the fault that was told last, so that it is not told again when other files change */
    char first[256];     /* one of the files that cannot be served */
    uint64_t since;      /* ms; when it was refused first, if that is not told yet; else UINT64_MAX */
    uint64_t retry;      /* ms; UINT64_MAX: not at all */
    unsigned objections; /* of workers, in a row */
    uint64_t done, failed;
};

void renewal_init(struct renewal *renewal, struct log *log);

/* Reads the files again and makes an edition if they differ from those in force and from those that are refused, or `anew`; the caller's.
 * NULL: there is nothing to put in force now. */
struct edition *renewal_try(struct renewal *renewal, struct edition *in_force, uint64_t number, uint64_t now)
    __attribute__((warn_unused_result));

/* It is in force, with all files or with some of them. `in_force` is the one before, `expiry` has adopted the new one. */
void renewal_succeed(struct renewal *renewal, const struct edition *in_force, const struct edition *next,
                     const struct expiry *expiry, int64_t clock);

/* A worker has refused the edition, or died of it. Takes its sources. */
void renewal_refuse(struct renewal *renewal, struct edition *next, const char *why, uint64_t now);

/* All files were read by a reload that is in force. */
void renewal_forget(struct renewal *renewal);

/* Tells what has been refused for long enough, and wants another try when it is time. */
void renewal_settle(struct renewal *renewal, uint64_t now);

/* When renewal_settle wants to be called next, ms; UINT64_MAX: not before an event. */
uint64_t renewal_next(const struct renewal *renewal);

void renewal_deinit(struct renewal *renewal);

#endif
