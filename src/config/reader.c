#include "reader.h"

#include "crossgate/base/nearest.h"

#include <ctype.h>
#include <stdlib.h>

/* What a message calls the value: "port", "element 2". */
static const char *name_of(struct config_reader *reader, const struct config_place *place)
{
    if (!place->up)
        return "the document";
    return place->key ? place->key : config_format(reader, "element %zu", place->index);
}

static unsigned error_count(const struct config_reader *reader)
{
    return diagnostics_count(reader->diagnostics, PROBLEM_ERROR);
}

/* Values. */

static const char *allowed(struct config_reader *reader, const struct config_row *row)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out) {
        diagnostics_add_memory(reader->diagnostics);
        return "";
    }
    row_print_allowed(row, out);
    const char *copy = fclose(out) == 0 ? config_format(reader, "%s", text) : "";
    free(text);
    return copy;
}

static bool is_container(const struct config_row *row)
{
    return row->kind == CONFIG_OBJECT || row->kind == CONFIG_CHOICE || row->kind == CONFIG_LIST ||
           row->kind == CONFIG_MAP;
}

/* What people mean by a value of another kind; NULL: nobody knows. */
static const char *kind_remedy(struct config_reader *reader, const struct config_row *row, json_t *value)
{
    const char *text = json_string_value(value);
    uint64_t number;

    if (row->kind == CONFIG_INTEGER && text && span_to_uint(span_string(text), UINT64_MAX, &number))
        return "write the number without quotes";
    if (row->kind == CONFIG_INTEGER && text && isdigit((unsigned char)*text) && row->unit)
        return config_format(reader, "write a number, which is in %s", row->unit);
    if (row->kind == CONFIG_CHOICE && text && row_find_variant(row, text))
        return config_format(reader, "write {\"type\": \"%s\"}", text);
    if (is_container(row) && json_is_null(value) && reader->text->marks)
        return config_format(reader, "lines that belong to a key are indented deeper than it; for none write %s",
                             row->kind == CONFIG_LIST ? "[]" : "{}");
    return NULL;
}

static const char *value_remedy(struct config_reader *reader, const struct config_row *row, json_t *value)
{
    const char *remedy = kind_remedy(reader, row, value);

    if (!remedy && row->kind != CONFIG_MAP) /* whose remedy is that of its keys */
        remedy = row->remedy;
    if (!remedy && row->kind == CONFIG_LIST && json_is_object(value))
        remedy = reader->text->marks ? "begin each element with a dash" : "put it in brackets: [{…}]";
    if (!remedy && row->kind == CONFIG_LIST && json_is_string(value))
        remedy = config_format(reader, "write a list: [%s]", reader_show_text(reader, json_string_value(value)));
    if (!remedy && row->kind == CONFIG_INTEGER && json_is_boolean(value))
        remedy = "Crossbar takes true for 1 and false for 0; write the number";
    return remedy;
}

static void refuse_value(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                         json_t *value)
{
    config_report(reader, PROBLEM_ERROR, place, value_remedy(reader, row, value), "%s must be %s, found %s",
                  name_of(reader, place), allowed(reader, row), reader_show(reader, place, value));
}

static bool in_range(const struct config_row *row, int64_t value)
{
    return (value >= row->min && value <= row->max) || (row->zero_too && value == 0);
}

static bool is_variable_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!isalpha(name.at[i]) && name.at[i] != '_' && (i == 0 || !isdigit(name.at[i])))
            return false;
    }
    return name.len > 0;
}

const char *reader_variable_name(json_t *value)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "";

    return text[0] == '$' && is_variable_name(span_string(text + 1)) ? text + 1 : NULL;
}

