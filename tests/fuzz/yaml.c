/* Any text: parsed as YAML or refused with one error at least; and each value that was parsed has a place within it. */
#include "text.h"

#include "place.h"

#include <assert.h>
#include <stdlib.h>

static void find_again(const struct config_text *text, const struct config_place *place, json_t *value, unsigned depth)
{
    struct position end = text_position(text->bytes, text->bytes.len);
    struct position position = place_locate(text, place, false), name = place_locate(text, place, true);
    const char *key;
    json_t *member;

    assert(position.line >= 1 && position.column >= 1 && name.line >= 1 && name.column >= 1);
    /* Lines of YAML end in more than one way, those of an editor in line feeds only. */
    assert(position.line <= end.line + text->bytes.len && name.line <= end.line + text->bytes.len);
    if (depth == 0)
        return;
    json_object_foreach(value, key, member)
    {
        find_again(text, &(struct config_place){.up = place, .key = key}, member, depth - 1);
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        find_again(text, &(struct config_place){.up = place, .index = i}, json_array_get(value, i), depth - 1);
}

/* As many values as their marks say, and as many below each. */
static size_t count(json_t *value, const struct mark *mark, unsigned depth)
{
    size_t values = 1, below = 0;

    assert(depth <= 101);
    for (const struct mark *at = mark->first; at; at = at->next, below++) {
        json_t *member = at->key ? json_object_get(value, at->key) : json_array_get(value, below);
        assert(member);
        values += count(member, at, depth + 1);
    }
    assert(below == (json_is_object(value) ? json_object_size(value) : json_array_size(value)));
    assert(values == mark->count);
    return values;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config_text *text = diagnostics ? config_text_new("f.yaml", span_of(data, size), diagnostics) : NULL;
    unsigned errors = diagnostics ? diagnostics_count(diagnostics, PROBLEM_ERROR) : 1;

    assert((text == NULL) == (errors > 0));
    if (text && count(text->root, text->marks, 0) < 1000)
        find_again(text, &(struct config_place){0}, text->root, 101);
    config_text_free(text);
    diagnostics_free(diagnostics);
    return 0;
}
