/* A pattern and a field Origin, arbitrary bytes, a line feed between: the match is the one that a table of all beginnings
 * finds, whoever is said to match no page matches none, and what is written instead is sound. */
#include "crossgate/websocket.h"

#include <assert.h>
#include <stdlib.h>

enum { PATTERN_MAX = 128 };

/* reached[j]: the pattern so far matches the first j bytes. */
static bool matches_by_table(struct span pattern, struct span text)
{
    bool reached[ORIGIN_TEXT + 1] = {true};
    for (size_t i = 0; i < pattern.len; i++) {
        bool star = pattern.at[i] == '*';
        for (size_t j = text.len + 1; j-- > 0 && !star;)
            reached[j] = j > 0 && reached[j - 1] && text.at[j - 1] == pattern.at[i];
        for (size_t j = 1; j <= text.len && star; j++)
            reached[j] |= reached[j - 1];
    }
    return reached[text.len];
}

static bool matches(struct span pattern, struct span text)
{
    struct arena *arena = arena_new();
    struct origin_pattern made;
    bool done = arena && origin_pattern_init(&made, arena, pattern);
    assert(done);
    bool found = origin_pattern_matches(&made, text);
    arena_free(arena);
    return found;
}

static bool is_of_page(struct span origin)
{
    return span_starts(origin, SPAN("https://")) || span_starts(origin, SPAN("http://"));
}

static void judge(struct span pattern, struct span field)
{
    char text[ORIGIN_TEXT], again[ORIGIN_TEXT], better[ORIGIN_TEXT];
    struct span raw = span_head(field, ORIGIN_TEXT);
    assert(matches(pattern, raw) == matches_by_table(pattern, raw));

    enum origin_doubt doubt = origin_pattern_doubt(pattern);
    if (origin_pattern_better(pattern, better))
        assert(origin_pattern_doubt(span_string(better)) == ORIGIN_SOUND);
    if (!origin_normalise(field, text))
        return;
    struct span origin = span_string(text);
    assert(origin_normalise(origin, again) && span_equal(span_string(again), origin));
    bool found = matches(pattern, origin);
    assert(found == matches_by_table(pattern, origin));
    if (doubt != ORIGIN_SOUND && doubt < ORIGIN_OPEN_END && is_of_page(origin))
        assert(!found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    if (!end)
        return 0;
    struct span pattern = span_of(data, (size_t)(end - data));
    judge(span_head(pattern, PATTERN_MAX), span_of(end + 1, size - pattern.len - 1));
    return 0;
}
