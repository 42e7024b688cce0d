#include "codec.h"

#include <assert.h>
#include <stdlib.h>

enum { ROLES = 2, SPARE_MAX = 32 };

struct spare {
    struct receiver *at[SPARE_MAX];
    size_t count;
};

struct websocket_codec {
    struct spare spare[ROLES];
    struct writer *writers[ROLES];
    size_t lent;
};

struct websocket_codec *websocket_codec_new(void)
{
    struct websocket_codec *codec = calloc(1, sizeof *codec);
    if (!codec)
        return NULL;
    codec->writers[WEBSOCKET_SERVER] = writer_new(WEBSOCKET_SERVER);
    codec->writers[WEBSOCKET_CLIENT] = writer_new(WEBSOCKET_CLIENT);
    if (!codec->writers[WEBSOCKET_SERVER] || !codec->writers[WEBSOCKET_CLIENT]) {
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
    for (size_t role = 0; role < ROLES; role++) {
        while (codec->spare[role].count > 0)
            receiver_free(codec->spare[role].at[--codec->spare[role].count]);
        writer_free(codec->writers[role]);
    }
    free(codec);
}

struct receiver *codec_get_receiver(struct websocket_codec *codec, enum websocket_role role)
{
    struct spare *spare = &codec->spare[role];
    struct receiver *receiver = spare->count > 0 ? spare->at[--spare->count] : receiver_new(role);
    if (receiver)
        codec->lent++;
    return receiver;
}

void codec_put_receiver(struct websocket_codec *codec, struct receiver *receiver)
{
    assert(codec->lent > 0);
    codec->lent--;
    struct spare *spare = &codec->spare[receiver_role(receiver)];
    if (receiver_is_idle(receiver) && spare->count < SPARE_MAX)
        spare->at[spare->count++] = receiver;
    else
        receiver_free(receiver);
}

struct writer *codec_writer(struct websocket_codec *codec, enum websocket_role role)
{
    return codec->writers[role];
}

size_t codec_lent(const struct websocket_codec *codec)
{
    return codec->lent;
}
