#include "writer.h"

#include <assert.h>
#include <stdlib.h>
#include <wslay/wslay.h>

/* A frame that fits leaves with one write; of a larger one as much payload is masked at a time, which is read again at once,
 * when the stream copies it. */
enum { BLOCK = 4096 };

struct writer {
    wslay_frame_context_ptr wslay;
    struct randomness *randomness;
    /* The frame under way. */
    struct outlet *to;
    bool masked;
    bool in_payload;
    uint8_t key[FRAME_KEY];
    size_t gathered; /* bytes in the block */
    uint8_t block[BLOCK];
};

static void put_gathered(struct writer *writer)
{
    outlet_write(writer->to, span_of(writer->block, writer->gathered));
    writer->gathered = 0;
}

/* All but the key is there. */
static void end_head(struct writer *writer, size_t length)
{
    writer->gathered = length;
    if (!writer->masked)
        return;
    writer->block[1] |= FRAME_MASKED;
    memcpy(writer->block + length, writer->key, FRAME_KEY);
    writer->gathered += FRAME_KEY;
}

static void gather_head(struct writer *writer, struct span head)
{
    assert(head.len + FRAME_KEY <= FRAME_HEAD_MAX);
    memcpy(writer->block, head.at, head.len);
    end_head(writer, head.len);
}

static void gather(struct writer *writer, struct span part)
{
    if (writer->masked)
        frame_mask(writer->block + writer->gathered, part, writer->key, 0);
    else
        memcpy(writer->block + writer->gathered, part.at, part.len);
    writer->gathered += part.len;
}

static void put_masked(struct writer *writer, struct span payload)
{
    static_assert(BLOCK % FRAME_KEY == 0, "each block begins with the key's first byte");
    while (payload.len > 0) {
        struct span part = span_head(payload, BLOCK);
        gather(writer, part);
        put_gathered(writer);
        payload = span_tail(payload, part.len);
    }
}

static void put_payload(struct writer *writer, struct span payload)
{
    if (payload.len <= BLOCK - writer->gathered) {
        gather(writer, payload);
        put_gathered(writer);
        return;
    }
    put_gathered(writer);
    if (writer->masked)
        put_masked(writer, payload);
    else
        outlet_write(writer->to, payload);
}

/* wslay sends a frame's head, then its payload as it is. */
static ssize_t on_send(const uint8_t *bytes, size_t size, int flags, void *user)
{
    (void)flags;
    struct writer *writer = user;
    if (writer->in_payload)
        put_payload(writer, span_of(bytes, size));
    else
        gather_head(writer, span_of(bytes, size));
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

/* RFC 6455 section 5.2: its head is two bytes, and the key. */
static void put_short(struct writer *writer, const struct frame *frame)
{
    writer->block[0] = frame->first_byte;
    writer->block[1] = (uint8_t)frame->payload.len;
    end_head(writer, FRAME_HEAD_MIN);
    if (frame->payload.len > 0)
        gather(writer, frame->payload);
    put_gathered(writer);
}

static void put_long(struct writer *writer, const struct frame *frame)
{
    struct wslay_frame_iocb iocb = {
        .fin = (frame->first_byte & FRAME_FIN) != 0,
        .rsv = frame->first_byte & FRAME_RSV1 ? WSLAY_RSV1_BIT : WSLAY_RSV_NONE,
        .opcode = (uint8_t)frame_opcode(frame->first_byte),
        .payload_length = frame->payload.len,
        .data = frame->payload.at,
        .data_length = frame->payload.len,
    };
    ssize_t sent = wslay_frame_send(writer->wslay, &iocb);
    assert(sent >= 0 && (size_t)sent == frame->payload.len);
}

bool writer_send(struct writer *writer, struct outlet *to, const struct frame *frame)
{
    /* RFC 6455 section 5.3: a fresh key for each frame, which nobody can foresee. */
    if (frame->masked && !randomness_take(writer->randomness, writer->key, FRAME_KEY))
        return false;
    writer->to = to;
    writer->masked = frame->masked;
    writer->in_payload = false;
    if (frame->payload.len <= FRAME_SHORT_MAX)
        put_short(writer, frame);
    else
        put_long(writer, frame);
    return true;
}
