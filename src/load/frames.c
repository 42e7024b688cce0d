#include "frames.h"

enum { FIN = 0x80, RSV = 0x70, OPCODE = 0x0F, MASKED = 0x80, LENGTH = 0x7F, LENGTH_16 = 126, LENGTH_64 = 127 };

/* ---- what a server sends */

static size_t head_size(uint8_t second)
{
    size_t length = second & LENGTH;
    return 2 + (length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0);
}

static bool is_control(uint8_t first)
{
    return first & 0x08;
}

/* Sections 5.2, 5.4 and 5.5. */
static bool start_is_valid(const struct frames *frames)
{
    uint8_t first = frames->head[0], second = frames->head[1], opcode = first & OPCODE;
    if (first & RSV || second & MASKED)
        return false;
    if (is_control(first))
        return first & FIN && opcode <= FRAMES_PONG && (second & LENGTH) <= FRAMES_CONTROL_MAX;
    return opcode == (frames->in_message ? FRAMES_CONTINUATION : FRAMES_BINARY);
}

static bool read_length(struct frames *frames)
{
    size_t size = head_size(frames->head[1]);
    frames->left = frames->head[1] & LENGTH;
    if (size == 2)
        return true;
    uint64_t least = size == 4 ? LENGTH_16 : 65536;
    frames->left = 0;
    for (size_t i = 2; i < size; i++)
        frames->left = frames->left << 8 | frames->head[i];
    return frames->left >= least && frames->left <= INT64_MAX;
}

/* Moves up to `wanted` bytes of the head. */
static bool take_head(struct frames *frames, struct span *in, size_t wanted)
{
    struct span part = span_head(*in, wanted > frames->have ? wanted - frames->have : 0);
    if (part.len > 0)
        memcpy(frames->head + frames->have, part.at, part.len);
    frames->have = (uint8_t)(frames->have + part.len);
    *in = span_tail(*in, part.len);
    return frames->have >= wanted;
}

static enum frames_event begin_payload(struct frames *frames)
{
    if (!read_length(frames))
        return FRAMES_BROKEN;
    frames->in_payload = true;
    frames->control_length = 0;
    if (!is_control(frames->head[0]))
        frames->in_message = !(frames->head[0] & FIN);
    return FRAMES_MORE;
}

static enum frames_event read_head(struct frames *frames, struct span *in)
{
    if (!take_head(frames, in, 2))
        return FRAMES_MORE;
    if (!start_is_valid(frames))
        return FRAMES_BROKEN;
    return take_head(frames, in, head_size(frames->head[1])) ? begin_payload(frames) : FRAMES_MORE;
}

static void end_frame(struct frames *frames)
{
    frames->in_payload = false;
    frames->have = 0;
}

static enum frames_event read_data(struct frames *frames, struct span *in, struct span *payload)
{
    *payload = span_head(*in, frames->left > SIZE_MAX ? SIZE_MAX : (size_t)frames->left);
    *in = span_tail(*in, payload->len);
    frames->left -= payload->len;
    if (frames->left > 0)
        return FRAMES_PIECE;
    end_frame(frames);
    return frames->in_message ? FRAMES_PIECE : FRAMES_LAST;
}

/* Nobody asked for a Pong. */
static enum frames_event control_event(uint8_t first)
{
    switch (first & OPCODE) {
    case FRAMES_CLOSE:
        return FRAMES_CLOSED;
    case FRAMES_PING:
        return FRAMES_PINGED;
    default:
        return FRAMES_MORE;
    }
}

static enum frames_event read_control(struct frames *frames, struct span *in, struct span *payload)
{
    struct span part = span_head(*in, (size_t)frames->left);
    if (part.len > 0)
        memcpy(frames->control + frames->control_length, part.at, part.len);
    frames->control_length = (uint8_t)(frames->control_length + part.len);
    frames->left -= part.len;
    *in = span_tail(*in, part.len);
    if (frames->left > 0)
        return FRAMES_MORE;
    end_frame(frames);
    enum frames_event event = control_event(frames->head[0]);
    if (event != FRAMES_MORE)
        *payload = span_of(frames->control, frames->control_length);
    return event;
}

enum frames_event frames_next(struct frames *frames, struct span *in, struct span *payload)
{
    enum frames_event event = FRAMES_MORE;
    *payload = span_of(NULL, 0);
    while (event == FRAMES_MORE && (in->len > 0 || (frames->in_payload && frames->left == 0))) {
        if (!frames->in_payload)
            event = read_head(frames, in);
        else if (is_control(frames->head[0]))
            event = read_control(frames, in, payload);
        else
            event = read_data(frames, in, payload);
    }
    return event;
}

unsigned frames_close_code(struct span payload)
{
    return payload.len < 2 ? 0 : (unsigned)payload.at[0] << 8 | payload.at[1];
}

/* ---- what a client sends */

size_t frames_head_print(uint8_t to[FRAMES_HEAD_MAX], enum frames_opcode opcode, uint64_t length, uint32_t mask)
{
    size_t extended = length < LENGTH_16 ? 0 : length <= UINT16_MAX ? 2 : 8;
    to[0] = (uint8_t)(FIN | opcode);
    to[1] = (uint8_t)(MASKED | (extended == 0 ? length : extended == 2 ? LENGTH_16 : LENGTH_64));
    for (size_t i = 0; i < extended; i++)
        to[2 + i] = (uint8_t)(length >> 8 * (extended - 1 - i));
    memcpy(to + 2 + extended, &mask, sizeof mask);
    return 2 + extended + sizeof mask;
}

/* Word by word, which compilers make wider ones of. */
void frames_mask(uint8_t *to, struct span from, uint32_t mask, uint64_t offset)
{
    uint8_t key[4], turned[8];
    uint64_t wide, word;
    size_t i = 0;
    memcpy(key, &mask, sizeof key);
    for (size_t k = 0; k < sizeof turned; k++)
        turned[k] = key[(offset + k) % sizeof key];
    memcpy(&wide, turned, sizeof wide);
    for (; from.len - i >= sizeof word; i += sizeof word) {
        memcpy(&word, from.at + i, sizeof word);
        word ^= wide;
        memcpy(to + i, &word, sizeof word);
    }
    for (; i < from.len; i++)
        to[i] = from.at[i] ^ turned[i % sizeof turned];
}
