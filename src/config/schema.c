#include "reader.h"

#include <assert.h>
#include <ctype.h>

/* JSON Schema of draft 2020-12 without formats that a validator could not know. What `finish` functions check is not in
 * it: it refuses nothing that the reader accepts, but not all that the reader refuses. Save that it looks into objects that are
 * switched off, as Crossbar's own check does. */

struct schema {
    const struct config_schema *settings;
    json_t *definitions;
    bool failed; /* memory was out */
};

/* Takes the value over. */
static void put(struct schema *schema, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        schema->failed = true;
}

static void append(struct schema *schema, json_t *list, json_t *value)
{
    if (json_array_append_new(list, value) != 0)
        schema->failed = true;
}

/* Descriptions. */

static const char *status_prefix(enum config_status status)
{
    switch (status) {
    case CONFIG_EXTENSION:
        return "Extension. ";
    case CONFIG_NODE:
    case CONFIG_IDLE:
        return "Not read here. ";
    case CONFIG_REFUSED:
        return "Not served here. ";
    case CONFIG_SERVED:
    case CONFIG_WRONG:
        break;
    }
    return "";
}

static void describe(struct schema *schema, json_t *object, enum config_status status, const char *doc)
{
    const char *prefix = status_prefix(status);

    if (doc || *prefix)
        put(schema, object, "description", json_sprintf("%s%s", prefix, doc ? doc : ""));
}

/* Definitions: "options of the service json" becomes "options-of-the-service-json". */

enum { NAME_MAX_LENGTH = 200 };

struct name {
    char text[NAME_MAX_LENGTH];
    size_t length;
};

static void name_append(struct name *name, const char *text)
{
    for (; *text && name->length + 1 < sizeof name->text; text++) {
        bool plain = isalnum((unsigned char)*text) || *text == '.' || *text == '_';
        name->text[name->length++] = *text;
        if (!plain)
            name->text[name->length - 1] = '-';
    }
    name->text[name->length] = '\0';
}

static json_t *reference(const struct name *name)
{
    return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", name->text));
}

/* Whether the definition is still to be made; it is known from now on, so that what contains itself comes to an end. */
static bool begin_definition(struct schema *schema, const struct name *name)
{
    if (json_object_get(schema->definitions, name->text))
        return false;
    put(schema, schema->definitions, name->text, json_true());
    return !schema->failed;
}

/* A value of "type" by which an object is chosen. */
struct type {
    const char *word; /* NULL: the object is not chosen */
    bool standard;    /* it may be left out */
};

static json_t *object_reference(struct schema *schema, const struct config_object *object, const struct name *name,
                                struct type type);
static json_t *variants_reference(struct schema *schema, const struct config_variants *variants);

/* Values. */

static void add_pattern(struct schema *schema, json_t *string, const struct config_row *row)
{
    const char *pattern = row->fits ? schema->settings->pattern(row->fits) : NULL;

    if (pattern)
        put(schema, string, "pattern", json_string(pattern));
}

static json_t *string_schema(struct schema *schema, const struct config_row *row)
{
    json_t *string = json_pack("{s:s}", "type", "string");

    add_pattern(schema, string, row);
    return string;
}

static json_t *integer_schema(struct schema *schema, const struct config_row *row)
{
    json_t *integer = json_pack("{s:s}", "type", "integer");

    if (row->min == row->max)
        put(schema, integer, "const", json_integer(row->min));
    if (row->min < row->max && row->min > INT64_MIN)
        put(schema, integer, "minimum", json_integer(row->min));
    if (row->min < row->max && row->max < INT64_MAX)
        put(schema, integer, "maximum", json_integer(row->max));
    return integer;
}

static json_t *value_schema(struct schema *schema, const struct config_row *row);

static json_t *list_schema(struct schema *schema, const struct config_row *row)
{
    json_t *list = json_pack("{s:s, s:o}", "type", "array", "items", value_schema(schema, row->item));

    if (row->min > 0)
        put(schema, list, "minItems", json_integer(row->min));
    if (row->max > 0)
        put(schema, list, "maxItems", json_integer(row->max));
    return list;
}

static json_t *key_schema(struct schema *schema, const struct config_row *row)
{
    const char *more = row->extends && !schema->settings->strict ? schema->settings->pattern(row->extends) : NULL;
    json_t *names = json_object();

    add_pattern(schema, names, row);
    return more ? json_pack("{s:[o, {s:s}]}", "anyOf", names, "pattern", more) : names;
}

