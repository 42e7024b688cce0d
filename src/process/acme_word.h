/* What the master and an errand of kind "acme" tell each other, in words (word.h).
 *
 *   master                       errand
 *   ISSUE or ASK (the job)    ->
 *                             <- PROGRESS    what is being done: text
 *                             <- PUBLISH     text of challenge_print: have it answered
 *   PUBLISHED                 ->            "yes" or "no"
 *                             <- WITHDRAW    likewise: no more
 *                             <- ISSUED      chain, struct acme_verdict, text of the error
 *                             <- WINDOW      struct acme_times, text of the error
 *
 * The job holds the account's key and a signing request, never the key of the certificate. */
#ifndef CROSSGATE_PROCESS_ACME_WORD_H
#define CROSSGATE_PROCESS_ACME_WORD_H

#include "word.h"

#include "crossgate/base/error.h"
#include "crossgate/plan.h"

enum acme_word {
    ACME_ISSUE = 1,
    ACME_ASK,
    ACME_PUBLISHED,
    ACME_PROGRESS,
    ACME_PUBLISH,
    ACME_WITHDRAW,
    ACME_ISSUED,
    ACME_WINDOW,
};

/* Fields of both jobs. */
enum acme_field {
    ACME_JOB_DIRECTORY,
    ACME_JOB_AUTHORITIES, /* PEM, or empty */
    ACME_JOB_EMAIL,       /* or empty */
    ACME_JOB_KINDS,       /* one byte for each of enum challenge_kind: '1' or '0' */
    ACME_JOB_ACCOUNT,     /* PEM of the account's key; ASK: empty */
    ACME_JOB_NAMES,       /* one a line */
    ACME_JOB_REQUEST,     /* PEM; ASK: empty */
    ACME_JOB_LEAF,        /* PEM of the certificate that is to be replaced, or empty */
    ACME_JOB_FIELDS,
};

struct acme_verdict {
    uint32_t retry_after; /* s; 0: nothing was said */
    uint32_t hopeless;
};

struct acme_times {
    int64_t first, last; /* s since 1970; 0: the authority says nothing */
    uint64_t retry_after;
};

/* Fills the job from what the plan says. `names` gets the domains, one a line, and has to live as long as the word. */
enum { ACME_JOB_NAMES_BYTES = 100 * 254 };
void acme_job_fill(struct word *job, const struct plan_acme *plan, struct span account, struct span request,
                   char names[ACME_JOB_NAMES_BYTES]);

/* Runs the errand; see errand_main.c. */
int acme_errand(int socket, const struct word *job, uint8_t *buffer);

#endif
