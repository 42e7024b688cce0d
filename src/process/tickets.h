/* The keys of session tickets, as the master gives them to all workers.
 *
 * Of a key file they are what the file says. Otherwise they are random, in memory only, and change every TICKETS_PERIOD: the
 * ring is the key in use, the next one, and the one before. The next one is known everywhere a whole period before it is
 * used, so no worker meets a ticket of a key that it has not been told; the one before is kept for as long as its last ticket
 * lives. Then it is gone: who breaks in later cannot read what was sent under it. */
#ifndef CROSSGATE_PROCESS_TICKETS_H
#define CROSSGATE_PROCESS_TICKETS_H

#include "crossgate/base/log.h"
#include "crossgate/plan.h"
#include "crossgate/tls.h"

/* ms. Not shorter than the life of a ticket, since only one key is kept. */
enum { TICKETS_PERIOD = TLS_TICKET_LIFETIME * 1000 };

enum tickets_source { TICKETS_NONE, TICKETS_RANDOM, TICKETS_FILE };

/* Zeroed it gives no tickets. */
struct tickets {
    enum tickets_source source;
    struct tls_ticket_ring ring;
    uint64_t due; /* ms; RANDOM: when the next key comes into use */
};

/* Does from now on as the configuration says. Random keys that are there stay. */
void tickets_adopt(struct tickets *tickets, const struct plan_process *process, struct log *log, uint64_t now);

/* Changes the keys if it is time. True: the workers have to be told. */
bool tickets_settle(struct tickets *tickets, struct log *log, uint64_t now) __attribute__((warn_unused_result));

/* When tickets_settle wants to be called next, ms; UINT64_MAX: not before an event. */
uint64_t tickets_next(const struct tickets *tickets);

/* Wipes. */
void tickets_deinit(struct tickets *tickets);

#endif
