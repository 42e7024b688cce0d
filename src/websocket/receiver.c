#include "receiver.h"

#include "crossgate/base/loop.h"
#include "frame.h"

#include <assert.h>
#include <stdlib.h>
#include <wslay/wslay.h>

/* What wslay asks for at once: the size of its frame buffer. */
enum { WSLAY_BUFFER_BYTES = 4096 };

struct receiver {
    wslay_event_context_ptr wslay;
    enum websocket_role role;
    /* The next frame's head, and a control frame up to its end; empty while a data frame's payload is under way. */
    uint8_t held[FRAME_CONTROL_MAX];
    size_t held_length;
    /* The data frame under way. */
    bool in_frame;
    uint64_t frame_left; /* bytes of its payload that wslay has not been given */
    /* The message under way. */
    bool in_message;
    bool complete; /* its last frame has ended, which has not been told */
    enum message_kind kind;
    uint64_t length; /* bytes that its frames have announced so far */
    /* What of it has not been told: in wslay's buffer, or gathered. Empty between two calls. */
    struct span piece;
    enum ending fault; /* ENDING_DONE: none */
    /* Valid within one call of receiver_next. */
    struct span *in;
    uint8_t *gather;
    uint64_t limit;
};

/* ---- what wslay asks and tells */

static size_t cut(struct span *from, uint8_t *to, size_t most)
{
    size_t n = most < from->len ? most : from->len;
    if (n > 0)
        memcpy(to, from->at, n);
    *from = span_tail(*from, n);
    return n;
}

/* wslay's buffer is about to be overwritten. */
static void save_piece(struct receiver *receiver)
{
    if (receiver->piece.len == 0 || receiver->piece.at == receiver->gather)
        return;
    memcpy(receiver->gather, receiver->piece.at, receiver->piece.len);
    receiver->piece.at = receiver->gather;
}

static bool has_room(const struct receiver *receiver)
{
    return receiver->piece.len + WSLAY_BUFFER_BYTES <= LOOP_MESSAGE_BYTES;
}

static bool may_feed(const struct receiver *receiver)
{
    bool has_bytes = receiver->held_length > 0 || (receiver->frame_left > 0 && receiver->in->len > 0);
    return has_bytes && has_room(receiver);
}

static ssize_t on_recv(wslay_event_context_ptr wslay, uint8_t *to, size_t size, int flags, void *user)
{
    (void)flags;
    struct receiver *receiver = user;
    assert(size >= FRAME_HEAD_MAX && size <= WSLAY_BUFFER_BYTES);
    if (!may_feed(receiver)) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    save_piece(receiver);
    size_t n = receiver->held_length;
    memcpy(to, receiver->held, n);
    receiver->held_length = 0;
    size_t most = size - n < receiver->frame_left ? size - n : (size_t)receiver->frame_left;
    size_t payload = cut(receiver->in, to + n, most);
    receiver->frame_left -= payload;
    return (ssize_t)(n + payload);
}

static void on_frame_start(wslay_event_context_ptr wslay, const struct wslay_event_on_frame_recv_start_arg *frame,
                           void *user)
{
    struct receiver *receiver = user;
    if (frame->opcode != WSLAY_CONTINUATION_FRAME) {
        receiver->kind = frame->opcode == WSLAY_TEXT_FRAME ? MESSAGE_TEXT : MESSAGE_BINARY;
        receiver->length = 0;
    }
    receiver->in_message = true;
    /* wslay's own limit would be held against each frame only, since it does not buffer. */
    if (receiver->limit > 0 && frame->payload_length > receiver->limit - receiver->length) {
        receiver->fault = ENDING_WS_TOO_LARGE;
        wslay_event_shutdown_read(wslay);
    }
    receiver->length += frame->payload_length;
}

