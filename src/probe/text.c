#include "text.h"

#include "crossgate/base/utf8.h"

/* Bytes of the character that this one begins; 1 for what cannot begin any. */
static size_t length_of(uint8_t lead)
{
    if (lead >= 0xF0)
        return 4;
    return lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
}

/* `character` is valid UTF-8. */
static uint32_t code_point(struct span character)
{
    static const uint8_t lead_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t point = character.at[0] & lead_bits[character.len];
    for (size_t i = 1; i < character.len; i++)
        point = point << 6 | (character.at[i] & 0x3F);
    return point;
}

static bool is_harmless(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } bad[] = {
        {0x0000, 0x001F}, {0x007F, 0x009F},   /* control characters */
        {0x061C, 0x061C}, {0x200B, 0x200F},   /* marks without width, and of direction */
        {0x2028, 0x202E}, {0x2060, 0x206F},   /* separators of lines, overrides, isolates */
        {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF},   /* variants, byte order mark */
        {0xFFF0, 0xFFFF}, {0xE0000, 0x10FFFF} /* specials, tags, private use */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (point >= bad[i].first && point <= bad[i].last)
            return false;
    return true;
}

void text_copy(char *to, size_t size, struct span from)
{
    size_t used = 0;
    while (from.len > 0) {
        struct span character = span_head(from, length_of(from.at[0]));
        bool valid = utf8_is_valid(character);
        if (!valid)
            character.len = 1;
        bool shown = valid && is_harmless(code_point(character));
        struct span out = shown ? character : SPAN("?");
        if (out.len >= size - used)
            break;
        memcpy(to + used, out.at, out.len);
        used += out.len;
        from = span_tail(from, character.len);
    }
    to[used] = '\0';
}
