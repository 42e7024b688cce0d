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
