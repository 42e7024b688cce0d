#include "crossgate/base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { WORD_MAX = 40 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same(char a, char b)
{
    if (a == '-' || a == '.' || a == ' ')
        a = '_';
    if (b == '-' || b == '.' || b == ' ')
        b = '_';
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Insertions, deletions, replacements and swaps of neighbours (optimal string alignment), with three rows in hand. Case and
 * the choice of separator do not count. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t j = 0; j <= b_len; j++)
        last[j] = before[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[b_len];
}

/* A word is near if at most a third of it must be changed: enough for a slip, too little for another word. Who writes the
 * beginning of a word that is known has it completed ("cert", "dir"). */
void nearest_offer(struct nearest *nearest, const char *candidate)
{
    size_t word_len = strlen(nearest->word), candidate_len = strlen(candidate);

    if (word_len == 0 || word_len > WORD_MAX || candidate_len > WORD_MAX)
        return;
    size_t far = distance(nearest->word, word_len, candidate, candidate_len);
    size_t longer = word_len > candidate_len ? word_len : candidate_len;
    bool begins = word_len >= 3 && strncasecmp(candidate, nearest->word, word_len) == 0;
    if (far * 3 > longer && !begins && !(far == 1 && longer > 1))
        return;
    if (!nearest->best || far < nearest->distance) {
        nearest->best = candidate;
        nearest->distance = far;
    }
}
