/* What is read and written of WAMP messages, per serializer: the first two elements of a HELLO, and an ABORT. Pure, and
 * bounded: what follows the realm is not looked at (JSON, which has to be read as a whole, is bounded by its length). */
#ifndef CROSSGATE_WAMP_CODEC_H
#define CROSSGATE_WAMP_CODEC_H

#include "crossgate/wamp.h"

/* Message types (WAMP section "Message Codes and Direction"). */
enum { WAMP_HELLO = 1, WAMP_ABORT = 3 };

struct codec {
    bool (*read_hello)(struct span message, struct wamp_realm *realm);
    /* Returns how many bytes were written; 0: memory is out, or `size` is too small. */
    size_t (*print_abort)(const char *uri, const char *text, uint8_t *out, size_t size);
};

extern const struct codec codec_json, codec_msgpack, codec_cbor;

/* Copies the realm if it is UTF-8 and has a length that a realm may have. */
bool realm_set(struct wamp_realm *realm, const void *at, size_t length) __attribute__((warn_unused_result));

#endif
