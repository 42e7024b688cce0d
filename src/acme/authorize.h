/* Proof that a name is ours (RFC 8555 section 7.5). */
#ifndef CROSSGATE_ACME_AUTHORIZE_H
#define CROSSGATE_ACME_AUTHORIZE_H

#include "dialogue.h"

/* An order that is being fulfilled, over several tries. */
struct issue {
    struct dialogue dialogue;
    const struct acme_order *order;
    struct error *error;
    uint8_t failed[ACME_NAMES]; /* of each name: 1 << kind of those whose challenge has failed */
    bool without_replaces;      /* the authority did not want to hear of the certificate that is replaced */
    bool hopeless;
};

enum outcome {
    OUTCOME_DONE,
    OUTCOME_AGAIN,  /* with a new order: another kind of challenge is left */
    OUTCOME_FAILED, /* *error says why */
};

/* Proves what one authorization of the order is about. */
enum outcome authorize(struct issue *self, const char *url);

/* To the log, cut to size. */
void issue_say(const struct issue *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
