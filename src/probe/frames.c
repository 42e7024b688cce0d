#include "frames.h"

#include "text.h"

enum { CLOSE = 0x8, PONG = 0xA, CONTROL = 0x08, FIN = 0x80, RESERVED = 0x30, MASKED = 0x80 };

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
                     (is_control(frames) && (frames->left > FRAMES_CONTROL_MAX || !(frames->head[0] & FIN)));
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
    frames->have = FRAMES_HEAD_MAX; /* until the frame ends */
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
        if (frames->have < FRAMES_HEAD_MAX)
            take_head(frames, &in);
        if (frames->have < FRAMES_HEAD_MAX || frames->broken)
            return;
        take_payload(frames, &in);
        if (frames->left > 0)
            return;
        end_frame(frames);
    }
}
