#include "crossgate/base/span.h"

bool span_next_item(struct span *rest, struct span *item)
{
    while (rest->len > 0) {
        const uint8_t *comma = memchr(rest->at, ',', rest->len);
        size_t len = comma ? (size_t)(comma - rest->at) : rest->len;
        *item = span_trim(span_head(*rest, len));
        *rest = span_tail(*rest, comma ? len + 1 : len);
        if (item->len > 0)
            return true;
    }
    return false;
}

bool span_to_uint(struct span s, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        unsigned digit = (unsigned)(s.at[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *out = value;
    return true;
}