static void read_variable(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                          const char *name, int64_t *member)
{
    const char *text = reader->variable(reader->user, name);
    uint64_t value;

    if (!text)
        config_report(reader, PROBLEM_ERROR, place, config_format(reader, "set it: export %s=…", name),
                      "%s is taken from the environment variable %s, which is not set", name_of(reader, place), name);
    else if (!span_to_uint(span_string(text), INT64_MAX, &value) || !in_range(row, (int64_t)value))
        config_report(reader, PROBLEM_ERROR, place, NULL,
                      "%s is taken from the environment variable %s, which is %s, but must be %s",
                      name_of(reader, place), name, reader_show_text(reader, text), allowed(reader, row));
    else
        *member = (int64_t)value;
}

static void read_integer(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                         json_t *value, int64_t *member)
{
    const char *variable = row->environment ? reader_variable_name(value) : NULL;

    if (variable)
        read_variable(reader, row, place, variable, member);
    else if (json_is_integer(value) && in_range(row, json_integer_value(value)))
        *member = json_integer_value(value);
    else
        refuse_value(reader, row, place, value);
}

/* NAME of "${NAME}" and nothing else: the form for booleans. NULL: it is something else. */
static const char *braced_name(struct config_reader *reader, const char *text)
{
    struct span name = span_tail(span_string(text), 2);

    if (strncmp(text, "${", 2) != 0 || name.len == 0 || name.at[name.len - 1] != '}')
        return NULL;
    name.len--;
    return is_variable_name(name) ? config_format(reader, "%.*s", SPAN_ARGS(name)) : NULL;
}

bool reader_text_is_true(struct config_reader *reader, const char *text)
{
    const char *name = braced_name(reader, text);
    const char *value = name ? reader->variable(reader->user, name) : text;

    return value && *value;
}

static void warn_of_text(struct config_reader *reader, const struct config_place *place, const char *text)
{
    const char *name = braced_name(reader, text);

    if (name && !reader->variable(reader->user, name))
        config_report(reader, PROBLEM_WARNING, place, config_format(reader, "set it: export %s=…", name),
                      "%s is taken from the environment variable %s, which is not set: that counts as false",
                      name_of(reader, place), name);
    else if (!name && *text)
        config_report(reader, PROBLEM_WARNING, place, "write true or false, without quotes, or \"${NAME}\"",
                      "%s is %s: every text that is not empty counts as true", name_of(reader, place),
                      reader_show_text(reader, text));
}

static void read_boolean(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                         json_t *value, bool *member)
{
    const char *text = row->environment ? json_string_value(value) : NULL;

    if (!text && !json_is_boolean(value)) {
        refuse_value(reader, row, place, value);
        return;
    }
    *member = text ? reader_text_is_true(reader, text) : json_is_true(value);
    if (text)
        warn_of_text(reader, place, text);
}

static void read_string(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                        json_t *value, const char **member)
{
    const char *text = json_string_value(value);

    if (!text || (row->fits && !row->fits(text)))
        refuse_value(reader, row, place, value);
    else if (!(*member = arena_copy(reader->arena, span_string(text))))
        diagnostics_add_memory(reader->diagnostics);
}

static void read_object(struct config_reader *reader, const struct config_object *object, bool typed,
                        const struct config_place *place, json_t *value, void *settings);
static void read_value(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                       json_t *value, void *member);

static void read_object_member(struct config_reader *reader, const struct config_row *row,
                               const struct config_place *place, json_t *value, void *member)
{
    void *settings = NULL;

    if (!json_is_object(value))
        refuse_value(reader, row, place, value);
    else if ((settings = config_alloc(reader, row->object->size + 1)))
        read_object(reader, row->object, false, place, value, settings);
    memcpy(member, &settings, sizeof settings);
}

/* Words to choose from. */

struct words {
    struct nearest nearest;
    FILE *out;
    char *text;
    size_t size;
    size_t count;
};

static void words_start(struct words *words, const char *found)
{
    *words = (struct words){.nearest = {.word = found}};
    words->out = open_memstream(&words->text, &words->size);
}

static void words_offer(struct words *words, const char *word, bool listed)
{
    nearest_offer(&words->nearest, word);
    if (listed && words->out)
        fprintf(words->out, "%s%s", words->count++ > 0 ? ", " : "", word);
}

