#include "reader.h"

#include "place.h"

#include <stdlib.h>

enum { SHOWN_MAX = 60 };

const char *config_json_print(struct arena *arena, const struct config_json *json, bool pretty)
{
    size_t flags = JSON_ENCODE_ANY | (pretty ? JSON_INDENT(3) | JSON_SORT_KEYS : (size_t)JSON_COMPACT);
    char *text = json_dumps((const json_t *)json, flags);
    const char *copy = text ? arena_copy(arena, span_string(text)) : NULL;

    free(text);
    return copy;
}

/* Cuts before a character, never within one. */
static size_t cut(const char *text, size_t length)
{
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

static const char *shorten(struct config_reader *reader, const char *text)
{
    size_t length = strlen(text);

    if (length <= SHOWN_MAX)
        return text;
    return config_format(reader, "%.*s… (%zu bytes)", (int)cut(text, SHOWN_MAX), text, length);
}

const char *reader_show(struct config_reader *reader, const struct config_place *place, const json_t *value)
{
    if (json_is_object(value))
        return "an object";
    if (json_is_array(value))
        return config_format(reader, "a list of %zu", json_array_size(value));
    if (place_is_secret(place) && json_is_string(value))
        return "a string that is not shown here";
    if (json_is_string(value) && strstr(json_string_value(value), "-----BEGIN"))
        return "PEM text, not shown here";
    const char *text = config_json_print(reader->arena, (const struct config_json *)value, false);
    if (!text) {
        diagnostics_add_memory(reader->diagnostics);
        return "";
    }
    return shorten(reader, text);
}

const char *reader_show_text(struct config_reader *reader, const char *text)
{
    return config_format(reader, "\"%s\"", shorten(reader, text));
}
