#include "place.h"

#include <ctype.h>
#include <stdlib.h>

/* Finding in JSON: the text is walked through. */

struct spot {
    size_t key;   /* offset of the key, or of the element */
    size_t value; /* offset of the value */
    bool found;   /* false: offsets are those of the innermost value on the way */
};

static struct spot find_member(struct span text, size_t object, const char *key)
{
    size_t at = text_skip_space(text, object + 1);

    while (at < text.len && text.at[at] == '"') {
        size_t value = text_skip_space(text, text_skip_space(text, text_skip_value(text, at)) + 1);
        if (text_key_is(text, at, key))
            return (struct spot){at, value, true};
        at = text_skip_space(text, text_skip_value(text, value));
        if (at < text.len && text.at[at] == ',')
            at = text_skip_space(text, at + 1);
    }
    return (struct spot){object, object, false};
}

static struct spot find_element(struct span text, size_t list, size_t index)
{
    size_t at = text_skip_space(text, list + 1);

    while (at < text.len && text.at[at] != ']') {
        if (index-- == 0)
            return (struct spot){at, at, true};
        at = text_skip_space(text, text_skip_value(text, at));
        if (at < text.len && text.at[at] == ',')
            at = text_skip_space(text, at + 1);
    }
    return (struct spot){list, list, false};
}

static struct spot find(struct span text, const struct config_place *place)
{
    if (!place || !place->up) {
        size_t root = text_skip_space(text, 0);
        return (struct spot){root, root, true};
    }
    struct spot up = find(text, place->up);
    if (!up.found || up.value >= text.len)
        return up;
    if (place->key && text.at[up.value] == '{')
        return find_member(text, up.value, place->key);
    if (!place->key && text.at[up.value] == '[')
        return find_element(text, up.value, place->index);
    up.found = false;
    return up;
}

/* Finding in YAML: all places have been marked while it was parsed. */

static const struct mark *find_below(const struct mark *up, const struct config_place *place)
{
    const struct mark *mark = up->first;

    for (size_t i = 0; mark && (place->key ? !mark->key || strcmp(mark->key, place->key) != 0 : i < place->index); i++)
        mark = mark->next;
    return mark && !mark->key == !place->key ? mark : NULL;
}

static const struct mark *find_mark(const struct mark *root, const struct config_place *place, bool *found)
{
    if (!place || !place->up) {
        *found = true;
        return root;
    }
    const struct mark *up = find_mark(root, place->up, found);
    const struct mark *mark = *found ? find_below(up, place) : NULL;
    *found = mark != NULL;
    return mark ? mark : up;
}

static struct position locate_mark(const struct mark *root, const struct config_place *place, bool name)
{
    bool found;
    const struct mark *mark = find_mark(root, place, &found);

    return name && found ? mark->name : mark->value;
}

struct position place_locate(const struct config_text *text, const struct config_place *place, bool name)
{
    if (text->marks)
        return locate_mark(text->marks, place, name);
    struct spot spot = find(text->bytes, place);

    return text_position(text->bytes, name && spot.found ? spot.key : spot.value);
}

/* Printing. */

static bool is_plain(const char *key)
{
    if (!isalpha((unsigned char)*key) && *key != '_' && *key != '$')
        return false;
    for (; *key; key++) {
        if (!isalnum((unsigned char)*key) && *key != '_')
            return key[0] == '$' && key[1] != '\0' && is_plain(key + 1);
    }
    return true;
}

static void print_step(FILE *out, const struct config_place *place)
{
    if (!place->key) {
        fprintf(out, "[%zu]", place->index);
    } else if (is_plain(place->key)) {
        fprintf(out, ".%s", place->key);
    } else {
        json_t *key = json_string(place->key);
        putc('[', out);
        if (key)
            json_dumpf(key, out, JSON_ENCODE_ANY);
        putc(']', out);
        json_decref(key);
    }
}

static void print_steps(FILE *out, const struct config_place *place)
{
    if (!place || !place->up)
        return;
    print_steps(out, place->up);
    print_step(out, place);
}

const char *place_print(struct arena *arena, const struct config_place *place)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    const char *copy = NULL;

    if (!out)
        return NULL;
    putc('$', out);
    print_steps(out, place);
    if (fclose(out) == 0)
        copy = arena_copy(arena, span_of(text, size));
    free(text);
    return copy;
}

bool place_is_secret(const struct config_place *place)
{
    static const char *const secrets[] = {"auth", "secret", "ticket", "password", "github_secret", "keyring"};

    for (; place && place->up; place = place->up) {
        for (size_t i = 0; place->key && i < sizeof secrets / sizeof secrets[0]; i++) {
            if (strcmp(place->key, secrets[i]) == 0)
                return true;
        }
    }
    return false;
}
