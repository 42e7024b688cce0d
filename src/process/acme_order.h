/* One certificate's errands: an order, and the question when it is best renewed. For acme.c. */
#ifndef CROSSGATE_PROCESS_ACME_ORDER_H
#define CROSSGATE_PROCESS_ACME_ORDER_H

#include "acme.h"

/* 32 random bits for the schedule. */
uint32_t acme_chance(void);

void acme_order_init(struct acme_certificate *certificate);

/* What is under way is killed, and what was published on its behalf withdrawn. */
void acme_order_cancel(struct acme_certificate *certificate);

/* What cannot begin has failed. */
void acme_order_begin(struct acme_certificate *certificate);
void acme_ask_begin(struct acme_certificate *certificate);

/* Tells an errand that waits for the workers, if they are ready, or late. */
void acme_order_settle(struct acme_certificate *certificate);

/* Judges the key and the chain that came for it, and puts both in the plan's file. False: *error says why not. `time`: s since
 * 1970. */
bool acme_keep(const struct plan_acme *plan, const struct pki_text *key, const char *chain, int64_t time,
               struct pki_pair *pair, struct error *error) __attribute__((warn_unused_result));

#endif