/* The remedy: the nearest word, else all of them. */
static const char *words_finish(struct config_reader *reader, struct words *words, const char *what)
{
    const char *remedy = NULL;

    if (!words->out || fclose(words->out) != 0)
        diagnostics_add_memory(reader->diagnostics);
    else if (words->nearest.best)
        remedy = config_format(reader, "did you mean \"%s\"?", words->nearest.best);
    else if (words->count > 0)
        remedy = config_format(reader, "%s: %s", what, words->text);
    free(words->text);
    return remedy;
}

/* Choices. */

const struct config_variant *row_find_variant(const struct config_row *row, const char *type)
{
    for (size_t i = 0; i < row->variants->count; i++) {
        if (strcmp(row->variants->at[i].type, type) == 0)
            return &row->variants->at[i];
    }
    return NULL;
}

/* The type is missing, no string, or unknown. */
static void refuse_type(struct config_reader *reader, const struct config_variants *variants,
                        const struct config_place *place, const json_t *type)
{
    struct words words;

    words_start(&words, json_is_string(type) ? json_string_value(type) : "");
    for (size_t i = 0; i < variants->count; i++) {
        if (variants->at[i].status != CONFIG_WRONG)
            words_offer(&words, variants->at[i].type, variants->at[i].status != CONFIG_REFUSED);
    }
    const char *remedy = words_finish(reader, &words, "the types are");
    if (!type)
        config_report(reader, PROBLEM_ERROR, place, remedy, "type is missing: it says which %s is meant",
                      variants->name);
    else if (!json_is_string(type))
        config_report(reader, PROBLEM_ERROR, place, remedy, "type must be a string, found %s",
                      reader_show(reader, place, type));
    else
        config_report(reader, PROBLEM_ERROR, place, remedy, "there is no %s of type %s", variants->name,
                      reader_show(reader, place, type));
}

/* Whether the object behind the type is to be read. */
static bool accept_type(struct config_reader *reader, const struct config_variants *variants,
                        const struct config_variant *variant, const struct config_place *place)
{
    switch (variant->status) {
    case CONFIG_SERVED:
        return true;
    case CONFIG_EXTENSION:
        if (reader->strict)
            config_report(reader, PROBLEM_ERROR, place, "Crossbar does not know it: leave it out of a portable file",
                          "type \"%s\" of %s is an extension, and --strict refuses extensions", variant->type,
                          variants->name);
        return !reader->strict;
    case CONFIG_REFUSED:
        config_report(reader, PROBLEM_ERROR, place, variant->remedy,
                      "%s of type \"%s\" is known to Crossbar, but not served here%s%s", variants->name, variant->type,
                      variant->why ? ": " : "", variant->why ? variant->why : "");
        return false;
    case CONFIG_NODE:
    case CONFIG_IDLE:
        config_report(reader, PROBLEM_NOTE, place, NULL, "%s of type \"%s\" is not read: %s", variants->name,
                      variant->type, variant->why);
        return false;
    case CONFIG_WRONG:
        config_report(reader, PROBLEM_ERROR, place, NULL, "%s of type \"%s\" is refused: %s", variants->name,
                      variant->type, variant->why);
        return false;
    }
    return false;
}

static void read_choice(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                        json_t *value, struct config_choice *choice)
{
    const json_t *type = json_object_get(value, "type");
    const struct config_place *at_type = config_place_key(reader, place, "type");

    choice->place = place;
    if (!json_is_object(value)) {
        refuse_value(reader, row, place, value);
        return;
    }
    if (!json_is_string(type) && (type || !row->variants->standard)) {
        refuse_type(reader, row->variants, at_type, type);
        return;
    }
    const struct config_variant *variant =
        row_find_variant(row, type ? json_string_value(type) : row->variants->standard);
    if (!variant) {
        refuse_type(reader, row->variants, at_type, type);
    } else if (!accept_type(reader, row->variants, variant, at_type)) {
        if (variant->status == CONFIG_NODE || variant->status == CONFIG_IDLE)
            choice->variant = variant;
    } else if ((choice->settings = config_alloc(reader, variant->object->size + 1))) {
        choice->variant = variant;
        read_object(reader, variant->object, true, place, value, choice->settings);
    }
}

