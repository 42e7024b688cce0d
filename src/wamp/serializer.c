#include "crossgate/wamp.h"

static const struct wamp_serializer serializers[] = {
    {"json", "wamp.2.json", 1, MESSAGE_TEXT},
    {"msgpack", "wamp.2.msgpack", 2, MESSAGE_BINARY},
    {"cbor", "wamp.2.cbor", 3, MESSAGE_BINARY},
    {"ubjson", "wamp.2.ubjson", 4, MESSAGE_BINARY},
    {"flatbuffers", "wamp.2.flatbuffers", 5, MESSAGE_BINARY},
};

enum { SERIALIZERS = sizeof serializers / sizeof *serializers };

const struct wamp_serializer *wamp_by_name(struct span name)
{
    for (size_t i = 0; i < SERIALIZERS; i++) {
        if (span_equal(name, span_string(serializers[i].name)))
            return &serializers[i];
    }
    return NULL;
}

const struct wamp_serializer *wamp_by_subprotocol(struct span name)
{
    for (size_t i = 0; i < SERIALIZERS; i++) {
        if (span_equal(name, span_string(serializers[i].subprotocol)))
            return &serializers[i];
    }
    return NULL;
}

const struct wamp_serializer *wamp_by_number(unsigned number)
{
    return number >= 1 && number <= SERIALIZERS ? &serializers[number - 1] : NULL;
}

const struct wamp_serializer *wamp_choose(struct span offered, wamp_serializers set)
{
    struct span item;
    while (span_next_item(&offered, &item)) {
        const struct wamp_serializer *serializer = wamp_by_subprotocol(item);
        if (serializer && wamp_has(set, serializer))
            return serializer;
    }
    return NULL;
}
