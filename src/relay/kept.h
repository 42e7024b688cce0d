/* Connections to backends between two requests. They wait in a list of the loop, watched: what the backend says unasked, or
 * its end, ends them. */
#ifndef CROSSGATE_RELAY_KEPT_H
#define CROSSGATE_RELAY_KEPT_H

#include "crossgate/relay.h"

/* Per loop: the one that has waited longest goes. As many as requests may be under way at once with some hundred busy visitors:
 * whoever keeps fewer dials anew for each of the rest. */
enum { KEPT_MAX = 512 };

/* Takes the open stream over, which must not be paused. Holds a reference on `owner`, so that the backend's address means this
 * backend while the connection is kept. False when memory is out: then the stream stays the caller's. */
bool kept_put(struct loop *loop, const struct backend *backend, struct counted *owner, struct stream *stream)
    __attribute__((warn_unused_result));

/* The one that came last, for the caller to attach to at once; NULL: there is none. */
struct stream *kept_take(struct loop *loop, const struct backend *backend);

#endif
