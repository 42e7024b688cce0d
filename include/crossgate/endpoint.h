/* The third joint: messages, both ways, with backpressure.
 *
 * Implemented by websocket/session.c (both roles) and relay/echo.c; used by relay/relay.c, which couples two.
 *
 * Contract
 * - A message is passed in pieces, as they come, so that its size never is a size in memory: zero or more
 *   pieces with last = false, then one with last = true (it may be empty). Text has been checked to be UTF-8 up to
 *   the piece's end, save a character cut at the edge (unless the settings of the endpoint say that it is not).
 *   The kind is the same for all pieces of a message.
 * - The same rules on freeing as for streams: on_end exactly once, last of all, from PHASE_BURY; the endpoint
 *   frees itself after it.
 * - While paused, on_message is not called (an on_message under way is the last).
 * - send takes all; false means: wait for on_room. After close or abort it is ignored.
 * - on_close: the peer has said goodbye with this code (1005: without a code) and reason; the endpoint answers by
 *   itself and ends soon with ENDING_DONE. If the peer vanishes without it there is only on_end(PEER_LEFT …).
 * - close starts the closing handshake with this code (0: a Close frame without code) and reason (at most 123 bytes,
 *   UTF-8); the endpoint ends when the peer has answered or a deadline has passed.
 * - abort: ends at once. With a row that has a close code the peer is still sent that Close if it takes it at once. An
 *   endpoint may be aborted before it has a user. */
#ifndef CROSSGATE_ENDPOINT_H
#define CROSSGATE_ENDPOINT_H

#include "crossgate/base/ending.h"
#include "crossgate/base/span.h"

enum message_kind {
    MESSAGE_TEXT,
    MESSAGE_BINARY,
    /* The same, compressed as RFC 7692 section 7.2.1 says, each on its own: for who was told that he may have them
     * (websocket_session_join). Pieces are not UTF-8, then; the text in them has been checked as ever. */
    MESSAGE_PACKED_TEXT,
    MESSAGE_PACKED_BINARY,
};

/* What on_close tells of a Close without a code; never sent (RFC 6455 section 7.4.1). */
enum { CLOSE_NO_CODE = 1005 };

struct endpoint;

struct endpoint_ops {
    bool (*send)(struct endpoint *endpoint, enum message_kind kind, struct span piece, bool last);
    void (*pause)(struct endpoint *endpoint, bool paused);
    void (*close)(struct endpoint *endpoint, uint16_t code, struct span reason);
    void (*abort)(struct endpoint *endpoint, enum ending why);
};

struct endpoint_user {
    void (*on_message)(void *user, enum message_kind kind, struct span piece, bool last);
    void (*on_room)(void *user);
    void (*on_close)(void *user, uint16_t code, struct span reason);
    void (*on_end)(void *user, enum ending why);
};

/* First member of each implementation. */
struct endpoint {
    const struct endpoint_ops *ops;
    const struct endpoint_user *on;
    void *user;
};

static inline void endpoint_attach(struct endpoint *endpoint, const struct endpoint_user *on, void *user)
{
    endpoint->on = on;
    endpoint->user = user;
}

static inline bool endpoint_send(struct endpoint *endpoint, enum message_kind kind, struct span piece, bool last)
{
    return endpoint->ops->send(endpoint, kind, piece, last);
}

static inline void endpoint_pause(struct endpoint *endpoint, bool paused)
{
    endpoint->ops->pause(endpoint, paused);
}

static inline void endpoint_close(struct endpoint *endpoint, uint16_t code, struct span reason)
{
    endpoint->ops->close(endpoint, code, reason);
}

static inline void endpoint_abort(struct endpoint *endpoint, enum ending why)
{
    endpoint->ops->abort(endpoint, why);
}

#endif
