/* The account that orders are placed with: whoever holds its key. */
#ifndef CROSSGATE_ACME_ACCOUNT_H
#define CROSSGATE_ACME_ACCOUNT_H

#include "dialogue.h"

/* Finds the account of the key, or has it made (RFC 8555 section 7.3). False: *error says why; *hopeless is set if only the operator can
 * change it. */
bool account_open(struct dialogue *dialogue, const struct acme_order *order, bool *hopeless, struct error *error)
    __attribute__((warn_unused_result));

#endif
