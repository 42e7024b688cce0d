/* jansson reads values as a whole; its own bounds hold for the depth. */
#include "codec.h"

#include <jansson.h>

static bool read_hello(struct span message, struct wamp_realm *realm)
{
    json_t *root = json_loadb((const char *)message.at, message.len, JSON_ALLOW_NUL, NULL);
    const json_t *type = json_array_get(root, 0), *name = json_array_get(root, 1);
    bool valid = json_is_integer(type) && json_integer_value(type) == WAMP_HELLO && json_is_string(name) &&
                 realm_set(realm, json_string_value(name), json_string_length(name));
    json_decref(root);
    return valid;
}

static size_t print_abort(const char *uri, const char *text, uint8_t *out, size_t size)
{
    json_t *root = json_pack("[i, {s: s}, s]", WAMP_ABORT, "message", text, uri);
    size_t length = root ? json_dumpb(root, (char *)out, size, JSON_COMPACT) : 0;
    json_decref(root);
    return length <= size ? length : 0;
}

const struct codec codec_json = {.read_hello = read_hello, .print_abort = print_abort};
