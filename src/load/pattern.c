#include "pattern.h"

#include <sys/random.h>

bool pattern_fill(struct pattern *pattern)
{
    size_t have = 0;
    while (have < PATTERN_BYTES) {
        ssize_t n = getrandom(pattern->bytes + have, PATTERN_BYTES - have, 0);
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    memcpy(pattern->bytes + PATTERN_BYTES, pattern->bytes, PATTERN_BYTES);
    return true;
}

bool pattern_is(const struct pattern *pattern, uint64_t place, struct span bytes)
{
    while (bytes.len > 0) {
        struct span part = span_head(bytes, PATTERN_BYTES);
        if (memcmp(part.at, pattern->bytes + place % PATTERN_BYTES, part.len) != 0)
            return false;
        place += part.len;
        bytes = span_tail(bytes, part.len);
    }
    return true;
}
