/* libcbor's stream decoder calls back for one item at a time and allocates nothing. A realm in pieces (a string of indefinite
 * length) is not read: no WAMP library sends one. */
#include "codec.h"

#include <cbor.h>

/* What the item that was decoded last is. */
struct item {
    enum { ITEM_OTHER, ITEM_ARRAY, ITEM_UINT, ITEM_TEXT } kind;
    uint64_t value; /* the number, or how many elements */
    struct span text;
};

static void on_uint(struct item *item, uint64_t value)
{
    item->kind = ITEM_UINT;
    item->value = value;
}

static void on_uint8(void *context, uint8_t value)
{
    on_uint(context, value);
}

static void on_uint16(void *context, uint16_t value)
{
    on_uint(context, value);
}

static void on_uint32(void *context, uint32_t value)
{
    on_uint(context, value);
}

static void on_uint64(void *context, uint64_t value)
{
    on_uint(context, value);
}

static void on_array(void *context, size_t count)
{
    struct item *item = context;
    item->kind = ITEM_ARRAY;
    item->value = count;
}

static void on_indefinite_array(void *context)
{
    on_array(context, SIZE_MAX);
}

static void on_text(void *context, cbor_data at, size_t length)
{
    struct item *item = context;
    item->kind = ITEM_TEXT;
    item->text = span_of(at, length);
}

/* Cuts the next item off. */
static struct item next(struct span *in)
{
    struct cbor_callbacks callbacks = cbor_empty_callbacks;
    struct item item = {.kind = ITEM_OTHER};
    callbacks.uint8 = on_uint8;
    callbacks.uint16 = on_uint16;
    callbacks.uint32 = on_uint32;
    callbacks.uint64 = on_uint64;
    callbacks.array_start = on_array;
    callbacks.indef_array_start = on_indefinite_array;
    callbacks.string = on_text;
    struct cbor_decoder_result result = {.status = CBOR_DECODER_ERROR};
    if (in->len > 0)
        result = cbor_stream_decode(in->at, in->len, &callbacks, &item);
    if (result.status != CBOR_DECODER_FINISHED)
        item.kind = ITEM_OTHER;
    *in = span_tail(*in, result.read);
    return item;
}

static bool read_hello(struct span message, struct wamp_realm *realm)
{
    struct item array = next(&message);
    if (array.kind != ITEM_ARRAY || array.value < 2)
        return false;
    struct item type = next(&message);
    if (type.kind != ITEM_UINT || type.value != WAMP_HELLO)
        return false;
    struct item name = next(&message);
    return name.kind == ITEM_TEXT && realm_set(realm, name.text.at, name.text.len);
}

struct writer {
    uint8_t *at;
    size_t left;
    bool full;
};

/* libcbor writes nothing and returns 0 where there is no room. */
static void advance(struct writer *writer, size_t written)
{
    writer->at += written;
    writer->left -= written;
    writer->full = writer->full || written == 0;
}

static void put_string(struct writer *writer, const char *text)
{
    size_t length = strlen(text);
    advance(writer, cbor_encode_string_start(length, writer->at, writer->left));
    if (length > writer->left)
        writer->full = true;
    if (writer->full)
        return;
    memcpy(writer->at, text, length);
    writer->at += length;
    writer->left -= length;
}

static size_t print_abort(const char *uri, const char *text, uint8_t *out, size_t size)
{
    struct writer writer = {.at = out, .left = size};
    advance(&writer, cbor_encode_array_start(3, writer.at, writer.left));
    advance(&writer, cbor_encode_uint(WAMP_ABORT, writer.at, writer.left));
    advance(&writer, cbor_encode_map_start(1, writer.at, writer.left));
    put_string(&writer, "message");
    put_string(&writer, text);
    put_string(&writer, uri);
    return writer.full ? 0 : size - writer.left;
}

const struct codec codec_cbor = {.read_hello = read_hello, .print_abort = print_abort};
