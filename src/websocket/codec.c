#include "codec.h"

#include <assert.h>
#include <stdlib.h>

enum { SPARE_MAX = 64 };

struct websocket_codec {
    struct receiver *spare[SPARE_MAX];
    size_t spare_count;
    size_t lent;
    struct randomness randomness;
    struct writer *writer;
    struct compression_pool *compression;
};

struct websocket_codec *websocket_codec_new(void)
{
    struct websocket_codec *codec = calloc(1, sizeof *codec);
    if (!codec)
        return NULL;
    codec->writer = writer_new(&codec->randomness);
    codec->compression = compression_pool_new();
    if (!codec->writer || !codec->compression) {
        websocket_codec_free(codec);
        return NULL;
    }
    return codec;
}

void websocket_codec_free(struct websocket_codec *codec)
{
    if (!codec)
        return;
    assert(codec->lent == 0);
    while (codec->spare_count > 0)
        receiver_free(codec->spare[--codec->spare_count]);
    writer_free(codec->writer);
    compression_pool_free(codec->compression);
    free(codec);
}

struct receiver *codec_get_receiver(struct websocket_codec *codec)
{
    struct receiver *receiver = codec->spare_count > 0 ? codec->spare[--codec->spare_count] : receiver_new();
    if (receiver)
        codec->lent++;
    return receiver;
}

void codec_put_receiver(struct websocket_codec *codec, struct receiver *receiver)
{
    assert(codec->lent > 0);
    codec->lent--;
    if (receiver_is_idle(receiver) && codec->spare_count < SPARE_MAX)
        codec->spare[codec->spare_count++] = receiver;
    else
        receiver_free(receiver);
}

struct writer *codec_writer(struct websocket_codec *codec)
{
    return codec->writer;
}

struct randomness *codec_randomness(struct websocket_codec *codec)
{
    return &codec->randomness;
}

struct compression_pool *codec_compression(struct websocket_codec *codec)
{
    return codec->compression;
}

size_t codec_lent(const struct websocket_codec *codec)
{
    return codec->lent;
}
