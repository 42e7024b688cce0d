#include "frame.h"

#include <assert.h>

size_t frame_head_size(uint8_t second_byte)
{
    size_t length = second_byte & 0x7F;
    size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    size_t mask = second_byte & 0x80 ? 4 : 0;
    return FRAME_HEAD_MIN + extended + mask;
}

uint64_t frame_payload_length(const uint8_t *head)
{
    uint64_t length = head[1] & 0x7F;
    if (length < 126)
        return length;
    size_t extended = length == 126 ? 2 : 8;
    length = 0;
    for (size_t i = 0; i < extended; i++)
        length = length << 8 | head[FRAME_HEAD_MIN + i];
    return length;
}

bool frame_control_head_is_valid(enum websocket_role role, uint8_t first_byte, uint8_t second_byte)
{
    enum frame_opcode opcode = frame_opcode(first_byte);
    bool known = opcode == FRAME_CLOSE || opcode == FRAME_PING || opcode == FRAME_PONG;
    bool fin = first_byte & 0x80;
    bool reserved_bits = first_byte & 0x70;
    /* Section 5.1: clients mask, servers do not. */
    bool masked = second_byte & 0x80;
    return known && fin && !reserved_bits && masked == (role == WEBSOCKET_SERVER) &&
           (second_byte & 0x7F) <= FRAME_CONTROL_PAYLOAD_MAX;
}

struct span frame_unmask(uint8_t *frame, size_t head_size, size_t length)
{
    uint8_t *payload = frame + head_size;
    if (frame[1] & 0x80) {
        const uint8_t *key = payload - 4;
        for (size_t i = 0; i < length; i++)
            payload[i] ^= key[i % 4];
    }
    return span_of(payload, length);
}

/* Section 7.4, and 1012 to 1014 of the IANA registry. 1004 is reserved; 1005, 1006 and 1015 must not be sent. */
static bool code_is_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/* Bytes of the character which begins with that byte; 0 if none does (RFC 3629 section 4). */
static size_t character_size(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 3;
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/* The second byte is what tells overlong forms, surrogates and what is beyond U+10FFFF. */
static bool second_byte_is_valid(uint8_t lead, uint8_t second)
{
    uint8_t lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    return second >= lowest && second <= highest;
}

static bool is_utf8(struct span text)
{
    while (text.len > 0) {
        size_t size = character_size(text.at[0]);
        if (size == 0 || size > text.len)
            return false;
        if (size > 1 && !second_byte_is_valid(text.at[0], text.at[1]))
            return false;
        for (size_t i = 2; i < size; i++) {
            if ((text.at[i] & 0xC0) != 0x80)
                return false;
        }
        text = span_tail(text, size);
    }
    return true;
}

enum ending frame_close_parse(struct span payload, uint16_t *code, struct span *reason)
{
    *code = CLOSE_NO_CODE;
    *reason = span_tail(payload, 2);
    if (payload.len == 0)
        return ENDING_DONE;
    if (payload.len == 1)
        return ENDING_WS_PROTOCOL; /* section 5.5.1: if there is a body, it begins with a code of two bytes */
    *code = (uint16_t)(payload.at[0] << 8 | payload.at[1]);
    if (!code_is_valid(*code))
        return ENDING_WS_PROTOCOL;
    return is_utf8(*reason) ? ENDING_DONE : ENDING_WS_BAD_TEXT;
}

size_t frame_close_print(uint16_t code, struct span reason, uint8_t payload[FRAME_CONTROL_PAYLOAD_MAX])
{
    assert(reason.len <= FRAME_REASON_MAX);
    if (code == 0 || code == CLOSE_NO_CODE)
        return 0;
    payload[0] = (uint8_t)(code >> 8);
    payload[1] = (uint8_t)code;
    if (reason.len > 0)
        memcpy(payload + 2, reason.at, reason.len);
    return 2 + reason.len;
}
