#include "upgrade.h"

#include "clock.h"
#include "text.h"

#include "crossgate/websocket.h"

#include <stdio.h>
#include <sys/random.h>

enum { CLOSE = 0x8, PING = 0x9, PONG = 0xA, FIN = 0x80, RESERVED = 0x30, CONTROL = 0x08, MASKED = 0x80 };
enum { CONTROL_MAX = 125, CODE_NORMAL = 1000 };

/* ---- frames of the server (section 5.2) */

static size_t head_size(const struct frames *frames)
{
    if (frames->have < 2)
        return 2;
    uint8_t length = frames->head[1] & 0x7F;
    return length == 127 ? 10 : length == 126 ? 4 : 2;
}

static uint64_t payload_length(const struct frames *frames, size_t size)
{
    uint64_t length = frames->head[1] & 0x7F;
    for (size_t i = 2; i < size; i++)
        length = (i == 2 ? 0 : length << 8) | frames->head[i];
    return length;
}

static bool is_control(const struct frames *frames)
{
    return frames->head[0] & CONTROL;
}

/* The head is complete. */
static void begin_payload(struct frames *frames, size_t size)
{
    frames->left = payload_length(frames, size);
    frames->length = 0;
    frames->broken = (frames->head[1] & MASKED) || (frames->head[0] & RESERVED) ||
                     (is_control(frames) && (frames->left > CONTROL_MAX || !(frames->head[0] & FIN)));
}

static void take_close(struct frames *frames)
{
    struct span payload = span_of(frames->payload, frames->length);
    frames->closed = true;
    if (payload.len >= 2)
        frames->code = (uint16_t)(payload.at[0] << 8 | payload.at[1]);
    TEXT_COPY(frames->reason, span_tail(payload, 2));
}

/* The payload is complete. */
static void end_frame(struct frames *frames)
{
    uint8_t opcode = frames->head[0] & 0x0F;
    if (opcode == CLOSE)
        take_close(frames);
    if (opcode == PONG &&
        span_equal(span_of(frames->payload, frames->length), span_of(frames->expected, sizeof frames->expected)))
        frames->ponged = true;
    frames->have = 0;
}

static void take_head(struct frames *frames, struct span *in)
{
    size_t size;
    while (in->len > 0 && frames->have < (size = head_size(frames))) {
        frames->head[frames->have++] = in->at[0];
        *in = span_tail(*in, 1);
    }
    size = head_size(frames);
    if (frames->have < size)
        return;
    begin_payload(frames, size);
    frames->have = sizeof frames->head; /* until the frame ends */
}

static void take_payload(struct frames *frames, struct span *in)
{
    struct span part = span_head(*in, frames->left < in->len ? (size_t)frames->left : in->len);
    if (is_control(frames) && part.len > 0) {
        memcpy(frames->payload + frames->length, part.at, part.len);
        frames->length += part.len;
    }
    frames->left -= part.len;
    *in = span_tail(*in, part.len);
}

void frames_read(struct frames *frames, struct span in)
{
    while (!frames->broken && !frames->closed) {
        if (frames->have < sizeof frames->head)
            take_head(frames, &in);
        if (frames->have < sizeof frames->head || frames->broken)
            return;
        take_payload(frames, &in);
        if (frames->left > 0)
            return;
        end_frame(frames);
    }
}

/* ---- our own */

/* A control frame with a short payload, masked (section 5.3). */
static enum probe_failure send_control(struct link *link, uint8_t opcode, struct span payload, uint64_t until)
{
    uint8_t frame[2 + 4 + CONTROL_MAX] = {(uint8_t)(FIN | opcode), (uint8_t)(MASKED | payload.len)};
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
        if (clock_left(until) == 0 && failure == PROBE_NO_FAILURE)
            failure = PROBE_SILENT;
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
    ask_field(answer, SPAN("Server"), websocket->server);
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
