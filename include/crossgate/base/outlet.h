/* The way out of whoever keeps a stream for long: what he writes goes through it, and it watches whether the peer takes it.
 *
 * A peer that owes us reading and takes nothing for a whole limit is stalled, which is found after one to two limits; one that is
 * slow is not. Bytes have left if less is queued than expected. The queue is looked at with each write until some have, no longer:
 * what TLS encrypts grows, and many small records grow by more than a slow peer takes. */
#ifndef CROSSGATE_BASE_OUTLET_H
#define CROSSGATE_BASE_OUTLET_H

#include "crossgate/base/loop.h"
#include "crossgate/stream.h"

struct outlet {
    struct loop *loop;
    struct stream *stream;
    struct deadline deadline; /* armed by a write if it is not. Whoever writes no more may use it for something else */
    size_t expected;          /* what would be queued if nothing had left since this was looked at */
    uint32_t limit;           /* ms without progress; 0: none */
    bool full;                /* the stream wants no more bytes until on_room, whose hearer clears it */
    bool moved;               /* bytes have left since the limit began */
    bool drained;             /* bytes have left since the user cleared it */
};

/* Not armed. `expire` asks outlet_is_stalled. Borrows loop and stream. Whoever frees its memory disarms the deadline before. */
void outlet_init(struct outlet *outlet, struct loop *loop, struct stream *stream, uint32_t limit,
                 void (*expire)(struct deadline *));

/* What is queued. Notes whether bytes have left. */
size_t outlet_look(struct outlet *outlet);

/* The limit begins anew. */
void outlet_watch(struct outlet *outlet);

/* Whether the peer has stalled, at the end of a limit. If not, the limit begins anew as long as it owes us reading. */
bool outlet_is_stalled(struct outlet *outlet);

/* True: more may be written. */
static inline bool outlet_write(struct outlet *outlet, struct span bytes)
{
    outlet->full = !stream_write(outlet->stream, bytes);
    outlet->expected += bytes.len;
    if (!outlet->moved || !outlet->drained)
        outlet_look(outlet);
    if (!deadline_is_armed(&outlet->deadline))
        outlet_watch(outlet);
    return !outlet->full;
}

#endif