/* Lists and maps. */

static bool count_fits(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                       json_t *value, size_t count)
{
    if ((int64_t)count >= row->min && (row->max == 0 || (int64_t)count <= row->max))
        return true;
    refuse_value(reader, row, place, value);
    return false;
}

static struct config_item *items_new(struct config_reader *reader, struct config_items *items, size_t count)
{
    items->given = true;
    items->at = config_alloc(reader, count * sizeof *items->at + 1);
    items->count = items->at ? count : 0;
    return items->at;
}

static void read_list(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                      json_t *value, struct config_items *items)
{
    bool list = json_is_array(value);
    size_t count = list ? json_array_size(value) : 1;

    if (!list && !row->single_too) {
        refuse_value(reader, row, place, value);
        return;
    }
    if (!count_fits(reader, row, place, value, count) || !items_new(reader, items, count))
        return;
    for (size_t i = 0; i < count; i++) {
        items->at[i].place = list ? config_place_index(reader, place, i) : place;
        read_value(reader, row->item, items->at[i].place, list ? json_array_get(value, i) : value,
                   &items->at[i].string);
    }
}

static void check_key(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                      const struct config_place *at_key, const char *key)
{
    if (!row->fits || row->fits(key))
        return;
    if (!row->extends || !row->extends(key))
        reader_report_key(reader, PROBLEM_ERROR, at_key, row->remedy, "a key of %s must be %s, found %s",
                          name_of(reader, place), row->allowed, reader_show_text(reader, key));
    else if (reader->strict)
        reader_report_key(reader, PROBLEM_ERROR, at_key, "Crossbar does not know it: leave it out of a portable file",
                          "the key %s of %s is an extension, and --strict refuses extensions",
                          reader_show_text(reader, key), name_of(reader, place));
}

static void read_map(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                     json_t *value, struct config_items *items)
{
    const char *key;
    json_t *element;

    if (!json_is_object(value)) {
        refuse_value(reader, row, place, value);
        return;
    }
    if (!count_fits(reader, row, place, value, json_object_size(value)) ||
        !items_new(reader, items, json_object_size(value)))
        return;
    struct config_item *item = items->at;
    json_object_foreach(value, key, element)
    {
        item->key = config_format(reader, "%s", key);
        item->place = config_place_key(reader, place, item->key);
        check_key(reader, row, place, item->place, key);
        read_value(reader, row->item, item->place, element, &item->string);
        item++;
    }
}

/* Rows and objects. */

static void read_value(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                       json_t *value, void *member)
{
    switch (row->kind) {
    case CONFIG_BOOL:
        read_boolean(reader, row, place, value, member);
        break;
    case CONFIG_INTEGER:
        read_integer(reader, row, place, value, member);
        break;
    case CONFIG_STRING:
        read_string(reader, row, place, value, member);
        break;
    case CONFIG_OBJECT:
        read_object_member(reader, row, place, value, member);
        break;
    case CONFIG_CHOICE:
        read_choice(reader, row, place, value, member);
        break;
    case CONFIG_LIST:
        read_list(reader, row, place, value, member);
        break;
    case CONFIG_MAP:
        read_map(reader, row, place, value, member);
        break;
    case CONFIG_ANY:
        memcpy(member, &value, sizeof value);
        break;
    }
}

static bool is_of_kind(const struct config_row *row, json_t *value)
{
    switch (row->kind) {
    case CONFIG_BOOL:
        return json_is_boolean(value);
    case CONFIG_INTEGER:
        return json_is_integer(value) && (row->max == 0 || in_range(row, json_integer_value(value)));
    case CONFIG_STRING:
        return json_is_string(value) && (!row->fits || row->fits(json_string_value(value)));
    case CONFIG_OBJECT:
    case CONFIG_CHOICE:
    case CONFIG_MAP:
        return json_is_object(value);
    case CONFIG_LIST:
        return json_is_array(value) || row->single_too;
    case CONFIG_ANY:
        break;
    }
    return true;
}

