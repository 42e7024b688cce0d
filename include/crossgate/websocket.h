/* The WebSocket protocol (RFC 6455): handshake of both roles, and sessions. The only room that includes wslay.h. */
#ifndef CROSSGATE_WEBSOCKET_H
#define CROSSGATE_WEBSOCKET_H

#include "crossgate/base/arena.h"
#include "crossgate/base/loop.h"
#include "crossgate/endpoint.h"
#include "crossgate/http.h"
#include "crossgate/stream.h"

/* Server, RFC 6455 section 4.2.1. ENDING_DONE: *key is the value of Sec-WebSocket-Key (borrowed of the request). Else the
 * ending that says why not: UPGRADE_REQUIRED (no upgrade asked), METHOD, WS_BAD_VERSION, WS_BAD_HANDSHAKE. */
enum ending websocket_request_check(const struct http_request *request, struct span *key);

/* Sec-WebSocket-Accept for a key, zero-terminated. */
enum { WEBSOCKET_ACCEPT = 29 };
bool websocket_accept(struct span key, char text[WEBSOCKET_ACCEPT]) __attribute__((warn_unused_result));

/* Client, section 4.1: a fresh key (16 random bytes in base64), zero-terminated. False if there is no randomness. */
enum { WEBSOCKET_KEY = 25 };
bool websocket_key_new(char text[WEBSOCKET_KEY]) __attribute__((warn_unused_result));

/* Client: is this answer a 101 to that key, choosing at most one of the offered subprotocols and no extension?
 * `offered`: values of all Sec-WebSocket-Protocol fields that were sent, joined by commas. *chosen is empty or the
 * subprotocol. `extends`: an extension was offered, and websocket_deflate_check is asked about the answer. */
bool websocket_response_check(const struct http_response *response, struct span key, struct span offered, bool extends,
                              struct span *chosen);

/* permessage-deflate, RFC 7692. What Crossbar's `compression.deflate` says, for either role. The window of what we compress
 * has 9 to 15 bits: zlib has no raw deflate with 8, and Autobahn takes 9 to 15 only. */
enum { WEBSOCKET_WINDOW_MIN = 9, WEBSOCKET_WINDOW_MAX = 15 };

struct websocket_deflate_settings {
    bool request_no_context_takeover;     /* ask the peer to compress each message on its own */
    unsigned int request_max_window_bits; /* ask the peer for a window of at most so many bits; 0: do not ask */
    bool no_context_takeover;             /* we compress each message on its own */
    unsigned int max_window_bits;         /* of our window, at most */
    unsigned int memory_level;            /* zlib's, 1 to 9, of what we compress */
};

/* One direction, as it was agreed. */
struct websocket_deflate_way {
    uint8_t window_bits; /* out: 9 to 15; in: 8 to 15 */
    bool takeover;       /* messages may refer to earlier ones, so that a context outlives its message */
};

struct websocket_deflate {
    struct websocket_deflate_way in;  /* compressed by the peer */
    struct websocket_deflate_way out; /* compressed by us */
    uint8_t memory_level;             /* of out */
};

enum websocket_extensions {
    EXTENSIONS_NONE,    /* go on without compression */
    EXTENSIONS_DEFLATE, /* agreed */
    EXTENSIONS_BROKEN,  /* the handshake must fail */
};

/* Values of Sec-WebSocket-Extensions that we send, zero-terminated. */
enum { WEBSOCKET_DEFLATE_TEXT = 129 };

/* Server, RFC 7692 section 5.1: takes the first offer of permessage-deflate that is valid and that the settings allow.
 * EXTENSIONS_DEFLATE: *agreed, and the field value for the 101. EXTENSIONS_BROKEN: the fields are no list of extensions at all
 * (RFC 6455 section 9.1). As in Crossbar, an offer without client_max_window_bits is declined if we must ask for a window, and
 * client_no_context_takeover in an offer is not relied on: Autobahn's clients say it and mean that they would. Other than
 * Crossbar we decline an offer that is wrong rather than the handshake, tell the client what we do unasked, and take the
 * smaller of two windows. */
enum websocket_extensions websocket_deflate_choose(const struct http_headers *request,
                                                   const struct websocket_deflate_settings *settings,
                                                   struct websocket_deflate *agreed,
                                                   char answer[WEBSOCKET_DEFLATE_TEXT]);

/* Client: our one offer. The same words as in role server, seen from here: what is requested is the server's. */
void websocket_deflate_offer(const struct websocket_deflate_settings *settings, char offer[WEBSOCKET_DEFLATE_TEXT]);

/* Client: what the server has answered to that offer. EXTENSIONS_BROKEN: an extension that was not offered, parameters that
 * are not valid, or not what was asked for; also a window of 8 bits for us. */
enum websocket_extensions websocket_deflate_check(const struct http_headers *response,
                                                  const struct websocket_deflate_settings *settings,
                                                  struct websocket_deflate *agreed);

/* May messages that came compressed under `from` be sent as they are under `to`? Yes if each stands alone on both sides and the
 * receiver's window is large enough. With takeover at the receiver, what we compress ourselves would refer to a history that it
 * no longer has. */
bool websocket_deflate_fits(const struct websocket_deflate *from, const struct websocket_deflate *to);

/* Which pages may connect (Crossbar: allowed_origins, allow_null_origin). See origin.c for what a pattern means. */

/* Prepared from a text: what stands between its stars. */
struct origin_pattern {
    const struct span *parts; /* the first begins the origin, the last ends it; a single one is all of it */
    size_t count;             /* at least 1 */
};

