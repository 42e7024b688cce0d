/* Which backend of an upstream a visitor gets, and which one next if it fails. Both that call backends, upstream.c for
 * WebSockets and fetch.c for requests, go through the members with it. No I/O. */
#ifndef CROSSGATE_RELAY_CHOICE_H
#define CROSSGATE_RELAY_CHOICE_H

#include "state.h"

struct choice {
    struct upstream *upstream;
    const struct peer *visitor;
    uint64_t tried;                 /* a bit for each member */
    struct upstream_member *member; /* the last one; NULL: nobody could be */
};

/* `visitor` must live as long as the choice. */
void choice_init(struct choice *choice, struct upstream *upstream, const struct peer *visitor);

/* The next one to try, each once. Who is down or ejected comes when nobody else is left. NULL: nobody is left, and the member
 * stays the last one. */
struct upstream_member *choice_next(struct choice *choice);

/* The member has failed so. Alone in its upstream it is never ejected. */
void choice_note_failure(const struct choice *choice, enum ending why, const char *detail);

#endif
