#include "handshakes.h"

#include "offer.h"

enum { SESSION_TIME = 3000 }; /* ms */

static void begin(struct lane *lane)
{
    if (lane->contact.state == CONTACT_NONE && crowd_take(lane))
        contact_open(&lane->contact);
}

/* TLS 1.3 sends tickets after the handshake; who leaves before they come has nothing to resume. */
static void leave_or_wait(struct contact *contact)
{
    bool may_come = contact->offer && offer_resumes(contact->offer) && SSL_version(contact->ssl) == TLS1_3_VERSION;
    if (!may_come || contact->left_session)
        contact_leave(contact);
}

static void on_open(struct contact *contact)
{
    crowd_done(lane_of(contact), 0);
    contact_expect(contact, "session ticket", SESSION_TIME);
    leave_or_wait(contact);
}

static void on_bytes(struct contact *contact, struct span bytes)
{
    (void)contact, (void)bytes;
}

const struct job handshakes_job = {
    .lane_size = sizeof(struct lane),
    .per_operation = true,
    .on = {.on_open = on_open, .on_bytes = on_bytes, .on_turn = leave_or_wait},
    .begin = begin,
};
