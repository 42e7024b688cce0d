/* OCSP responses for the certificates that are served: fetched by errands, kept among what we remember (state.h), put in force by a renewal
 * of the plan, which reads them from there.
 *
 * The master believes neither a responder nor an errand: what comes is verified here before it is written, and again by each plan. */
#ifndef CROSSGATE_PROCESS_STAPLES_H
#define CROSSGATE_PROCESS_STAPLES_H

#include "errand.h"

#include "crossgate/plan.h"

/* So many are asked for at the same time. */
enum { STAPLES_AT_ONCE = 4 };

/* What may be asked in all for one certificate, ms. */
enum { STAPLES_WITHIN = 120000 };

struct staple_errand {
    struct errand errand;
    struct staples *staples;
    struct staple_entry *entry; /* what it is for; NULL: it is free */
    uint8_t *response;          /* what it has brought; owned */
    size_t length;
    bool ended, well; /* what has come of it is to be looked at */
};

struct staples {
    struct log *log;
    struct errands *errands;
    /* What has been written is to come into force. */
    void (*renew)(void *user);
    void *user;
    uint64_t now;      /* ms, monotonic; of the call that is under way */
    uint64_t announce; /* ms: when `renew` is to be called at the latest; UINT64_MAX: nothing is new */
    struct list entries;
    struct staple_errand slots[STAPLES_AT_ONCE];
};

void staples_init(struct staples *staples, struct log *log, struct errands *errands);

/* A plan is in force, which must live until the next one is, or until staples_deinit. */
void staples_follow(struct staples *staples, const struct plan *plan, uint64_t now);

/* Sends out whose time has come, and has put in force what is new. */
void staples_settle(struct staples *staples, uint64_t now);

/* When staples_settle wants to be called next, ms; UINT64_MAX: not before an event. */
uint64_t staples_next(const struct staples *staples);

/* Of the certificate with that SHA-256, for an operator: "good until 2026-12-01 10:00 UTC", "missing: …"; empty if it has nothing to do
 * with OCSP. Cut to size. */
void staples_print(const struct staples *staples, const uint8_t digest[32], char *text, size_t size);

void staples_deinit(struct staples *staples);

/* ms until the next try after so many failures in a row: from a minute, doubled each time, to an hour, a quarter more or less by chance. */
uint32_t staples_pause(unsigned failures, uint32_t chance);

/* When a response is to be replaced, s since 1970: half-way to its end, a tenth of its life earlier or later by chance, but within a week;
 * one that is past that already, half-way from now to its end, after 10 s at least and an hour at most. */
int64_t staples_refresh(const struct pki_ocsp *facts, int64_t now, uint32_t chance);

/* What `crossgate errand ocsp` does; see errand_main.c. */
int staples_run_errand(int socket, const struct word *job, uint8_t *buffer);

#endif