static void on_frame_chunk(wslay_event_context_ptr wslay, const struct wslay_event_on_frame_recv_chunk_arg *chunk,
                           void *user)
{
    (void)wslay;
    struct receiver *receiver = user;
    if (chunk->data_length == 0 || receiver->fault != ENDING_DONE)
        return;
    if (receiver->piece.len == 0) {
        receiver->piece = span_of(chunk->data, chunk->data_length);
        return;
    }
    assert(receiver->piece.at == receiver->gather);
    assert(receiver->piece.len + chunk->data_length <= LOOP_MESSAGE_BYTES);
    memcpy(receiver->gather + receiver->piece.len, chunk->data, chunk->data_length);
    receiver->piece.len += chunk->data_length;
}

static void on_frame_end(wslay_event_context_ptr wslay, void *user)
{
    (void)wslay;
    struct receiver *receiver = user;
    assert(receiver->in_frame && receiver->frame_left == 0 && receiver->held_length == 0);
    receiver->in_frame = false;
}

/* Comes after on_frame_end of a last frame, and after the whole text has been found to be UTF-8. */
static void on_message(wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *message, void *user)
{
    (void)wslay;
    (void)message;
    struct receiver *receiver = user;
    receiver->in_message = false;
    receiver->complete = true;
}

/* wslay answers a fault with a Close which nobody shall see: the session has its own. */
static ssize_t on_send(wslay_event_context_ptr wslay, const uint8_t *bytes, size_t size, int flags, void *user)
{
    (void)wslay;
    (void)bytes;
    (void)flags;
    (void)user;
    return (ssize_t)size;
}

static int on_mask(wslay_event_context_ptr wslay, uint8_t *key, size_t size, void *user)
{
    (void)wslay;
    (void)user;
    memset(key, 0, size);
    return 0;
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_recv,
    .send_callback = on_send,
    .genmask_callback = on_mask,
    .on_frame_recv_start_callback = on_frame_start,
    .on_frame_recv_chunk_callback = on_frame_chunk,
    .on_frame_recv_end_callback = on_frame_end,
    .on_msg_recv_callback = on_message,
};

/* ---- life */

struct receiver *receiver_new(enum websocket_role role)
{
    struct receiver *receiver = calloc(1, sizeof *receiver);
    if (!receiver)
        return NULL;
    receiver->role = role;
    receiver->fault = ENDING_DONE;
    int failed = role == WEBSOCKET_SERVER ? wslay_event_context_server_init(&receiver->wslay, &callbacks, receiver)
                                          : wslay_event_context_client_init(&receiver->wslay, &callbacks, receiver);
    if (failed) {
        free(receiver);
        return NULL;
    }
    wslay_event_config_set_no_buffering(receiver->wslay, 1);
    wslay_event_config_set_max_recv_msg_length(receiver->wslay, UINT64_MAX);
    return receiver;
}

void receiver_free(struct receiver *receiver)
{
    if (!receiver)
        return;
    wslay_event_context_free(receiver->wslay);
    free(receiver);
}

enum websocket_role receiver_role(const struct receiver *receiver)
{
    return receiver->role;
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
    *item = (struct receiver_item){.kind = receiver->kind, .bytes = receiver->piece, .last = receiver->complete};
    receiver->piece.len = 0;
    receiver->complete = false;
    return RECEIVER_PIECE;
}

static enum receiver_event tell_close(struct receiver *receiver, struct span payload, struct receiver_item *item)
{
    enum ending why = frame_close_parse(payload, &item->code, &item->bytes);
    return why == ENDING_DONE ? RECEIVER_CLOSE : tell_fault(receiver, why, item);
}

/* Holds the next frame up to that size. False: more bytes are needed. */
static bool hold(struct receiver *receiver, struct span *in, size_t size)
{
    assert(receiver->held_length <= size && size <= sizeof receiver->held);
    receiver->held_length += cut(in, receiver->held + receiver->held_length, size - receiver->held_length);
    return receiver->held_length == size;
}