bool row_accepts(const struct config_row *row, json_t *value)
{
    json_t *accepted = row->accepted ? json_loads(row->accepted, 0, NULL) : NULL;
    bool found = false;

    for (size_t i = 0; i < json_array_size(accepted) && !found; i++)
        found = json_equal(json_array_get(accepted, i), value);
    json_decref(accepted);
    return found;
}

static void refuse_known(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                         json_t *value)
{
    struct span accepted = row_accepted(row);
    const char *remedy = row->remedy;

    if (!remedy && accepted.len > 0)
        remedy = config_format(reader, "leave it out, or write %.*s", SPAN_ARGS(accepted));
    if (accepted.len > 0)
        reader_report_key(reader, PROBLEM_ERROR, place, remedy,
                          "%s is known to Crossbar, but not served here with another value than %.*s, found %s%s%s",
                          row->key, SPAN_ARGS(accepted), reader_show(reader, place, value), row->why ? ": " : "",
                          row->why ? row->why : "");
    else
        reader_report_key(reader, PROBLEM_ERROR, place, remedy, "%s is known to Crossbar, but not served here%s%s",
                          row->key, row->why ? ": " : "", row->why ? row->why : "");
}

/* Whether the value is to be stored; all else is said here. */
static bool accept_key(struct config_reader *reader, const struct config_row *row, const struct config_place *place,
                       json_t *value)
{
    const char *excuse;

    switch (row->status) {
    case CONFIG_SERVED:
        return true;
    case CONFIG_EXTENSION:
        if (reader->strict)
            reader_report_key(reader, PROBLEM_ERROR, place,
                              "Crossbar does not know it: leave it out of a portable file",
                              "%s is an extension, and --strict refuses extensions", row->key);
        return !reader->strict;
    case CONFIG_WRONG:
        reader_report_key(reader, PROBLEM_ERROR, place, row->remedy, "%s is refused: %s", row->key, row->why);
        return false;
    case CONFIG_REFUSED:
    case CONFIG_NODE:
    case CONFIG_IDLE:
        break;
    }
    if (!is_of_kind(row, value))
        refuse_value(reader, row, place, value);
    else if (row->excuse && (excuse = row->excuse(reader)))
        reader_report_key(reader, PROBLEM_NOTE, place, NULL, "%s is not used here: %s", row->key, excuse);
    else if (row->status != CONFIG_REFUSED)
        reader_report_key(reader, PROBLEM_NOTE, place, NULL, "%s is not used here: %s", row->key, row->why);
    else if (!row_accepts(row, value))
        refuse_known(reader, row, place, value);
    return false;
}

bool row_is_read(const struct config_row *row)
{
    return row->status == CONFIG_SERVED || row->status == CONFIG_EXTENSION;
}

bool row_has_standard(const struct config_row *row)
{
    if (!row_is_read(row) || row->required)
        return false;
    return row->kind == CONFIG_BOOL ||
           (row->kind == CONFIG_INTEGER && row->standard >= row->min && row->standard <= row->max);
}

static void store_standard(const struct config_row *row, uint8_t *settings)
{
    if (!row_is_read(row) || row->at == CONFIG_UNSTORED)
        return;
    if (row->kind == CONFIG_INTEGER)
        *(int64_t *)(void *)(settings + row->at) = row->standard;
    else if (row->kind == CONFIG_BOOL)
        *(bool *)(settings + row->at) = row->standard != 0;
}

/* Its length. The others are for those who read the reference. */
static int first_sentence(const char *doc)
{
    const char *end = strstr(doc, ". ");

    return (int)(end ? (size_t)(end + 1 - doc) : strlen(doc));
}

