/* libmpack reads token by token and allocates nothing, so that an announced count costs nothing either. */
#include "codec.h"

#include <mpack.h>

struct reader {
    mpack_tokbuf_t tokens;
    const char *at;
    size_t left;
};

static bool next(struct reader *reader, mpack_token_type_t type, mpack_token_t *token)
{
    return reader->left > 0 && mpack_read(&reader->tokens, &reader->at, &reader->left, token) == MPACK_OK &&
           token->type == type;
}

static bool read_hello(struct span message, struct wamp_realm *realm)
{
    struct reader reader = {.at = (const char *)message.at, .left = message.len};
    mpack_token_t token;
    mpack_tokbuf_init(&reader.tokens);
    if (!next(&reader, MPACK_TOKEN_ARRAY, &token) || token.length < 2)
        return false;
    if (!next(&reader, MPACK_TOKEN_UINT, &token) || mpack_unpack_uint(token) != WAMP_HELLO)
        return false;
    if (!next(&reader, MPACK_TOKEN_STR, &token) || token.length > reader.left)
        return false;
    return realm_set(realm, reader.at, token.length);
}

struct writer {
    mpack_tokbuf_t tokens;
    char *at;
    size_t left;
    bool full;
};

static void put(struct writer *writer, mpack_token_t token)
{
    if (!writer->full && mpack_write(&writer->tokens, &writer->at, &writer->left, &token) != MPACK_OK)
        writer->full = true;
}

static void put_string(struct writer *writer, const char *text)
{
    mpack_uint32_t length = (mpack_uint32_t)strlen(text);
    put(writer, mpack_pack_str(length));
    put(writer, mpack_pack_chunk(text, length));
}

static size_t print_abort(const char *uri, const char *text, uint8_t *out, size_t size)
{
    struct writer writer = {.at = (char *)out, .left = size};
    mpack_tokbuf_init(&writer.tokens);
    put(&writer, mpack_pack_array(3));
    put(&writer, mpack_pack_uint(WAMP_ABORT));
    put(&writer, mpack_pack_map(1));
    put_string(&writer, "message");
    put_string(&writer, text);
    put_string(&writer, uri);
    return writer.full ? 0 : size - writer.left;
}

const struct codec codec_msgpack = {.read_hello = read_hello, .print_abort = print_abort};