struct origin_policy {
    const struct origin_pattern *patterns; /* NULL: every origin may connect */
    size_t count;
    bool refuse_null; /* pages that have no origin to tell */
};

/* An origin in the form that patterns are compared with, zero-terminated; longer ones are not valid. */
enum { ORIGIN_TEXT = 320 };

/* Borrows the text. False when memory is out. */
bool origin_pattern_init(struct origin_pattern *pattern, struct arena *arena, struct span text)
    __attribute__((warn_unused_result));

/* Takes time in proportion to the origin's length, whatever the pattern. */
bool origin_pattern_matches(const struct origin_pattern *pattern, struct span origin);

/* "HTTPS://Shop.Example/x" becomes "https://shop.example:443". False if it is no origin. */
bool origin_normalise(struct span text, char out[ORIGIN_TEXT]);

/* Whether a byte may be in the host's name of an origin (RFC 3986 section 3.2.2). */
bool origin_host_byte(uint8_t c);

/* ENDING_DONE: may connect, also without Origin, since then no page asks. ENDING_ORIGIN_DENIED: may not (RFC 6455 section
 * 4.2.2). ENDING_WS_BAD_HANDSHAKE: the field is no origin, or occurs twice. `text` becomes the origin as it was compared, for
 * the log; "" if there is none or it was not understood. */
enum ending origin_check(const struct origin_policy *policy, const struct http_headers *headers,
                         char text[ORIGIN_TEXT]);

/* Why a pattern is not what its author meant: up to NO_PORT it matches no page, from OPEN_END on it matches pages of others. */
enum origin_doubt {
    ORIGIN_SOUND,
    ORIGIN_IS_NULL,
    ORIGIN_BAD_CHARACTER,
    ORIGIN_UPPER_CASE,
    ORIGIN_OF_WEBSOCKET,
    ORIGIN_NO_SCHEME,
    ORIGIN_HAS_PATH,
    ORIGIN_NO_PORT,
    ORIGIN_OPEN_END,
    ORIGIN_OPEN_START,
};
enum origin_doubt origin_pattern_doubt(struct span pattern);

/* In words that go on behind the pattern. */
const char *origin_doubt_text(enum origin_doubt doubt);

/* A sound pattern in place of a doubtful one. False: nobody can tell which. */
bool origin_pattern_better(struct span pattern, char text[ORIGIN_TEXT]);

enum websocket_role { WEBSOCKET_SERVER, WEBSOCKET_CLIENT };

/* Zeroed, but for the two timeouts, it asks for nothing beyond RFC 6455. */
struct websocket_settings {
    uint64_t max_message;    /* bytes, inflated; 0: no limit. Over it: WS_TOO_LARGE, 1009 */
    uint64_t max_frame;      /* bytes of a data frame's payload; likewise */
    uint64_t max_fragment;   /* bytes of a data frame that we send; 0: no limit. Nothing waits for a frame to fill */
    uint32_t close_timeout;  /* ms until the peer must have answered our Close; then the connection is dropped */
    uint32_t send_timeout;   /* ms without progress while bytes are queued; then WRITE_STALLED */
    uint32_t ping_interval;  /* ms from one ping's answer to the next ping; 0: none are sent */
    uint32_t ping_timeout;   /* ms for the Pong; then PONG_LATE. 0: it is not waited for */
    uint8_t ping_size;       /* bytes of a ping's payload, 8 to 125, if there are pings */
    bool only_pong_counts;   /* else anything that comes from the peer shows that it is there */
    bool mask_server_frames; /* role server: ours are masked. Role client: the server's may be */
    bool accept_unmasked;    /* role server: clients need not mask (RFC 6455 section 5.1 wants it) */
    bool accept_any_text;    /* text is passed on without a look whether it is UTF-8 */
    bool drop_on_fault;      /* a peer that breaks the rules or the limits loses the connection without a Close */
    bool echo_close;         /* a Close is answered with its own code and reason, else with 1000 */
    bool gather;             /* small messages may wait to share packets: stream_gather (Crossbar: tcp_nodelay false) */
    const struct websocket_deflate_settings *deflate; /* what the opening handshake offers or accepts; NULL: nothing */
};

/* A WebSocket over a stream, as an endpoint. Takes the open stream over, attaches itself and unpauses it from PHASE_SETTLE, so
 * that it may be made within on_bytes of the stream's last user. Pings are answered here, frames and UTF-8 are checked here,
 * messages are compressed and inflated here if that was `agreed` (else NULL). In role server it counts messages and sessions.
 * NULL when memory is out: then the stream has been aborted. Settings are borrowed and outlive it. */
struct endpoint *websocket_session_new(struct loop *loop, struct stream *stream, enum websocket_role role,
                                       const struct websocket_settings *settings,
                                       const struct websocket_deflate *agreed);

/* Says that what one of both receives will be sent by the other, as it comes (a relay), or by itself (an echo: a is b). From
 * its next message on, what a side receives compressed is passed on as it is (MESSAGE_PACKED_…) if websocket_deflate_fits. No
 * effect unless both are WebSocket sessions with compression. */
void websocket_session_join(struct endpoint *a, struct endpoint *b);

/* What the sessions of a loop share: spare receivers and contexts of compression, and the frame writer. NULL when memory is
 * out. Freed when no session is left; that accepts NULL. */
struct websocket_codec *websocket_codec_new(void);
void websocket_codec_free(struct websocket_codec *codec);

#endif
