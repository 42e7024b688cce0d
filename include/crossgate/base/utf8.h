/* Is it UTF-8 (RFC 3629)? Text is judged as it comes, in parts of any length, and found wrong at the first byte that no
 * continuation could make right. Pure. */
#ifndef CROSSGATE_BASE_UTF8_H
#define CROSSGATE_BASE_UTF8_H

#include "crossgate/base/span.h"

/* Zeroed: between two characters. */
struct utf8 {
    uint8_t left;            /* bytes that the character under way still needs */
    uint8_t lowest, highest; /* bounds of the next one of them */
};

/* The next part of the text. False: it is not UTF-8, whatever follows; there is nothing to feed any more. */
bool utf8_feed(struct utf8 *utf8, struct span part) __attribute__((warn_unused_result));

/* May the text end here? */
static inline bool utf8_is_whole(const struct utf8 *utf8)
{
    return utf8->left == 0;
}

/* A text at once. */
bool utf8_is_valid(struct span text);

#endif
