#include "handshakes.h"

#include "client.h"

enum { SESSION_TIME = 3000 }; /* ms */

static void begin(struct lane *lane)
{
    if (lane->link.state == LINK_NONE && crew_take(lane))
        link_open(&lane->link);
}

/* TLS 1.3 sends tickets after the handshake; who leaves before they come has nothing to resume. */
static void leave_or_wait(struct link *link)
{
    if (!link->client || !client_resumes(link->client) || link->left_session)
        link_leave(link);
}

static void on_open(struct link *link)
{
    crew_done(lane_of(link), 0);
    link_expect(link, "session ticket", SESSION_TIME);
    leave_or_wait(link);
}

static void on_bytes(struct link *link, struct span bytes)
{
    (void)link, (void)bytes;
}

const struct job handshakes_job = {
    .lane_size = sizeof(struct lane),
    .per_operation = true,
    .on = {.on_open = on_open, .on_bytes = on_bytes, .on_turn = leave_or_wait},
    .begin = begin,
};
