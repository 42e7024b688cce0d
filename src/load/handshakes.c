#include "handshakes.h"

static void on_open(struct contact *contact)
{
    crowd_done(client_of(contact), 0);
    contact_leave(contact);
}

static void on_bytes(struct contact *contact, struct span bytes)
{
    (void)contact, (void)bytes;
}

const struct job handshakes_job = {
    .client_size = sizeof(struct client),
    .per_operation = true,
    .on = {.on_open = on_open, .on_bytes = on_bytes, .on_turn = contact_leave},
    .begin = crowd_visit,
};
