#include "reader.h"

#include "place.h"

static json_t *resolve_value(struct config_reader *reader, const struct config_row *row,
                             const struct config_place *place, json_t *value);

/* "ws://name:word@host" without what may be a password. */
static json_t *hide_user(const char *text)
{
    const char *authority = strstr(text, "://"), *at = authority ? strchr(authority, '@') : NULL;

    if (!at || strcspn(authority + 3, "/?#") < (size_t)(at - authority - 3))
        return json_string(text);
    return json_sprintf("%.*shidden%s", (int)(authority + 3 - text), text, at);
}

static json_t *resolve_integer(struct config_reader *reader, const struct config_row *row, json_t *value)
{
    const char *name = row->environment ? reader_variable_name(value) : NULL;
    const char *text = name ? reader->variable(reader->user, name) : NULL;
    uint64_t number;

    if (text && span_to_uint(span_string(text), INT64_MAX, &number))
        return json_integer((json_int_t)number);
    return json_incref(value);
}

static json_t *resolve_boolean(struct config_reader *reader, json_t *value)
{
    const char *text = json_string_value(value);

    return text ? json_boolean(reader_text_is_true(reader, text)) : json_incref(value);
}

/* Takes the value over; NULL: memory was out. */
static void put(struct config_reader *reader, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        diagnostics_add_memory(reader->diagnostics);
}

static void resolve_key(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                        json_t *value, json_t *resolved);

/* `type`: that by which the object was chosen, or NULL. `value` may be NULL: an object without keys. */
static json_t *resolve_object(struct config_reader *reader, const struct config_object *object, const char *type,
                              const struct config_place *place, json_t *value)
{
    size_t count = reader_count_rows(reader, object, value);
    json_t *resolved = json_object();

    if (type)
        put(reader, resolved, "type", json_string(type));
    for (size_t i = 0; i < count; i++) {
        const struct config_row *row = &object->rows[i];
        const struct config_place below = {.up = place, .key = row->key};
        resolve_key(reader, row, &below, json_object_get(value, row->key), resolved);
    }
    return resolved;
}

static void resolve_key(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                        json_t *value, json_t *resolved)
{
    bool accepted = row->status == CONFIG_REFUSED && value && row_accepts(row, value);

    if (accepted)
        put(reader, resolved, row->key, json_incref(value));
    else if (!row_is_read(row) || (!value && reader->strict && row->status == CONFIG_EXTENSION))
        return;
    else if (value)
        put(reader, resolved, row->key, resolve_value(reader, row, place, value));
    else if (row->kind == CONFIG_OBJECT && row->implied)
        put(reader, resolved, row->key, resolve_object(reader, row->object, NULL, place, NULL));
    else if (row_has_standard(row))
        put(reader, resolved, row->key,
            row->kind == CONFIG_BOOL ? json_boolean(row->standard) : json_integer(row->standard));
}

static json_t *resolve_choice(struct config_reader *reader, const struct config_row *row,
                              const struct config_place *place, json_t *value)
{
    const json_t *given = json_object_get(value, "type");
    const char *type = given ? json_string_value(given) : row->variants->standard;
    const struct config_variant *variant = type ? row_find_variant(row, type) : NULL;

    if (variant && (variant->status == CONFIG_SERVED || variant->status == CONFIG_EXTENSION))
        return resolve_object(reader, variant->object, type, place, value);
    return json_pack("{s:s?}", "type", type);
}

static json_t *resolve_list(struct config_reader *reader, const struct config_row *row,
                            const struct config_place *place, json_t *value)
{
    json_t *resolved = json_array();

    if (!json_is_array(value))
        return json_pack("[o]", resolve_value(reader, row->item, place, value));
    for (size_t i = 0; i < json_array_size(value); i++) {
        const struct config_place below = {.up = place, .index = i};
        json_t *element = resolve_value(reader, row->item, &below, json_array_get(value, i));
        if (json_array_append_new(resolved, element) != 0)
            diagnostics_add_memory(reader->diagnostics);
    }
    return resolved;
}

static json_t *resolve_map(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                           json_t *value)
{
    json_t *resolved = json_object(), *member;
    const char *key;

    json_object_foreach(value, key, member)
    {
        const struct config_place below = {.up = place, .key = key};
        put(reader, resolved, key, resolve_value(reader, row->item, &below, member));
    }
    return resolved;
}

static json_t *resolve_value(struct config_reader *reader, const struct config_row *row,
                             const struct config_place *place, json_t *value)
{
    if (row->nullable && json_is_null(value))
        return json_null();
    switch (row->kind) {
    case CONFIG_STRING:
        return place_is_secret(place) ? json_string("(hidden)") : hide_user(json_string_value(value));
    case CONFIG_INTEGER:
        return resolve_integer(reader, row, value);
    case CONFIG_OBJECT:
        return resolve_object(reader, row->object, NULL, place, value);
    case CONFIG_CHOICE:
        return resolve_choice(reader, row, place, value);
    case CONFIG_LIST:
        return resolve_list(reader, row, place, value);
    case CONFIG_MAP:
        return resolve_map(reader, row, place, value);
    case CONFIG_BOOL:
        return resolve_boolean(reader, value);
    case CONFIG_ANY:
        break;
    }
    return json_incref(value);
}

bool config_print_resolved(struct config_reader *reader, const struct config_object *root, FILE *out)
{
    const struct config_place place = {.up = NULL};
    unsigned errors = diagnostics_count(reader->diagnostics, PROBLEM_ERROR);
    json_t *resolved = resolve_object(reader, root, NULL, &place, reader->text->root);
    bool whole = resolved && diagnostics_count(reader->diagnostics, PROBLEM_ERROR) == errors;
    bool printed = whole && json_dumpf(resolved, out, JSON_INDENT(2)) == 0;

    json_decref(resolved);
    return printed;
}
