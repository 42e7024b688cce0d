/* Certificates from authorities (ACME), as the master looks after them: which are wanted, when each is ordered, what became of it.
 *
 * The master makes keys and signing requests, keeps what is issued, and has the workers answer challenges; an errand talks to the
 * authority. Whatever goes wrong, what is served stays as it is. */
#ifndef CROSSGATE_PROCESS_ACME_H
#define CROSSGATE_PROCESS_ACME_H

#include "acme_schedule.h"
#include "crew.h"
#include "errand.h"

#include "crossgate/pki.h"

/* What an order may take, and a question for the window; what workers may take until all answer a challenge; ms. */
enum { ACME_ORDER_WITHIN = 600000, ACME_ASK_WITHIN_MS = 120000, ACME_PUBLISH_WITHIN = 10000 };

enum { ACME_TROUBLE = 256, ACME_THUMBPRINT = PKI_BASE64URL(PKI_SHA256) };

struct acme;

/* One certificate: the file that it is kept in. Lives from the first plan that wants it to the first that does not. */
struct acme_certificate {
    struct list link;
    struct acme *acme;
    const struct plan_acme *plan; /* in force */
    struct acme_schedule schedule;
    uint32_t chance; /* when within the time for renewals; one for all plans, so that what was said stays true */
    struct errand errand;
    bool ordering;                    /* the errand is an order, not a question */
    struct pki_text key;              /* of the certificate that is being ordered */
    char thumbprint[ACME_THUMBPRINT]; /* of the account's key, which proofs end with */
    struct challenges *published;     /* on the errand's behalf */
    uint64_t awaited;                 /* number of the challenge that the errand waits for; 0: none */
    uint64_t awaited_until;           /* ms */
    /* what the errand has brought */
    bool answered;
    char *chain;
    uint32_t retry_after;
    bool hopeless;
    /* for those who ask */
    uint64_t issued, failed;    /* orders since it is looked after */
    char trouble[ACME_TROUBLE]; /* of the last order, if it failed */
};

struct acme {
    struct log *log;
    struct crew *crew;
    struct errands *errands;
    struct list certificates;
    uint64_t now; /* ms, monotonic; set by the master, as is `time` */
    int64_t time; /* s since 1970 */
    /* A certificate has been written: it is to come into force. */
    void (*on_issued)(void *user);
    void *user;
};

void acme_init(struct acme *acme, struct log *log, struct crew *crew, struct errands *errands);
void acme_deinit(struct acme *acme);

/* A plan is in force, and the one before still there: what it wants is looked after from now on, and nothing else. */
void acme_adopt(struct acme *acme, const struct plan *plan);

/* An operator reloads, and may have mended something outside: orders that have failed are tried again, windows asked for. */
void acme_retry(struct acme *acme);

/* Begins what is due, and answers errands that wait for workers. While all workers serve. */
void acme_settle(struct acme *acme);

/* When acme_settle wants to be called next, ms; UINT64_MAX: not before an event. */
uint64_t acme_next(const struct acme *acme);

/* "placeholder", "valid", "incomplete" (not all domains are in it), "expired" */
const char *acme_state(const struct acme_certificate *certificate);

#endif
