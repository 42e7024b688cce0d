/* The opening handshake, RFC 6455 sections 4.1 and 4.2. Pure: fields in, verdict out. */
#include "crossgate/tls.h"
#include "crossgate/websocket.h"

#include <assert.h>
#include <sys/random.h>

static_assert((int)WEBSOCKET_ACCEPT == (int)TLS_SHA1_BASE64, "the accept value is a SHA-1 in base64");

static bool is_base64(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* 16 bytes in base64: 22 digits and two fill characters. */
static bool is_key(struct span key)
{
    if (key.len != WEBSOCKET_KEY - 1 || key.at[22] != '=' || key.at[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++) {
        if (!is_base64(key.at[i]))
            return false;
    }
    return true;
}

/* The value of a field that must be there exactly once. */
static bool find_one(const struct http_headers *headers, struct span name, struct span *value)
{
    if (http_header_count(headers, name) != 1 || !http_header_find(headers, name, value))
        return false;
    *value = span_trim(*value);
    return true;
}

static bool asks_upgrade(const struct http_headers *headers)
{
    return http_header_has_token(headers, SPAN("Upgrade"), SPAN("websocket")) &&
           http_header_has_token(headers, SPAN("Connection"), SPAN("upgrade"));
}

enum ending websocket_request_check(const struct http_request *request, struct span *key)
{
    const struct http_headers *headers = &request->headers;
    struct span host, version;
    if (request->method != HTTP_GET)
        return ENDING_METHOD;
    if (request->http_1_0 || !asks_upgrade(headers))
        return ENDING_UPGRADE_REQUIRED;
    if (request->has_body || !find_one(headers, SPAN("Host"), &host) || host.len == 0)
        return ENDING_WS_BAD_HANDSHAKE;
    if (!find_one(headers, SPAN("Sec-WebSocket-Version"), &version) || !span_equal(version, SPAN("13")))
        return ENDING_WS_BAD_VERSION;
    if (!find_one(headers, SPAN("Sec-WebSocket-Key"), key) || !is_key(*key))
        return ENDING_WS_BAD_HANDSHAKE;
    return ENDING_DONE;
}

bool websocket_accept(struct span key, char text[WEBSOCKET_ACCEPT])
{
    return tls_sha1_base64(key, SPAN("258EAFA5-E914-47DA-95CA-C5AB0DC85B11"), text);
}

bool websocket_key_new(char text[WEBSOCKET_KEY])
{
    uint8_t nonce[16];
    if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce)
        return false;
    tls_base64(span_of(nonce, sizeof nonce), text);
    return true;
}

/* Section 4.1, steps 2 to 4. */
static bool is_answer_to(const struct http_headers *headers, struct span key)
{
    struct span upgrade, accept;
    char expected[WEBSOCKET_ACCEPT];
    return find_one(headers, SPAN("Upgrade"), &upgrade) && span_equal_nocase(upgrade, SPAN("websocket")) &&
           http_header_has_token(headers, SPAN("Connection"), SPAN("upgrade")) &&
           find_one(headers, SPAN("Sec-WebSocket-Accept"), &accept) && websocket_accept(key, expected) &&
           span_equal(accept, span_string(expected));
}

static bool is_offered(struct span offered, struct span protocol)
{
    struct span item;
    while (span_next_item(&offered, &item)) {
        if (span_equal(item, protocol))
            return true;
    }
    return false;
}

bool websocket_response_check(const struct http_response *response, struct span key, struct span offered, bool extends,
                              struct span *chosen)
{
    const struct http_headers *headers = &response->headers;
    *chosen = span_of(NULL, 0);
    if (response->status != 101 || !is_answer_to(headers, key))
        return false;
    /* Steps 5 and 6: no extension if none was offered; one of the offered subprotocols, or none. */
    if (!extends && http_header_count(headers, SPAN("Sec-WebSocket-Extensions")) > 0)
        return false;
    if (http_header_count(headers, SPAN("Sec-WebSocket-Protocol")) == 0)
        return true;
    return find_one(headers, SPAN("Sec-WebSocket-Protocol"), chosen) && is_offered(offered, *chosen);
}
