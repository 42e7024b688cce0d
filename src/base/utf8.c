#include "crossgate/base/utf8.h"

enum { STRIDE = 32 };

static const uint64_t HIGH_BITS = 0x8080808080808080;

static bool is_ascii(const uint8_t at[STRIDE])
{
    uint64_t words[STRIDE / 8];
    memcpy(words, at, STRIDE);
    return ((words[0] | words[1] | words[2] | words[3]) & HIGH_BITS) == 0;
}

/* Bytes at the start that are ASCII: nearly all of JSON. */
static size_t ascii_length(struct span text)
{
    size_t n = 0;
    while (text.len - n >= STRIDE && is_ascii(text.at + n))
        n += STRIDE;
    while (n < text.len && text.at[n] < 0x80)
        n++;
    return n;
}

/* RFC 3629 section 4. The second byte is what tells overlong forms, surrogates and what is beyond U+10FFFF. */
static bool begin_character(struct utf8 *utf8, uint8_t lead)
{
    if (lead < 0xC2 || lead > 0xF4)
        return false;
    utf8->left = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    utf8->lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    utf8->highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    return true;
}

static bool go_on(struct utf8 *utf8, uint8_t byte)
{
    if (byte < utf8->lowest || byte > utf8->highest)
        return false;
    utf8->left--;
    utf8->lowest = 0x80;
    utf8->highest = 0xBF;
    return true;
}

bool utf8_feed(struct utf8 *utf8, struct span part)
{
    size_t i = 0;
    while (i < part.len) {
        uint8_t byte = part.at[i];
        if (utf8->left > 0) {
            if (!go_on(utf8, byte))
                return false;
            i++;
        } else if (byte < 0x80) {
            i += ascii_length(span_tail(part, i));
        } else {
            if (!begin_character(utf8, byte))
                return false;
            i++;
        }
    }
    return true;
}

bool utf8_is_valid(struct span text)
{
    struct utf8 utf8 = {0};
    return utf8_feed(&utf8, text) && utf8_is_whole(&utf8);
}
