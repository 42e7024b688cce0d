#include "writer.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>
#include <wslay/wslay.h>

/* getrandom(2): up to 256 bytes come whole and are not interrupted. One call yields 64 masks. */
enum { RANDOM_BYTES = 256 };

struct writer {
    wslay_frame_context_ptr wslay;
    enum websocket_role role;
    uint8_t random[RANDOM_BYTES];
    size_t random_used;
    struct stream *to; /* of the frame under way */
    struct written written;
};

static ssize_t on_send(const uint8_t *bytes, size_t size, int flags, void *user)
{
    (void)flags;
    struct writer *writer = user;
    writer->written.room = stream_write(writer->to, span_of(bytes, size));
    writer->written.bytes += size;
    return (ssize_t)size;
}

/* RFC 6455 section 5.3: a fresh key for each frame, which nobody can foresee. */
static int on_mask(uint8_t *key, size_t size, void *user)
{
    struct writer *writer = user;
    assert(RANDOM_BYTES % size == 0);
    if (writer->random_used == RANDOM_BYTES) {
        if (getrandom(writer->random, RANDOM_BYTES, 0) != RANDOM_BYTES)
            return -1;
        writer->random_used = 0;
    }
    memcpy(key, writer->random + writer->random_used, size);
    writer->random_used += size;
    return 0;
}

static const struct wslay_frame_callbacks callbacks = {.send_callback = on_send, .genmask_callback = on_mask};

struct writer *writer_new(enum websocket_role role)
{
    struct writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return NULL;
    writer->role = role;
    writer->random_used = RANDOM_BYTES;
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

bool writer_send(struct writer *writer, struct stream *to, enum frame_opcode opcode, bool fin, struct span payload,
                 struct written *written)
{
    struct wslay_frame_iocb frame = {
        .fin = fin,
        .opcode = (uint8_t)opcode,
        .mask = writer->role == WEBSOCKET_CLIENT,
        .payload_length = payload.len,
        .data = payload.at,
        .data_length = payload.len,
    };
    writer->to = to;
    writer->written = (struct written){.room = true};
    ssize_t sent = wslay_frame_send(writer->wslay, &frame);
    writer->to = NULL;
    *written = writer->written;
    if (sent == WSLAY_ERR_INVALID_CALLBACK)
        return false;
    assert(sent >= 0 && (size_t)sent == payload.len);
    return true;
}