static json_t *map_schema(struct schema *schema, const struct config_row *row)
{
    json_t *map = json_pack("{s:s, s:o}", "type", "object", "additionalProperties", value_schema(schema, row->item));
    json_t *names = key_schema(schema, row);

    put(schema, map, "propertyNames", names);
    if (row->min > 0)
        put(schema, map, "minProperties", json_integer(row->min));
    if (row->max > 0)
        put(schema, map, "maxProperties", json_integer(row->max));
    return map;
}

static json_t *kind_schema(struct schema *schema, const struct config_row *row)
{
    struct name name = {.length = 0};

    switch (row->kind) {
    case CONFIG_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case CONFIG_INTEGER:
        return integer_schema(schema, row);
    case CONFIG_STRING:
        return string_schema(schema, row);
    case CONFIG_OBJECT:
        name_append(&name, row->object->name);
        return object_reference(schema, row->object, &name, (struct type){0});
    case CONFIG_CHOICE:
        return variants_reference(schema, row->variants);
    case CONFIG_LIST:
        return list_schema(schema, row);
    case CONFIG_MAP:
        return map_schema(schema, row);
    case CONFIG_ANY:
        break;
    }
    return json_object();
}

/* Of what is read. */
static json_t *value_schema(struct schema *schema, const struct config_row *row)
{
    json_t *value = kind_schema(schema, row);

    if (!row->zero_too && !row->nullable && !row->environment && !row->single_too)
        return value;
    json_t *list = json_pack("[o]", value);
    if (row->single_too)
        append(schema, list, value_schema(schema, row->item));
    if (row->zero_too)
        append(schema, list, json_pack("{s:i}", "const", 0));
    if (row->nullable)
        append(schema, list, json_pack("{s:s}", "type", "null"));
    if (row->environment && row->kind == CONFIG_BOOL)
        append(schema, list, json_pack("{s:s}", "type", "string"));
    if (row->environment && row->kind == CONFIG_INTEGER)
        append(schema, list, json_pack("{s:s, s:s}", "type", "string", "pattern", "^[$][A-Za-z_][A-Za-z0-9_]*$"));
    return json_pack("{s:o}", "anyOf", list);
}

/* Of what is not read, save that its kind is looked at, and its range if the row has one. */
static json_t *unread_schema(struct schema *schema, const struct config_row *row)
{
    static const char *const types[] = {
        [CONFIG_BOOL] = "boolean",  [CONFIG_INTEGER] = "integer", [CONFIG_OBJECT] = "object",
        [CONFIG_CHOICE] = "object", [CONFIG_LIST] = "array",      [CONFIG_MAP] = "object",
    };

    if (row->kind == CONFIG_STRING)
        return string_schema(schema, row);
    if (row->kind == CONFIG_INTEGER && row->max > 0)
        return integer_schema(schema, row);
    return row->kind == CONFIG_ANY ? json_object() : json_pack("{s:s}", "type", types[row->kind]);
}

static bool row_is_possible(const struct schema *schema, const struct config_row *row)
{
    return row->status != CONFIG_WRONG && (row->status != CONFIG_EXTENSION || !schema->settings->strict);
}

static json_t *row_schema(struct schema *schema, const struct config_row *row)
{
    if (row_is_read(row))
        return value_schema(schema, row);
    if (row->status != CONFIG_REFUSED || row->excuse)
        return unread_schema(schema, row);
    return row->accepted ? json_pack("{s:o}", "enum", json_loads(row->accepted, 0, NULL)) : json_pack("{s:{}}", "not");
}

/* Objects. */

/* Keys that an object must have, and those that it must have without another one, which is the same for all of them. */
struct demands {
    json_t *required;
    const char *unless; /* NULL: there are none of the latter */
    json_t *otherwise;
};

static void demand(struct schema *schema, const struct config_row *row, struct demands *demands)
{
    if (!row->required)
        return;
    assert(!row->unless || !demands->unless || strcmp(row->unless, demands->unless) == 0);
    demands->unless = row->unless ? row->unless : demands->unless;
    append(schema, row->unless ? demands->otherwise : demands->required, json_string(row->key));
}

static void put_demands(struct schema *schema, json_t *object, const struct demands *demands)
{
    put(schema, object, "required", demands->required);
    if (demands->unless) {
        put(schema, object, "if", json_pack("{s:{s:[s]}}", "not", "required", demands->unless));
        put(schema, object, "then", json_pack("{s:O}", "required", demands->otherwise));
    }
    json_decref(demands->otherwise);
}

