#include "codec.h"

#include "crossgate/base/utf8.h"

#include <assert.h>

static const struct codec *codec_of(const struct wamp_serializer *serializer)
{
    static const struct codec *const codecs[] = {[1] = &codec_json, [2] = &codec_msgpack, [3] = &codec_cbor};
    assert(wamp_has(WAMP_SERIALIZERS_READ, serializer));
    return codecs[serializer->number];
}

bool realm_set(struct wamp_realm *realm, const void *at, size_t length)
{
    if (length == 0 || length > WAMP_REALM_MAX || !utf8_is_valid(span_of(at, length)))
        return false;
    memcpy(realm->text, at, length);
    realm->text[length] = '\0';
    realm->length = length;
    return true;
}

bool wamp_hello_read(const struct wamp_serializer *serializer, struct span message, struct wamp_realm *realm)
{
    assert(message.len <= WAMP_HELLO_MAX);
    return codec_of(serializer)->read_hello(message, realm);
}

size_t wamp_abort_print(const struct wamp_serializer *serializer, const char *uri, const char *text,
                        uint8_t out[WAMP_ABORT_MAX])
{
    return codec_of(serializer)->print_abort(uri, text, out, WAMP_ABORT_MAX);
}
