#include "prefix.h"

#include <assert.h>

enum { RESERVED_BITS = 0xF0, X_BIT = 0x08, TYPE_BITS = 0x07 };

bool prefix_read(const uint8_t bytes[PREFIX_BYTES], struct prefix *prefix)
{
    unsigned type = bytes[0] & TYPE_BITS;
    bool extended = bytes[0] & X_BIT;
    prefix->length = (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    if (bytes[0] & RESERVED_BITS || type > PREFIX_PONG || (extended && prefix->length > 0))
        return false;
    prefix->type = (enum prefix_type)type;
    if (extended)
        prefix->length = PREFIX_LENGTH_MAX + 1;
    return true;
}

void prefix_print(struct prefix prefix, uint8_t bytes[PREFIX_BYTES])
{
    assert(prefix.length <= PREFIX_LENGTH_MAX);
    bytes[0] = (uint8_t)prefix.type;
    bytes[1] = (uint8_t)(prefix.length >> 16);
    bytes[2] = (uint8_t)(prefix.length >> 8);
    bytes[3] = (uint8_t)prefix.length;
}
