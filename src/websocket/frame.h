/* One frame, as RFC 6455 section 5.2 draws it, and the judgement on what can be judged of it alone. Pure. */
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
    FRAME_KEY = 4,
    FRAME_SHORT_MAX = 125,                       /* payload whose length is in the second byte */
    FRAME_CONTROL_PAYLOAD_MAX = FRAME_SHORT_MAX, /* section 5.5 */
    FRAME_CONTROL_MAX = FRAME_HEAD_MIN + FRAME_KEY + FRAME_CONTROL_PAYLOAD_MAX,
    FRAME_REASON_MAX = FRAME_CONTROL_PAYLOAD_MAX - 2,
};

/* Bits of the first byte; FRAME_MASKED is one of the second. */
enum { FRAME_FIN = 0x80, FRAME_RSV1 = 0x40, FRAME_RSV2 = 0x20, FRAME_RSV3 = 0x10, FRAME_MASKED = 0x80 };

/* What a peer may send. */
struct frame_rules {
    bool masked;          /* masked frames are accepted */
    bool unmasked;        /* unmasked ones are */
    bool rsv1;            /* on the first frame of a message: an extension was negotiated (RFC 7692 section 6) */
    bool any_text;        /* text need not be UTF-8 */
    uint64_t max_frame;   /* bytes of a data frame's payload; 0: no limit */
    uint64_t max_message; /* bytes of all that a message's frames announce; 0: no limit */
    uint64_t max_packed;  /* likewise, of a message with RSV1 */
};

static inline bool frame_is_control(uint8_t first_byte)
{
    return first_byte & 0x08;
}

static inline enum frame_opcode frame_opcode(uint8_t first_byte)
{
    return (enum frame_opcode)(first_byte & 0x0F);
}

/* May a frame begin like this? Opcode, reserved bits, mask, and that control frames are whole and short. */
bool frame_start_is_valid(uint8_t first_byte, uint8_t second_byte, const struct frame_rules *rules);

/* Bytes of the whole head, 2 to 14. */
size_t frame_head_size(uint8_t second_byte);

/* Bytes of payload that a complete head announces. False: in a longer form than they need, or beyond 2^63 - 1. */
bool frame_payload_length(const uint8_t *head, uint64_t *length) __attribute__((warn_unused_result));

/* The mask of a complete head that is that long. */
static inline const uint8_t *frame_key(const uint8_t *head, size_t head_size)
{
    return head + head_size - FRAME_KEY;
}

/* Masks or unmasks payload that begins `offset` bytes behind the head (section 5.3). `to` may be where `from` lies. */
void frame_mask(uint8_t *to, struct span from, const uint8_t key[FRAME_KEY], uint64_t offset);

/* What a Close says: ENDING_DONE, and the code (CLOSE_NO_CODE if there is none) and the reason; else why the connection
 * must be failed. */
enum ending frame_close_parse(struct span payload, uint16_t *code, struct span *reason);

/* Writes the payload of a Close and returns its length; code 0 or CLOSE_NO_CODE: it is empty. */
size_t frame_close_print(uint16_t code, struct span reason, uint8_t payload[FRAME_CONTROL_PAYLOAD_MAX]);

#endif
