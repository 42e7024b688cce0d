/* The WebSocket protocol (RFC 6455): handshake of both roles, and sessions. The only room that includes wslay.h. */
#ifndef CROSSGATE_WEBSOCKET_H
#define CROSSGATE_WEBSOCKET_H

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
 * subprotocol. */
bool websocket_response_check(const struct http_response *response, struct span key, struct span offered,
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

enum websocket_role { WEBSOCKET_SERVER, WEBSOCKET_CLIENT };

struct websocket_settings {
    uint64_t max_message;   /* bytes; 0: no limit. Over it: 1009 */
    uint32_t close_timeout; /* ms until the peer must have answered our Close; then the connection is dropped */
    uint32_t send_timeout;  /* ms without progress while bytes are queued; then WRITE_STALLED */
};

/* wslay over a stream, as an endpoint. Takes the open stream over, attaches itself and unpauses it from PHASE_SETTLE, so that
 * it may be made within on_bytes of the stream's last user. Pings are answered here, frames and UTF-8 are checked here. In
 * role server it counts messages and sessions. NULL when memory is out: then the stream has been aborted. Settings are
 * borrowed and outlive it. */
struct endpoint *websocket_session_new(struct loop *loop, struct stream *stream, enum websocket_role role,
                                       const struct websocket_settings *settings);

/* The loop's spare wslay contexts and its frame writers. NULL when memory is out. */
struct websocket_codec *websocket_codec_new(void);
void websocket_codec_free(struct websocket_codec *codec);

#endif