static void report_missing(struct config_reader *reader, const struct config_row *row, const struct config_place *up)
{
    const char *remedy =
        row->remedy || !row->unless ? row->remedy : config_format(reader, "or write `%s` instead", row->unless);

    config_report(reader, PROBLEM_ERROR, config_place_key(reader, up, row->key), remedy, "%s is missing: %.*s",
                  row->key, first_sentence(row->doc), row->doc);
}

static void read_row(struct config_reader *reader, const struct config_row *row, const struct config_place *up,
                     json_t *object, uint8_t *settings)
{
    json_t *value = json_object_get(object, row->key);
    union {
        int64_t integer;
        struct config_items items;
        struct config_choice choice;
        const char *string;
    } unstored = {.integer = 0};

    if (row->nullable && json_is_null(value)) {
        *(int64_t *)(void *)(settings + row->at) = row->null;
        return;
    }
    if (!value) {
        if (row->required && !(row->unless && json_object_get(object, row->unless)))
            report_missing(reader, row, up);
        store_standard(row, settings);
        return;
    }
    const struct config_place *place = config_place_key(reader, up, row->key);
    if (!accept_key(reader, row, place, value))
        return;
    read_value(reader, row, place, value, row->at == CONFIG_UNSTORED ? (void *)&unstored : settings + row->at);
    if (row->given)
        *(bool *)(settings + row->given) = true;
}

static void refuse_key(struct config_reader *reader, const struct config_object *object, bool typed,
                       const struct config_place *up, const char *key)
{
    const struct config_place *place = config_place_key(reader, up, config_format(reader, "%s", key));
    struct words words;

    words_start(&words, key);
    if (typed)
        words_offer(&words, "type", true);
    for (size_t i = 0; i < object->count; i++) {
        if (object->rows[i].status != CONFIG_WRONG)
            words_offer(&words, object->rows[i].key, true);
    }
    const char *remedy = words_finish(reader, &words, "the keys are");
    reader_report_key(reader, PROBLEM_ERROR, place, remedy, "there is no key %s in %s", reader_show_text(reader, key),
                      object->name);
}

static bool has_row(const struct config_object *object, bool typed, const char *key)
{
    if (typed && strcmp(key, "type") == 0)
        return true;
    for (size_t i = 0; i < object->count; i++) {
        if (strcmp(object->rows[i].key, key) == 0)
            return true;
    }
    return false;
}

size_t reader_count_rows(struct config_reader *reader, const struct config_object *object, const json_t *value)
{
    const char *holder = object->off[0];
    const json_t *off = holder ? json_object_get(json_object_get(value, holder), object->off[1]) : NULL;
    const char *text = json_string_value(off);
    size_t count = 0;

    if (!json_is_true(off) && !(text && reader_text_is_true(reader, text)))
        return object->count;
    while (strcmp(object->rows[count++].key, holder) != 0) {
    }
    return count;
}

/* `typed`: the object's type has been looked at already. */
static void read_object(struct config_reader *reader, const struct config_object *object, bool typed,
                        const struct config_place *place, json_t *value, void *settings)
{
    unsigned errors = error_count(reader);
    const char *key;
    json_t *member;

    json_object_foreach(value, key, member)
    {
        if (!has_row(object, typed, key))
            refuse_key(reader, object, typed, place, key);
    }
    if (object->begin)
        object->begin(reader, settings);
    size_t count = reader_count_rows(reader, object, value);
    for (size_t i = 0; i < count; i++)
        read_row(reader, &object->rows[i], place, value, settings);
    if (object->finish && error_count(reader) == errors)
        object->finish(reader, place, settings);
}

bool config_read(struct config_reader *reader, const struct config_object *root, void *settings)
{
    unsigned errors = error_count(reader);
    const struct config_place *place = config_alloc(reader, sizeof *place);

    if (!place)
        return false;
    if (json_is_object(reader->text->root))
        read_object(reader, root, false, place, reader->text->root, settings);
    else
        config_report(reader, PROBLEM_ERROR, place, NULL, "%s must be an object, found %s", root->name,
                      reader_show(reader, place, reader->text->root));
    return error_count(reader) == errors;
}
