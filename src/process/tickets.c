#include "tickets.h"

#include <string.h>

/* After a failure, ms. */
enum { TRY_AGAIN = 60000 };

enum { CURRENT, NEXT, PREVIOUS };

/* The first time, two keys are made. */
static bool make_ring(const struct tls_ticket_ring *old, struct tls_ticket_ring *new)
{
    bool made = tls_ticket_key_make(new->keys[NEXT]);
    if (old->count == 0)
        made = made && tls_ticket_key_make(new->keys[CURRENT]);
    else
        memcpy(new->keys[CURRENT], old->keys[NEXT], TLS_TICKET_KEY);
    memcpy(new->keys[PREVIOUS], old->keys[CURRENT], TLS_TICKET_KEY);
    new->count = old->count == 0 ? 2 : 3;
    return made;
}

static bool rotate(struct tickets *tickets, struct log *log, uint64_t now)
{
    struct tls_ticket_ring ring = {0};
    bool made = make_ring(&tickets->ring, &ring);
    if (made)
        tickets->ring = ring;
    else
        log_write(log, LOG_ERROR, "the keys of session tickets stay as they are: the system has no random numbers");
    tls_ticket_ring_wipe(&ring);
    tickets->due = now + (made ? TICKETS_PERIOD : TRY_AGAIN);
    return made;
}

static void start(struct tickets *tickets, enum tickets_source source)
{
    tickets_deinit(tickets);
    tickets->source = source;
}

void tickets_adopt(struct tickets *tickets, const struct plan_process *process, struct log *log, uint64_t now)
{
    if (!process->session_tickets) {
        start(tickets, TICKETS_NONE);
    } else if (process->ticket_keys) {
        start(tickets, TICKETS_FILE);
        tickets->ring = *process->ticket_keys;
    } else if (tickets->source != TICKETS_RANDOM) {
        start(tickets, TICKETS_RANDOM);
        rotate(tickets, log, now);
    }
}

bool tickets_settle(struct tickets *tickets, struct log *log, uint64_t now)
{
    return now >= tickets_next(tickets) && rotate(tickets, log, now);
}

uint64_t tickets_next(const struct tickets *tickets)
{
    return tickets->source == TICKETS_RANDOM ? tickets->due : UINT64_MAX;
}

void tickets_deinit(struct tickets *tickets)
{
    tls_ticket_ring_wipe(&tickets->ring);
    *tickets = (struct tickets){0};
}
