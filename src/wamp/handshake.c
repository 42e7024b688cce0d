/* The four bytes each way with which RawSocket begins. Pure.
 *
 *     0x7F | limit: 4 bits, 2^(9 + limit) bytes | serializer: 4 bits | 0 | 0
 *
 * A refusal has the reason in place of the limit, and 0 as serializer. */
#include "crossgate/wamp.h"

#include <assert.h>

enum { LIMIT_SHIFT = 9, LIMIT_HIGHEST = 15 };

enum refusal { REFUSED_SERIALIZER = 1, REFUSED_LENGTH, REFUSED_RESERVED, REFUSED_COUNT };

static uint8_t exponent_of(uint64_t bytes)
{
    uint8_t exponent = 0;
    while (exponent < LIMIT_HIGHEST && UINT64_C(1) << (LIMIT_SHIFT + exponent) < bytes)
        exponent++;
    return exponent;
}

uint32_t rawsocket_limit(uint64_t bytes)
{
    return UINT32_C(1) << (LIMIT_SHIFT + exponent_of(bytes));
}

void rawsocket_print(const struct wamp_serializer *serializer, uint32_t limit, uint8_t bytes[RAWSOCKET_HANDSHAKE])
{
    assert(limit == rawsocket_limit(limit));
    bytes[0] = RAWSOCKET_MAGIC;
    bytes[1] = (uint8_t)(exponent_of(limit) << 4 | serializer->number);
    bytes[2] = bytes[3] = 0;
}

static void print_refusal(enum refusal reason, uint8_t bytes[RAWSOCKET_HANDSHAKE])
{
    bytes[0] = RAWSOCKET_MAGIC;
    bytes[1] = (uint8_t)(reason << 4);
    bytes[2] = bytes[3] = 0;
}

static void read_terms(uint8_t second_byte, struct rawsocket_terms *terms)
{
    terms->serializer = wamp_by_number(second_byte & 0x0F);
    terms->accepts = UINT32_C(1) << (LIMIT_SHIFT + (second_byte >> 4));
}

enum ending rawsocket_request_check(const uint8_t bytes[RAWSOCKET_HANDSHAKE], wamp_serializers set,
                                    struct rawsocket_terms *terms, uint8_t refusal[RAWSOCKET_HANDSHAKE])
{
    read_terms(bytes[1], terms);
    if (bytes[0] != RAWSOCKET_MAGIC || bytes[2] != 0 || bytes[3] != 0) {
        print_refusal(REFUSED_RESERVED, refusal);
        return ENDING_RS_HANDSHAKE;
    }
    if (!terms->serializer || !wamp_has(set, terms->serializer)) {
        print_refusal(REFUSED_SERIALIZER, refusal);
        return ENDING_NO_SERIALIZER;
    }
    return ENDING_DONE;
}

static const char *refusal_text(unsigned reason)
{
    switch ((enum refusal)reason) {
    case REFUSED_SERIALIZER:
        return "serializer not supported";
    case REFUSED_LENGTH:
        return "message length not acceptable";
    case REFUSED_RESERVED:
        return "reserved bits not supported";
    case REFUSED_COUNT:
        return "too many connections";
    }
    return "refused without a known reason";
}

enum ending rawsocket_answer_check(const uint8_t bytes[RAWSOCKET_HANDSHAKE], const struct wamp_serializer *asked,
                                   struct rawsocket_terms *terms, const char **reason)
{
    if (bytes[0] != RAWSOCKET_MAGIC || bytes[2] != 0 || bytes[3] != 0)
        return ENDING_BACKEND_BROKEN;
    if ((bytes[1] & 0x0F) == 0) {
        *reason = refusal_text(bytes[1] >> 4);
        return ENDING_BACKEND_DENIED;
    }
    read_terms(bytes[1], terms);
    return terms->serializer == asked ? ENDING_DONE : ENDING_BACKEND_BROKEN;
}
