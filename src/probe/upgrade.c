#include "upgrade.h"

#include "clock.h"
#include "frames.h"
#include "text.h"

#include "crossgate/websocket.h"

#include <stdio.h>
#include <sys/random.h>

enum { CLOSE = 0x8, PING = 0x9, FIN = 0x80, MASKED = 0x80, CODE_NORMAL = 1000 };

/* ---- after the upgrade */

/* A control frame with a short payload, masked (section 5.3). */
static enum probe_failure send_control(struct link *link, uint8_t opcode, struct span payload, uint64_t until)
{
    uint8_t frame[2 + 4 + FRAMES_CONTROL_MAX] = {(uint8_t)(FIN | opcode), (uint8_t)(MASKED | payload.len)};
    if (getrandom(frame + 2, 4, 0) != 4)
        return PROBE_OTHER;
    for (size_t i = 0; i < payload.len; i++)
        frame[6 + i] = payload.at[i] ^ frame[2 + i % 4];
    return link_write(link, span_of(frame, 6 + payload.len), until);
}

/* Reads until `is_there` becomes true, or nothing comes any more. */
static enum probe_failure read_until(struct link *link, struct frames *frames, const bool *is_there, uint64_t until)
{
    enum probe_failure failure = PROBE_NO_FAILURE;
    uint8_t bytes[4096];
    while (failure == PROBE_NO_FAILURE && !*is_there && !frames->closed && !frames->broken) {
        size_t length;
        failure = link_read(link, bytes, sizeof bytes, &length, until);
        frames_read(frames, span_of(bytes, length));
    }
    return failure;
}

static void ping_and_close(struct link *link, struct span early, uint64_t until, struct probe_websocket *websocket)
{
    static const uint8_t normal[] = {CODE_NORMAL >> 8, CODE_NORMAL & 0xFF};
    struct frames frames = {.expected = {0}};
    if (getrandom(frames.expected, sizeof frames.expected, 0) != (ssize_t)sizeof frames.expected)
        return;
    frames_read(&frames, early);
    uint64_t begin = clock_now();
    if (send_control(link, PING, span_of(frames.expected, sizeof frames.expected), until) == PROBE_NO_FAILURE)
        read_until(link, &frames, &frames.ponged, until);
    websocket->ping_us = (uint32_t)(clock_now() - begin);
    websocket->ponged = frames.ponged;
    send_control(link, CLOSE, span_of(normal, sizeof normal), until);
    read_until(link, &frames, &frames.closed, until);
    websocket->closed = frames.closed;
    websocket->close_code = frames.code;
    memcpy(websocket->close_reason, frames.reason, sizeof websocket->close_reason);
}

/* ---- the opening handshake (section 4.1) */

enum { REQUEST_MAX = 8192 };

/* 0: it does not fit. */
static size_t print_request(const struct upgrade *upgrade, const char *key, char request[REQUEST_MAX])
{
    const char *subprotocols = upgrade->subprotocols;
    int length = snprintf(
        request, REQUEST_MAX,
        "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: crossgate-probe\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
        "%s%s%s%s%s%s\r\n",
        upgrade->path, upgrade->host, key, *subprotocols ? "Sec-WebSocket-Protocol: " : "", subprotocols,
        *subprotocols ? "\r\n" : "", upgrade->origin ? "Origin: " : "", upgrade->origin ? upgrade->origin : "",
        upgrade->origin ? "\r\n" : "");
    return length > 0 && length < REQUEST_MAX ? (size_t)length : 0;
}

static void describe(const struct upgrade *upgrade, const struct ask *answer, const char *key,
                     struct probe_websocket *websocket)
{
    struct span chosen;
    websocket->status = ask_answer(answer)->status;
    ask_field(answer, SPAN("Location"), websocket->location);
    ask_field(answer, SPAN("Sec-WebSocket-Extensions"), websocket->extensions);
    websocket->upgraded = websocket_response_check(ask_answer(answer), span_string(key),
                                                   span_string(upgrade->subprotocols), true, &chosen);
    if (websocket->upgraded)
        TEXT_COPY(websocket->subprotocol, chosen);
}

void upgrade_try(struct link *link, const struct upgrade *upgrade, uint64_t until, struct probe_websocket *websocket)
{
    char key[WEBSOCKET_KEY], request[REQUEST_MAX];
    struct ask answer = {.reader = NULL};
    uint64_t begin = clock_now();
    websocket->failure = PROBE_OTHER;
    size_t length = websocket_key_new(key) ? print_request(upgrade, key, request) : 0;
    if (length > 0)
        websocket->failure = ask(link, &answer, span_of(request, length), until);
    websocket->upgrade_us = (uint32_t)(clock_now() - begin);
    if (websocket->failure == PROBE_NO_FAILURE)
        describe(upgrade, &answer, key, websocket);
    if (websocket->upgraded)
        ping_and_close(link, span_of(answer.bytes + answer.used, answer.length - answer.used), until, websocket);
    ask_deinit(&answer);
}
