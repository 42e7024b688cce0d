/* Any text: parsed or refused with one error at least; and what was parsed is found again at its place. */
#include "text.h"

#include "place.h"

#include <assert.h>
#include <stdlib.h>

static size_t offset_of(struct span bytes, struct position position)
{
    size_t at = 0;

    for (unsigned line = 1; line < position.line; at++)
        line += bytes.at[at] == '\n';
    for (unsigned column = 1; column < position.column; column++) {
        at++;
        while (at < bytes.len && (bytes.at[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}

static void find_again(const struct config_text *text, const struct config_place *place, json_t *value, unsigned depth)
{
    size_t at = offset_of(text->bytes, place_locate(text, place, false));
    size_t end = text_skip_value(text->bytes, at);
    json_t *found = json_loadb((const char *)text->bytes.at + at, end - at, JSON_DECODE_ANY, NULL);
    const char *key;
    json_t *member;

    assert(found && json_equal(found, value));
    json_decref(found);
    if (depth == 0)
        return;
    json_object_foreach(value, key, member)
    {
        find_again(text, &(struct config_place){.up = place, .key = key}, member, depth - 1);
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        find_again(text, &(struct config_place){.up = place, .index = i}, json_array_get(value, i), depth - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config_text *text = diagnostics ? config_text_new("f", span_of(data, size), diagnostics) : NULL;
    unsigned errors = diagnostics ? diagnostics_count(diagnostics, PROBLEM_ERROR) : 1;

    assert((text == NULL) == (errors > 0));
    if (text && size < 2000)
        find_again(text, &(struct config_place){0}, text->root, 20);
    config_text_free(text);
    diagnostics_free(diagnostics);
    return 0;
}
