/* What a session that has agreed on permessage-deflate keeps besides: its compression, and the piece of a compressed message
 * that is being received. Engine without I/O:
 *
 *     packing_take(packing, &item)                  a piece with RSV1, from the receiver
 *     while packing_next(…, &item) is PACKING_PIECE: it is passed on; whoever is paused meanwhile
 *         packing_keep(packing)                     and goes on with packing_next later
 *
 * What came compressed is told inflated and judged. Or, if it `passes`, as it came (MESSAGE_PACKED_…): then it is inflated
 * only to be judged, and not at all if there is neither text to be looked at nor a limit. */
#ifndef CROSSGATE_WEBSOCKET_PACKING_H
#define CROSSGATE_WEBSOCKET_PACKING_H

#include "compression.h"
#include "receiver.h"

#include "crossgate/base/buffer.h"
#include "crossgate/base/utf8.h"

/* One read may inflate to a thousand times its size: after so many bytes others have their turn. */
enum { PACKING_BURST = 2 * 1024 * 1024, PACKING_BREATH = 1 /* ms */ };

struct packing {
    struct compression compression;
    bool passes;     /* from the next message on: what comes compressed is told as it came */
    bool compresses; /* a message is being sent: its first piece was compressed, its last one has not come */
    /* The message that is being received. */
    enum message_kind kind;
    bool in_message;
    bool passes_message;
    struct utf8 text;
    /* The piece of it under way: borrowed, or kept. */
    bool in_piece;
    bool last; /* of its message */
    struct span piece;
    struct buffer kept;
    size_t told; /* bytes at its head that the last event has told */
    /* For the session that it belongs to. */
    struct session *session;
    size_t inflated;        /* bytes since its turn began */
    struct deadline breath; /* armed: others have their turn */
};

enum packing_event {
    PACKING_DONE,  /* the piece is used up */
    PACKING_PIECE, /* kind, bytes (valid until the next call, or the next one of compression_inflate), last */
    PACKING_FAULT, /* why; the session ends */
};

/* On the heap; `on_breath` for its deadline. NULL when memory is out. */
struct packing *packing_new(struct pool *blocks, const struct websocket_deflate *agreed,
                            void (*on_breath)(struct deadline *));

/* Gives back what it holds. Accepts NULL. */
void packing_free(struct packing *packing, struct compression_pool *pool);

/* Has packing_next not yet said PACKING_DONE, or would it say something else? */
bool packing_is_busy(const struct packing *packing);

/* The item's bytes are borrowed until packing_next says PACKING_DONE, or packing_keep. Only when no piece is under way. */
void packing_take(struct packing *packing, const struct receiver_item *item);

enum packing_event packing_next(struct packing *packing, struct compression_pool *pool,
                                const struct websocket_settings *settings, struct receiver_item *item)
    __attribute__((warn_unused_result));

/* Copies what is left of the piece, if anything is. False when memory is out. */
bool packing_keep(struct packing *packing) __attribute__((warn_unused_result));

/* Shall this be sent compressed? `piece` begins a message, or goes on with one of which the first piece was answered with yes.
 * `last`: the message ends with it. */
bool packing_compresses(struct packing *packing, struct span piece, bool last);

#endif
