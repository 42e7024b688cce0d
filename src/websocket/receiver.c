#include "receiver.h"

#include "crossgate/base/loop.h"
#include "crossgate/base/utf8.h"

#include <assert.h>
#include <stdlib.h>

struct receiver {
    /* The data frame under way. */
    uint64_t frame_taken; /* bytes of its payload */
    uint64_t frame_left;
    /* The message under way. */
    uint64_t length; /* bytes that its frames have announced so far */
    enum message_kind kind;
    /* What of it has not been told: where it lies, or gathered. Empty between two calls. */
    struct span piece;
    enum ending fault; /* ENDING_DONE: none */
    struct utf8 text;  /* between two messages as new: one that ends within a character is a fault */
    bool in_frame;
    bool in_message;
    bool complete; /* its last frame has ended, which has not been told */
    bool rsv1;
    bool judges_text;
    /* The next frame's head, and a control frame up to its end. The head stays while its payload is under way. */
    uint8_t held_length;
    uint8_t held[FRAME_CONTROL_MAX];
};

struct receiver *receiver_new(void)
{
    struct receiver *receiver = calloc(1, sizeof *receiver);
    if (receiver)
        receiver->fault = ENDING_DONE;
    return receiver;
}

void receiver_free(struct receiver *receiver)
{
    free(receiver);
}

size_t receiver_size(void)
{
    return sizeof(struct receiver);
}

bool receiver_is_idle(const struct receiver *receiver)
{
    return receiver->held_length == 0 && !receiver->in_frame && !receiver->in_message && receiver->fault == ENDING_DONE;
}

/* ---- events */

static enum receiver_event tell_fault(struct receiver *receiver, enum ending why, struct receiver_item *item)
{
    receiver->fault = why;
    receiver->piece.len = 0;
    item->why = why;
    return RECEIVER_FAULT;
}

static enum receiver_event tell_piece(struct receiver *receiver, struct receiver_item *item)
{
    *item = (struct receiver_item){
        .kind = receiver->kind, .bytes = receiver->piece, .last = receiver->complete, .rsv1 = receiver->rsv1};
    receiver->piece.len = 0;
    receiver->complete = false;
    return RECEIVER_PIECE;
}

static enum receiver_event tell_close(struct receiver *receiver, struct span payload, struct receiver_item *item)
{
    enum ending why = frame_close_parse(payload, &item->code, &item->bytes);
    return why == ENDING_DONE ? RECEIVER_CLOSE : tell_fault(receiver, why, item);
}

/* ---- heads and control frames */

/* Holds the next frame up to that size. False: more bytes are needed. */
static bool hold(struct receiver *receiver, struct span *in, size_t size)
{
    assert(size <= sizeof receiver->held);
    if (receiver->held_length >= size)
        return true;
    struct span part = span_head(*in, size - receiver->held_length);
    if (part.len > 0)
        memcpy(receiver->held + receiver->held_length, part.at, part.len);
    *in = span_tail(*in, part.len);
    receiver->held_length = (uint8_t)(receiver->held_length + part.len);
    return receiver->held_length == size;
}

/* Most heads come whole, with something behind them. */
static void hold_head(struct receiver *receiver, struct span *in)
{
    if (receiver->held_length > 0 || in->len < FRAME_HEAD_MAX)
        return;
    memcpy(receiver->held, in->at, FRAME_HEAD_MAX);
    receiver->held_length = (uint8_t)frame_head_size(receiver->held[1]);
    *in = span_tail(*in, receiver->held_length);
}

static enum receiver_event take_control(struct receiver *receiver, struct span *in, struct receiver_item *item)
{
    uint8_t *head = receiver->held;
    size_t head_size = frame_head_size(head[1]);
    size_t length = head[1] & 0x7F;
    if (!hold(receiver, in, head_size + length))
        return RECEIVER_MORE;
    struct span payload = span_of(head + head_size, length);
    if (head[1] & FRAME_MASKED)
        frame_mask(head + head_size, payload, frame_key(head, head_size), 0);
    receiver->held_length = 0;
    *item = (struct receiver_item){.bytes = payload};
    switch (frame_opcode(head[0])) {
    case FRAME_PING:
        return RECEIVER_PING;
    case FRAME_PONG:
        return RECEIVER_PONG;
    default:
        return tell_close(receiver, payload, item);
    }
}

