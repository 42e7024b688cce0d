/* What a front door knows of WAMP: the serializers' names and numbers; the realm that a session's first message asks for; and
 * RawSocket, the protocol that carries messages over a stream without HTTP (wamp-proto, "RawSocket Transport"). Other
 * messages are not read. The only room, with config and acme, that includes jansson.h, and the only one that includes mpack.h and
 * cbor.h. */
#ifndef CROSSGATE_WAMP_H
#define CROSSGATE_WAMP_H

#include "crossgate/base/loop.h"
#include "crossgate/endpoint.h"
#include "crossgate/stream.h"

/* ---- serializers */

struct wamp_serializer {
    const char *name;        /* Crossbar's word: "cbor" */
    const char *subprotocol; /* of WebSocket: "wamp.2.cbor" */
    uint8_t number;          /* of RawSocket, 1 to 15 */
    enum message_kind kind;  /* what its messages are on WebSocket */
};

/* A set of serializers: the bit 1 << number for each. */
typedef uint16_t wamp_serializers;

/* What Crossbar speaks where the configuration names none. */
#define WAMP_SERIALIZERS_USUAL ((wamp_serializers)(1U << 1 | 1U << 2 | 1U << 3 | 1U << 4))

static inline bool wamp_has(wamp_serializers set, const struct wamp_serializer *serializer)
{
    return (unsigned)set >> serializer->number & 1U;
}

static inline wamp_serializers wamp_set_of(const struct wamp_serializer *serializer)
{
    return (wamp_serializers)(1U << serializer->number);
}

/* NULL: there is none of that name or number. The batched subprotocols (wamp.2.cbor.batched) are none: RawSocket has no
 * batches, and what separates the messages of one is not the same everywhere. */
const struct wamp_serializer *wamp_by_name(struct span name);
const struct wamp_serializer *wamp_by_subprotocol(struct span name);
const struct wamp_serializer *wamp_by_number(unsigned number);

/* The first of a comma-separated list of subprotocols that is in the set: the client's order counts, as with Crossbar. NULL:
 * none is. */
const struct wamp_serializer *wamp_choose(struct span offered, wamp_serializers set);

/* ---- HELLO and ABORT. Pure. */

/* Those whose messages are read and written here: json, msgpack, cbor. `serializer` below is one of them. */
#define WAMP_SERIALIZERS_READ ((wamp_serializers)(1U << 1 | 1U << 2 | 1U << 3))

enum { WAMP_HELLO_MAX = 65536, WAMP_REALM_MAX = 255, WAMP_ABORT_MAX = 512 };

struct wamp_realm {
    char text[WAMP_REALM_MAX + 1]; /* zero-terminated; may hold other zeros */
    size_t length;
};

/* The realm of [HELLO, realm, details]. False: the message is none, or its realm is empty, too long or not UTF-8. What follows
 * the realm need not be valid: that is for the node to judge. `message` has at most WAMP_HELLO_MAX bytes. */
bool wamp_hello_read(const struct wamp_serializer *serializer, struct span message, struct wamp_realm *realm)
    __attribute__((warn_unused_result));

/* [ABORT, {"message": text}, uri]. Returns its length; 0 if memory is out or it would be longer than WAMP_ABORT_MAX. */
size_t wamp_abort_print(const struct wamp_serializer *serializer, const char *uri, const char *text,
                        uint8_t out[WAMP_ABORT_MAX]) __attribute__((warn_unused_result));

/* ---- RawSocket: handshake. Pure. Four bytes each way, the client's first. */

enum { RAWSOCKET_HANDSHAKE = 4, RAWSOCKET_MAGIC = 0x7F };

/* Bytes of a message: the powers of two from 2^9 to 2^24. */
enum { RAWSOCKET_MESSAGE_MIN = 512, RAWSOCKET_MESSAGE_MAX = 1 << 24 };

/* What both sides have agreed upon. */
struct rawsocket_terms {
    const struct wamp_serializer *serializer;
    uint32_t accepts; /* bytes of the longest message that the peer takes */
};

/* The smallest limit that can be announced and is not below `bytes`. */
uint32_t rawsocket_limit(uint64_t bytes);

/* The client's request and the server's consent are the same bytes. `limit`: what we take, see rawsocket_limit. */
void rawsocket_print(const struct wamp_serializer *serializer, uint32_t limit, uint8_t bytes[RAWSOCKET_HANDSHAKE]);

/* Server: ENDING_DONE and the terms; else why not, and `refusal` holds what the client is to be told: RS_HANDSHAKE,
 * NO_SERIALIZER. */
enum ending rawsocket_request_check(const uint8_t bytes[RAWSOCKET_HANDSHAKE], wamp_serializers set,
                                    struct rawsocket_terms *terms, uint8_t refusal[RAWSOCKET_HANDSHAKE]);

/* Client, who asked for that serializer: ENDING_DONE and the terms; BACKEND_DENIED and the server's reason; BACKEND_BROKEN. */
enum ending rawsocket_answer_check(const uint8_t bytes[RAWSOCKET_HANDSHAKE], const struct wamp_serializer *asked,
                                   struct rawsocket_terms *terms, const char **reason);

/* ---- RawSocket: sessions */

enum rawsocket_role { RAWSOCKET_SERVER, RAWSOCKET_CLIENT };

struct rawsocket_settings {
    wamp_serializers serializers; /* that are spoken */
    uint32_t max_message;         /* bytes; what we announce, see rawsocket_limit. A longer one ends the session */
    uint32_t send_timeout;        /* ms without progress while bytes are queued; then WRITE_STALLED */
};

/* RawSocket over a stream, after the handshake, as an endpoint. Takes the open stream over, attaches itself and unpauses it from
 * PHASE_SETTLE, so that it may be made within on_bytes of the stream's last user. NULL when memory is out: then the stream
 * has been aborted. Settings are borrowed and outlive it.
 *
 * - Pings are answered; none is sent, since Crossbar knows none.
 * - A frame begins with its length, so a message that comes in pieces is gathered, up to what the peer takes, and sent
 *   when it is whole. One that the peer would not take ends the session with UNSENDABLE_SIZE; one that is not of the kind
 *   that the serializer has, with UNSENDABLE_KIND. When all sessions of the loop keep more than LIMIT_GATHERED, those that
 *   began first end with GATHERED_TOO_MUCH.
 * - RawSocket has no goodbye. close finishes the stream; whatever way the peer goes, on_close is not called. */
struct endpoint *rawsocket_session_new(struct loop *loop, struct stream *stream, enum rawsocket_role role,
                                       const struct rawsocket_terms *terms, const struct rawsocket_settings *settings);

#endif
