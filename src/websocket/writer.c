#include "writer.h"

#include <assert.h>
#include <stdlib.h>
#include <wslay/wslay.h>

/* Payload that is masked at a time: it is read again at once, when the stream copies it. */
enum { BLOCK = 4096 };

struct writer {
    wslay_frame_context_ptr wslay;
    struct randomness *randomness;
    /* The frame under way. */
    struct stream *to;
    bool masked;
    bool in_payload;
    uint8_t key[FRAME_KEY];
    struct written written;
    uint8_t block[BLOCK];
};

static void put(struct writer *writer, struct span bytes)
{
    writer->written.room = stream_write(writer->to, bytes);
    writer->written.bytes += bytes.len;
}

static void put_masked_head(struct writer *writer, struct span head)
{
    uint8_t whole[FRAME_HEAD_MAX];
    assert(head.len + FRAME_KEY <= sizeof whole);
    memcpy(whole, head.at, head.len);
    whole[1] |= FRAME_MASKED;
    memcpy(whole + head.len, writer->key, FRAME_KEY);
    put(writer, span_of(whole, head.len + FRAME_KEY));
}

static void put_masked(struct writer *writer, struct span payload)
{
    static_assert(BLOCK % FRAME_KEY == 0, "each block begins with the key's first byte");
    while (payload.len > 0) {
        struct span part = span_head(payload, BLOCK);
        frame_mask(writer->block, part, writer->key, 0);
        put(writer, span_of(writer->block, part.len));
        payload = span_tail(payload, part.len);
    }
}

/* wslay sends a frame's head, then its payload as it is. */
static ssize_t on_send(const uint8_t *bytes, size_t size, int flags, void *user)
{
    (void)flags;
    struct writer *writer = user;
    struct span part = span_of(bytes, size);
    if (!writer->masked)
        put(writer, part);
    else if (writer->in_payload)
        put_masked(writer, part);
    else
        put_masked_head(writer, part);
    writer->in_payload = true;
    return (ssize_t)size;
}

static const struct wslay_frame_callbacks callbacks = {.send_callback = on_send};

struct writer *writer_new(struct randomness *randomness)
{
    struct writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return NULL;
    writer->randomness = randomness;
    if (wslay_frame_context_init(&writer->wslay, &callbacks, writer) != 0) {
        free(writer);
        return NULL;
    }
    return writer;
}

void writer_free(struct writer *writer)
{
    if (!writer)
        return;
    wslay_frame_context_free(writer->wslay);
    free(writer);
}

bool writer_send(struct writer *writer, struct stream *to, const struct frame *frame, struct written *written)
{
    struct wslay_frame_iocb iocb = {
        .fin = frame->fin,
        .rsv = frame->rsv1 ? WSLAY_RSV1_BIT : WSLAY_RSV_NONE,
        .opcode = (uint8_t)frame->opcode,
        .payload_length = frame->payload.len,
        .data = frame->payload.at,
        .data_length = frame->payload.len,
    };
    /* RFC 6455 section 5.3: a fresh key for each frame, which nobody can foresee. */
    if (frame->masked && !randomness_take(writer->randomness, writer->key, FRAME_KEY))
        return false;
    writer->to = to;
    writer->masked = frame->masked;
    writer->in_payload = false;
    writer->written = (struct written){.room = true};
    ssize_t sent = wslay_frame_send(writer->wslay, &iocb);
    assert(sent >= 0 && (size_t)sent == frame->payload.len);
    *written = writer->written;
    return true;
}
