#include "frame.h"

#include "crossgate/base/utf8.h"

#include <assert.h>

/* ---- the head */

static bool data_start_is_valid(uint8_t first_byte, const struct frame_rules *rules)
{
    enum frame_opcode opcode = frame_opcode(first_byte);
    uint8_t allowed = rules->rsv1 && opcode != FRAME_CONTINUATION ? FRAME_RSV1 : 0;
    bool known = opcode == FRAME_CONTINUATION || opcode == FRAME_TEXT || opcode == FRAME_BINARY;
    return known && (first_byte & (FRAME_RSV1 | FRAME_RSV2 | FRAME_RSV3) & ~allowed) == 0;
}

/* Section 5.5: not fragmented, and short. */
static bool control_start_is_valid(uint8_t first_byte, uint8_t second_byte)
{
    enum frame_opcode opcode = frame_opcode(first_byte);
    bool known = opcode == FRAME_CLOSE || opcode == FRAME_PING || opcode == FRAME_PONG;
    bool bits = (first_byte & 0xF0) == FRAME_FIN;
    return known && bits && (second_byte & 0x7F) <= FRAME_CONTROL_PAYLOAD_MAX;
}

bool frame_start_is_valid(uint8_t first_byte, uint8_t second_byte, const struct frame_rules *rules)
{
    if (second_byte & FRAME_MASKED ? !rules->masked : !rules->unmasked)
        return false;
    if (frame_is_control(first_byte))
        return control_start_is_valid(first_byte, second_byte);
    return data_start_is_valid(first_byte, rules);
}

size_t frame_head_size(uint8_t second_byte)
{
    size_t length = second_byte & 0x7F;
    size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    size_t mask = second_byte & FRAME_MASKED ? FRAME_KEY : 0;
    return FRAME_HEAD_MIN + extended + mask;
}

bool frame_payload_length(const uint8_t *head, uint64_t *length)
{
    *length = head[1] & 0x7F;
    if (*length < 126)
        return true;
    size_t extended = *length == 126 ? 2 : 8;
    uint64_t least = *length == 126 ? 126 : 65536;
    *length = 0;
    for (size_t i = 0; i < extended; i++)
        *length = *length << 8 | head[FRAME_HEAD_MIN + i];
    return *length >= least && *length <= INT64_MAX;
}

/* ---- payload */

/* What processors can do at once, and how often in a row they may as well. */
typedef uint64_t lanes __attribute__((vector_size(16)));
enum { ROW = 4 * sizeof(lanes) };

static inline void mask_lanes(uint8_t *to, const uint8_t *from, uint64_t key)
{
    lanes some;
    memcpy(&some, from, sizeof some);
    some ^= key;
    memcpy(to, &some, sizeof some);
}

static inline void mask_row(uint8_t *to, const uint8_t *from, uint64_t key)
{
    for (size_t i = 0; i < ROW; i += sizeof(lanes))
        mask_lanes(to + i, from + i, key);
}

void frame_mask(uint8_t *to, struct span from, const uint8_t key[FRAME_KEY], uint64_t offset)
{
    uint8_t turned[2 * FRAME_KEY];
    uint32_t narrow;
    size_t i = 0;
    memcpy(turned, key, FRAME_KEY);
    memcpy(turned + FRAME_KEY, key, FRAME_KEY);
    memcpy(&narrow, turned + offset % FRAME_KEY, sizeof narrow);
    const uint64_t wide = (uint64_t)narrow << 32 | narrow;
    for (; from.len - i >= ROW; i += ROW)
        mask_row(to + i, from.at + i, wide);
    for (; from.len - i >= sizeof(lanes); i += sizeof(lanes))
        mask_lanes(to + i, from.at + i, wide);
    memcpy(turned, &wide, sizeof wide);
    for (; i < from.len; i++)
        to[i] = from.at[i] ^ turned[i % sizeof turned];
}

/* ---- what a Close says */

/* Section 7.4, and 1012 to 1014 of the IANA registry. 1004 is reserved; 1005, 1006 and 1015 must not be sent. */
static bool code_is_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
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
    return utf8_is_valid(*reason) ? ENDING_DONE : ENDING_WS_BAD_TEXT;
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