/* Section 5.4: a message is one frame that is no continuation, then continuations up to the one with FIN. */
static bool is_in_order(const struct receiver *receiver, uint8_t first_byte)
{
    return (frame_opcode(first_byte) == FRAME_CONTINUATION) == receiver->in_message;
}

static void start_message(struct receiver *receiver, uint8_t first_byte, const struct frame_rules *rules)
{
    bool text = frame_opcode(first_byte) == FRAME_TEXT;
    receiver->in_message = true;
    receiver->kind = text ? MESSAGE_TEXT : MESSAGE_BINARY;
    receiver->rsv1 = first_byte & FRAME_RSV1;
    receiver->judges_text = text && !rules->any_text && !receiver->rsv1;
    receiver->length = 0;
}

/* The head of a data frame is complete. */
static enum ending start_frame(struct receiver *receiver, const struct frame_rules *rules)
{
    uint64_t length;
    if (!frame_payload_length(receiver->held, &length))
        return ENDING_WS_PROTOCOL;
    if (!receiver->in_message)
        start_message(receiver, receiver->held[0], rules);
    if (rules->max_frame > 0 && length > rules->max_frame)
        return ENDING_WS_TOO_LARGE;
    uint64_t most = receiver->rsv1 ? rules->max_packed : rules->max_message;
    if (most > 0 && length > most - receiver->length)
        return ENDING_WS_TOO_LARGE;
    receiver->length += length;
    receiver->in_frame = true;
    receiver->frame_taken = 0;
    receiver->frame_left = length;
    return ENDING_DONE;
}

/* ---- payload */

static bool has_room(const struct receiver *receiver)
{
    return receiver->piece.len < LOOP_MESSAGE_BYTES;
}

/* Puts payload behind what has been gathered, as much as there is room for. */
static struct span append(struct receiver *receiver, struct span payload, uint8_t *gather)
{
    assert(has_room(receiver));
    size_t gathered = receiver->piece.len;
    if (gathered > 0 && receiver->piece.at != gather)
        memcpy(gather, receiver->piece.at, gathered);
    payload = span_head(payload, LOOP_MESSAGE_BYTES - gathered);
    const uint8_t *head = receiver->held;
    if (head[1] & FRAME_MASKED)
        frame_mask(gather + gathered, payload, frame_key(head, receiver->held_length), receiver->frame_taken);
    else
        memcpy(gather + gathered, payload.at, payload.len);
    receiver->piece = span_of(gather, gathered + payload.len);
    return span_of(gather + gathered, payload.len);
}

/* Takes what is there of the frame under way. */
static enum ending take_payload(struct receiver *receiver, struct span *in, uint8_t *gather)
{
    struct span payload = receiver->frame_left < in->len ? span_head(*in, (size_t)receiver->frame_left) : *in;
    if (payload.len == 0)
        return ENDING_DONE;
    if (receiver->piece.len == 0 && !(receiver->held[1] & FRAME_MASKED))
        receiver->piece = payload;
    else
        payload = append(receiver, payload, gather);
    *in = span_tail(*in, payload.len);
    receiver->frame_taken += payload.len;
    receiver->frame_left -= payload.len;
    return !receiver->judges_text || utf8_feed(&receiver->text, payload) ? ENDING_DONE : ENDING_WS_BAD_TEXT;
}

static enum ending end_frame(struct receiver *receiver)
{
    receiver->in_frame = false;
    receiver->held_length = 0;
    if (!(receiver->held[0] & FRAME_FIN))
        return ENDING_DONE;
    receiver->in_message = false;
    receiver->complete = true;
    return !receiver->judges_text || utf8_is_whole(&receiver->text) ? ENDING_DONE : ENDING_WS_BAD_TEXT;
}