/* RECEIVER_MORE also after a Pong, which asks for nothing. */
static enum receiver_event take_control(struct receiver *receiver, struct span *in, struct receiver_item *item)
{
    const uint8_t *head = receiver->held;
    if (!frame_control_head_is_valid(receiver->role, head[0], head[1]))
        return tell_fault(receiver, ENDING_WS_PROTOCOL, item);
    size_t head_size = frame_head_size(head[1]);
    size_t length = head[1] & 0x7F;
    if (!hold(receiver, in, head_size + length))
        return RECEIVER_MORE;
    receiver->held_length = 0;
    struct span payload = frame_unmask(receiver->held, head_size, length);
    *item = (struct receiver_item){.bytes = payload};
    switch (frame_opcode(head[0])) {
    case FRAME_PING:
        return RECEIVER_PING;
    case FRAME_CLOSE:
        return tell_close(receiver, payload, item);
    default:
        return RECEIVER_MORE;
    }
}

/* wslay's verdict is the code of the Close that it has queued; none for a broken head. */
static enum ending verdict(struct receiver *receiver)
{
    if (wslay_event_send(receiver->wslay) == WSLAY_ERR_NOMEM)
        return ENDING_MEMORY;
    bool bad_text = wslay_event_get_status_code_sent(receiver->wslay) == WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA;
    return bad_text ? ENDING_WS_BAD_TEXT : ENDING_WS_PROTOCOL;
}

/* Lets wslay take what is there of the data frame under way. False: it found a fault. */
static bool feed(struct receiver *receiver)
{
    int result = wslay_event_recv(receiver->wslay);
    if (receiver->fault != ENDING_DONE)
        return false;
    if (result == WSLAY_ERR_NOMEM)
        receiver->fault = ENDING_MEMORY;
    else if (!wslay_event_get_read_enabled(receiver->wslay))
        receiver->fault = verdict(receiver);
    return receiver->fault == ENDING_DONE;
}

/* The head is held and will be the first that wslay is given. */
static void start_frame(struct receiver *receiver)
{
    receiver->in_frame = true;
    receiver->frame_left = frame_payload_length(receiver->held);
}

/* Is what has been gathered to be passed on before a byte of the next frame is taken? It does not survive this event of the
 * stream, and whoever hears of a control frame may stop reading. */
static bool must_tell_first(const struct receiver *receiver, const struct span *in)
{
    if (receiver->piece.len == 0)
        return false;
    return in->len == 0 || frame_is_control(in->at[0]) || !has_room(receiver);
}

enum receiver_event receiver_next(struct receiver *receiver, struct span *in, uint64_t limit, uint8_t *gather,
                                  struct receiver_item *item)
{
    assert(receiver->fault == ENDING_DONE && receiver->piece.len == 0);
    receiver->in = in;
    receiver->gather = gather;
    receiver->limit = limit;
    for (;;) {
        if (!receiver->in_frame) {
            if (must_tell_first(receiver, in))
                return tell_piece(receiver, item);
            if (receiver->held_length < FRAME_HEAD_MIN && !hold(receiver, in, FRAME_HEAD_MIN))
                break;
            if (frame_is_control(receiver->held[0])) {
                enum receiver_event event = take_control(receiver, in, item);
                if (event != RECEIVER_MORE)
                    return event;
                if (in->len == 0)
                    break;
                continue;
            }
            if (!hold(receiver, in, frame_head_size(receiver->held[1])))
                break;
            start_frame(receiver);
        }
        if (!feed(receiver))
            return tell_fault(receiver, receiver->fault, item);
        if (receiver->complete || (receiver->in_frame && receiver->piece.len > 0))
            return tell_piece(receiver, item);
        if (receiver->in_frame)
            break;
    }
    assert(in->len == 0);
    return receiver->piece.len > 0 ? tell_piece(receiver, item) : RECEIVER_MORE;
}
