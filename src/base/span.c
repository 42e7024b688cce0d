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

struct span span_print_uint(uint64_t number, char digits[SPAN_DIGITS])
{
    size_t first = SPAN_DIGITS;
    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return span_of(digits + first, SPAN_DIGITS - first);
}

static bool is_text(uint8_t c)
{
    return (c >= 0x20 || c == '\t') && c != 0x7f;
}

/* Eight bytes at a time: none of them is below 0x20 or is 0x7f. (Sean Anderson's "hasless" and "haszero": exact for the whole
 * word, which is all that is asked.) */
static bool is_plain_word(const uint8_t *at)
{
    const uint64_t ones = UINT64_MAX / 255, highs = ones * 0x80;
    uint64_t word;
    memcpy(&word, at, sizeof word);
    uint64_t del = word ^ ones * 0x7f;
    return ((((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & highs) == 0;
}

size_t span_text_run(struct span s)
{
    size_t n = 0;
    while (s.len - n >= 8 && is_plain_word(s.at + n))
        n += 8;
    while (n < s.len && is_text(s.at[n]))
        n++;
    return n;
}
