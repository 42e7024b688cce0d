/* One frame, as RFC 6455 section 5.2 draws it, and the judgement on control frames. Pure.
 *
 * Data frames are judged by wslay. Control frames never reach it: its event layer (1.1.1) judges the reason of a Close per
 * chunk and not as a whole, takes a Close of one byte for one without a code, and refuses the codes 1012 to 1014. */
#ifndef CROSSGATE_WEBSOCKET_FRAME_H
#define CROSSGATE_WEBSOCKET_FRAME_H

#include "crossgate/base/ending.h"
#include "crossgate/base/span.h"
#include "crossgate/websocket.h"

enum frame_opcode {
    FRAME_CONTINUATION = 0x0,
    FRAME_TEXT = 0x1,
    FRAME_BINARY = 0x2,
    FRAME_CLOSE = 0x8,
    FRAME_PING = 0x9,
    FRAME_PONG = 0xA,
};

enum {
    FRAME_HEAD_MIN = 2,
    FRAME_HEAD_MAX = 14,
    FRAME_CONTROL_PAYLOAD_MAX = 125, /* section 5.5 */
    FRAME_CONTROL_MAX = FRAME_HEAD_MIN + 4 + FRAME_CONTROL_PAYLOAD_MAX,
    FRAME_REASON_MAX = FRAME_CONTROL_PAYLOAD_MAX - 2,
};

static inline bool frame_is_control(uint8_t first_byte)
{
    return first_byte & 0x08;
}

static inline enum frame_opcode frame_opcode(uint8_t first_byte)
{
    return (enum frame_opcode)(first_byte & 0x0F);
}

/* Bytes of the whole head, 2 to 14. */
size_t frame_head_size(uint8_t second_byte);

/* Bytes of payload that a complete head announces. */
uint64_t frame_payload_length(const uint8_t *head);

/* May a peer of a session in this role send a control frame that begins like this? */
bool frame_control_head_is_valid(enum websocket_role role, uint8_t first_byte, uint8_t second_byte);

/* Unmasks in place the payload of a whole frame whose head is that long, and returns it. */
struct span frame_unmask(uint8_t *frame, size_t head_size, size_t length);

/* What a Close says: ENDING_DONE, and the code (CLOSE_NO_CODE if there is none) and the reason; else why the connection
 * must be failed. */
enum ending frame_close_parse(struct span payload, uint16_t *code, struct span *reason);

/* Writes the payload of a Close and returns its length; code 0 or CLOSE_NO_CODE: it is empty. */
size_t frame_close_print(uint16_t code, struct span reason, uint8_t payload[FRAME_CONTROL_PAYLOAD_MAX]);

#endif