static void add_property(struct schema *schema, const struct config_row *row, json_t *properties,
                         struct demands *demands)
{
    if (!row_is_possible(schema, row))
        return;
    json_t *value = row_schema(schema, row);
    describe(schema, value, row->status, row->doc);
    if (row_has_standard(row) && row->kind == CONFIG_BOOL)
        put(schema, value, "default", json_boolean(row->standard));
    else if (row_has_standard(row))
        put(schema, value, "default", json_integer(row->standard));
    put(schema, properties, row->key, value);
    demand(schema, row, demands);
}

static json_t *object_schema(struct schema *schema, const struct config_object *object, struct type type)
{
    json_t *properties = json_object();
    struct demands demands = {.required = json_array(), .otherwise = json_array()};

    if (type.word)
        put(schema, properties, "type", json_pack("{s:s}", "const", type.word));
    if (type.word && !type.standard)
        append(schema, demands.required, json_string("type"));
    for (size_t i = 0; i < object->count; i++)
        add_property(schema, &object->rows[i], properties, &demands);
    json_t *made = json_pack("{s:s, s:s}", "title", object->name, "type", "object");
    describe(schema, made, CONFIG_SERVED, object->doc);
    put(schema, made, "properties", properties);
    put_demands(schema, made, &demands);
    put(schema, made, "additionalProperties", json_false());
    return made;
}

static json_t *object_reference(struct schema *schema, const struct config_object *object, const struct name *name,
                                struct type type)
{
    if (begin_definition(schema, name))
        put(schema, schema->definitions, name->text, object_schema(schema, object, type));
    return reference(name);
}

/* What is chosen by "type". */

static bool is_possible(const struct schema *schema, const struct config_variant *variant)
{
    switch (variant->status) {
    case CONFIG_EXTENSION:
        return !schema->settings->strict;
    case CONFIG_SERVED:
    case CONFIG_NODE:
    case CONFIG_IDLE:
        return true;
    case CONFIG_REFUSED:
    case CONFIG_WRONG:
        break;
    }
    return false;
}

/* If it is of this type, it is such an object. */
static json_t *branch(struct schema *schema, const struct config_variants *variants,
                      const struct config_variant *variant)
{
    struct name name = {.length = 0};

    name_append(&name, variants->name);
    name_append(&name, " ");
    name_append(&name, variant->type);
    struct type word = {variant->type, variants->standard && strcmp(variants->standard, variant->type) == 0};
    json_t *type = json_pack("{s:{s:s}}", "type", "const", variant->type);
    json_t *object = object_reference(schema, variant->object, &name, word);
    if (word.standard)
        return json_pack("{s:{s:o}, s:o}", "if", "properties", type, "then", object);
    return json_pack("{s:{s:o, s:[s]}, s:o}", "if", "properties", type, "required", "type", "then", object);
}

static json_t *variants_schema(struct schema *schema, const struct config_variants *variants)
{
    json_t *types = json_array(), *branches = json_array();

    for (size_t i = 0; i < variants->count; i++) {
        const struct config_variant *variant = &variants->at[i];
        if (!is_possible(schema, variant))
            continue;
        append(schema, types, json_string(variant->type));
        if (variant->object)
            append(schema, branches, branch(schema, variants, variant));
    }
    json_t *type = json_pack("{s:s, s:o}", "description", "Says which it is.", "enum", types);
    json_t *made =
        json_pack("{s:s, s:s, s:{s:o}, s:o, s:o}", "title", variants->name, "type", "object", "properties", "type",
                  type, "required", variants->standard ? json_array() : json_pack("[s]", "type"), "allOf", branches);
    describe(schema, made, CONFIG_SERVED, variants->doc);
    return made;
}

static json_t *variants_reference(struct schema *schema, const struct config_variants *variants)
{
    struct name name = {.length = 0};

    name_append(&name, variants->name);
    if (begin_definition(schema, &name))
        put(schema, schema->definitions, name.text, variants_schema(schema, variants));
    return reference(&name);
}

bool config_schema_print(const struct config_object *root, const struct config_schema *settings, FILE *out)
{
    struct schema schema = {.settings = settings, .definitions = json_object()};
    struct name name = {.length = 0};

    name_append(&name, root->name);
    json_t *top = object_reference(&schema, root, &name, (struct type){0});
    put(&schema, top, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
    put(&schema, top, "title", json_string(root->name));
    put(&schema, top, "$defs", schema.definitions);
    bool printed = !schema.failed && json_dumpf(top, out, JSON_INDENT(2)) == 0 && putc('\n', out) != EOF;
    json_decref(top);
    return printed;
}