static enum ending go_on(struct receiver *receiver, struct span *in, uint8_t *gather)
{
    enum ending why = take_payload(receiver, in, gather);
    return why == ENDING_DONE && receiver->frame_left == 0 ? end_frame(receiver) : why;
}

/* ---- the whole */

static bool fits(uint64_t length, uint64_t most)
{
    return most == 0 || length <= most;
}

/* A short message that lies there whole, in one frame, as most do: nothing of it has to be remembered. Of another one nothing
 * is taken; what is wrong with it is for the others to say. */
static bool take_short_message(const struct receiver *receiver, struct span *in, const struct frame_rules *rules,
                               uint8_t *gather, struct receiver_item *item)
{
    const uint8_t *head = in->at;
    if (receiver->held_length > 0 || receiver->in_message || in->len < FRAME_HEAD_MIN)
        return false;
    bool text = head[0] == (FRAME_FIN | FRAME_TEXT);
    if ((!text && head[0] != (FRAME_FIN | FRAME_BINARY)) || !frame_start_is_valid(head[0], head[1], rules))
        return false;
    size_t head_size = frame_head_size(head[1]);
    struct span payload = span_of(head + head_size, head[1] & 0x7F);
    if (payload.len > FRAME_SHORT_MAX || in->len < head_size + payload.len || !fits(payload.len, rules->max_frame) ||
        !fits(payload.len, rules->max_message))
        return false;
    if (head[1] & FRAME_MASKED) {
        frame_mask(gather, payload, frame_key(head, head_size), 0);
        payload.at = gather;
    }
    if (text && !rules->any_text && !utf8_is_valid(payload))
        return false;
    *item = (struct receiver_item){.kind = text ? MESSAGE_TEXT : MESSAGE_BINARY, .bytes = payload, .last = true};
    *in = span_tail(*in, head_size + payload.len);
    return true;
}

/* Is what has been gathered to be passed on before a byte of the next frame is taken? It does not survive this event of the
 * stream, and whoever hears of a control frame may stop reading. */
static bool must_tell_first(const struct receiver *receiver, const struct span *in)
{
    if (receiver->piece.len == 0)
        return false;
    return in->len == 0 || frame_is_control(in->at[0]) || !has_room(receiver);
}

enum receiver_event receiver_next(struct receiver *receiver, struct span *in, const struct frame_rules *rules,
                                  uint8_t *gather, struct receiver_item *item)
{
    const uint8_t *head = receiver->held;
    enum ending why;
    assert(receiver->fault == ENDING_DONE && receiver->piece.len == 0);
    if (take_short_message(receiver, in, rules, gather, item))
        return RECEIVER_PIECE;
    for (;;) {
        if (!receiver->in_frame) {
            if (must_tell_first(receiver, in))
                return tell_piece(receiver, item);
            hold_head(receiver, in);
            if (!hold(receiver, in, FRAME_HEAD_MIN))
                break;
            if (!frame_start_is_valid(head[0], head[1], rules))
                return tell_fault(receiver, ENDING_WS_PROTOCOL, item);
            if (frame_is_control(head[0]))
                return take_control(receiver, in, item);
            if (!is_in_order(receiver, head[0]))
                return tell_fault(receiver, ENDING_WS_PROTOCOL, item);
            if (!hold(receiver, in, frame_head_size(head[1])))
                break;
            if ((why = start_frame(receiver, rules)) != ENDING_DONE)
                return tell_fault(receiver, why, item);
        }
        if ((why = go_on(receiver, in, gather)) != ENDING_DONE)
            return tell_fault(receiver, why, item);
        if (receiver->complete || (receiver->in_frame && receiver->piece.len > 0))
            return tell_piece(receiver, item);
        if (receiver->in_frame)
            break;
    }
    assert(in->len == 0);
    return receiver->piece.len > 0 ? tell_piece(receiver, item) : RECEIVER_MORE;
}
