#include "handshakes.h"

static void begin(struct lane *lane)
{
    if (lane->contact.state == CONTACT_NONE && crowd_take(lane))
        contact_open(&lane->contact);
}

static void on_open(struct contact *contact)
{
    crowd_done(lane_of(contact), 0);
    contact_leave(contact);
}

static void on_bytes(struct contact *contact, struct span bytes)
{
    (void)contact, (void)bytes;
}

const struct job handshakes_job = {
    .lane_size = sizeof(struct lane),
    .per_operation = true,
    .on = {.on_open = on_open, .on_bytes = on_bytes, .on_turn = contact_leave},
    .begin = begin,
};
