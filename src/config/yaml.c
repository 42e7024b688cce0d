#include "place.h"
#include "scalar.h"

#include <yaml.h>

#include <stdarg.h>

/* Aliases may make many values of few: a few lines of them more than any memory holds. */
enum { DEPTH_MAX = 100, ALIASED_MAX = 100 * 1000, ANCHORS_MAX = 256 };

#define CORE "tag:yaml.org,2002:"

struct anchor {
    const char *name;
    const struct mark *mark;
    json_t *value; /* NULL: it is being read, or cannot be */
};

struct yaml {
    struct config_text *text;
    struct diagnostics *diagnostics;
    yaml_parser_t parser;
    struct anchor anchors[ANCHORS_MAX];
    size_t anchor_count;
    size_t aliased; /* values that aliases have added */
};

static struct position position_of(yaml_mark_t mark)
{
    return (struct position){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static void report_memory(struct yaml *yaml)
{
    diagnostics_add_memory(yaml->diagnostics);
}

static void report_at(struct yaml *yaml, struct position position, const char *path, const char *remedy,
                      const char *text)
{
    if (!path) {
        report_memory(yaml);
        return;
    }
    diagnostics_add(yaml->diagnostics, &(struct diagnostic){
                                           .severity = PROBLEM_ERROR,
                                           .file = yaml->text->file,
                                           .line = position.line,
                                           .column = position.column,
                                           .path = path,
                                           .text = text,
                                           .remedy = remedy,
                                       });
}

static bool is_kept(const struct yaml *yaml)
{
    return diagnostics_count(yaml->diagnostics, PROBLEM_ERROR) < DIAGNOSTICS_KEPT;
}

/* What is YAML, but no configuration. The parsing goes on, so that all of it is named at once. */
static void report(struct yaml *yaml, const struct config_place *place, struct position position, const char *remedy,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));

static void report(struct yaml *yaml, const struct config_place *place, struct position position, const char *remedy,
                   const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    /* As in report.c: what is only counted needs no place. */
    const char *path = is_kept(yaml) ? place_print(yaml->text->arena, place) : "$";
    report_at(yaml, position, path, remedy, text);
}

/* Syntax. */

static char byte_at(const struct config_text *text, struct position position)
{
    const char *at = (const char *)text->bytes.at, *end = at + text->bytes.len;

    for (; at < end && position.line > 1; at++)
        position.line -= *at == '\n';
    for (; at < end && position.column > 1; position.column--) {
        at++;
        while (at < end && (*at & 0xc0) == 0x80)
            at++;
    }
    return at < end ? *at : '\0';
}

static const char *syntax_remedy(const char *problem, char found)
{
    static const struct {
        const char *problem;
        const char *remedy;
    } known[] = {
        {"tab character", "YAML is indented with spaces, not with tabs"},
        {"mapping values are not allowed", "look at the indentation of this line and of the one above it; a value "
                                           "that contains \": \" stands in quotes"},
        {"did not find expected key", "look at the indentation: the keys of an object begin in one column"},
        {"did not find expected '-' indicator", "look at the indentation: the dashes of a list stand in one column"},
        {"could not find expected ':'", "a key is followed by a colon and a space"},
        {"did not find expected ',' or '}'", "a comma or a bracket is missing"},
        {"did not find expected ',' or ']'", "a comma or a bracket is missing"},
        {"unexpected end of stream", "a quotation mark is not closed"},
        {"unknown escape character", "write \\\\ for a backslash, or put the text in single quotes"},
        {"control characters are not allowed", "remove the character"},
        {"UTF-8", "save the file as UTF-8"},
    };

    if (found == '\t')
        return known[0].remedy;
    if (found == '@' || found == '`' || found == '%')
        return "a value that begins with this character stands in quotes";
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strstr(problem, known[i].problem))
            return known[i].remedy;
    }
    return NULL;
}

enum { SENTENCE_MAX = 256 };

/* `found`: the byte at which the parser gave up. */
static void print_problem(const yaml_parser_t *parser, char found, char sentence[SENTENCE_MAX])
{
    bool elsewhere = parser->context && parser->context_mark.line != parser->problem_mark.line;

    if (found == '\t')
        snprintf(sentence, SENTENCE_MAX, "not YAML: there is a tab in the indentation");
    else if (elsewhere)
        snprintf(sentence, SENTENCE_MAX, "not YAML: %s, %s that begins in line %zu", parser->problem, parser->context,
                 parser->context_mark.line + 1);
    else
        snprintf(sentence, SENTENCE_MAX, "not YAML: %s", parser->problem);
}

static void report_syntax(struct yaml *yaml)
{
    const yaml_parser_t *parser = &yaml->parser;
    bool bytes = parser->error == YAML_READER_ERROR;
    struct position position =
        bytes ? text_position(yaml->text->bytes, parser->problem_offset) : position_of(parser->problem_mark);
    char sentence[SENTENCE_MAX];

    /* All errors but that of memory come with a sentence. */
    if (parser->error == YAML_MEMORY_ERROR || !parser->problem) {
        report_memory(yaml);
        return;
    }
    char found = bytes ? '\0' : byte_at(yaml->text, position);
    print_problem(parser, found, sentence);
    report_at(yaml, position, "$", syntax_remedy(parser->problem, found), sentence);
}

/* False: the text ends here, with a report. The caller deletes the event. */
static bool next_event(struct yaml *yaml, yaml_event_t *event)
{
    if (yaml_parser_parse(&yaml->parser, event))
        return true;
    report_syntax(yaml);
    return false;
}

/* Values. Each function returns the value, a null in place of what has been reported, or NULL: there is nothing more to
 * be read. */

static json_t *checked(struct yaml *yaml, json_t *value)
{
    if (!value)
        report_memory(yaml);
    return value;
}

/* Deletes the event. `mark` lasts as long as the text. */
static json_t *read_value(struct yaml *yaml, yaml_event_t *event, const struct config_place *place, struct mark *mark,
                          unsigned depth);

static struct mark *mark_new(struct yaml *yaml, yaml_mark_t at)
{
    struct mark *mark = arena_alloc(yaml->text->arena, sizeof *mark);

    if (mark)
        mark->name = mark->value = position_of(at);
    else
        report_memory(yaml);
    return mark;
}

static struct anchor *find_anchor(struct yaml *yaml, const char *name)
{
    for (size_t i = 0; i < yaml->anchor_count; i++) {
        if (strcmp(yaml->anchors[i].name, name) == 0)
            return &yaml->anchors[i];
    }
    return NULL;
}

/* NULL: the value has no anchor, or a wrong one. */
static struct anchor *add_anchor(struct yaml *yaml, const struct config_place *place, const struct mark *mark,
                                 const yaml_char_t *name)
{
    if (!name)
        return NULL;
    if (find_anchor(yaml, (const char *)name)) {
        report(yaml, place, mark->value, "choose another name", "there is an anchor %.60s already", (const char *)name);
        return NULL;
    }
    if (yaml->anchor_count == ANCHORS_MAX) {
        report(yaml, place, mark->value, NULL, "there are more than %d anchors", ANCHORS_MAX);
        return NULL;
    }
    struct anchor *anchor = &yaml->anchors[yaml->anchor_count];
    *anchor = (struct anchor){.name = arena_copy(yaml->text->arena, span_string((const char *)name)), .mark = mark};
    if (!anchor->name) {
        report_memory(yaml);
        return NULL;
    }
    yaml->anchor_count++;
    return anchor;
}

static const char *alias_fault(const struct yaml *yaml, const struct anchor *anchor, unsigned depth)
{
    if (!anchor)
        return "stands for nothing: an anchor with its name comes first, as &name";
    if (!anchor->value)
        return "stands within what it stands for";
    if (anchor->mark->count > ALIASED_MAX - yaml->aliased || depth + anchor->mark->height > DEPTH_MAX)
        return "makes the document too large";
    return NULL;
}

static json_t *read_alias(struct yaml *yaml, const yaml_event_t *event, const struct config_place *place,
                          struct mark *mark, unsigned depth)
{
    const char *name = (const char *)event->data.alias.anchor;
    const struct anchor *anchor = find_anchor(yaml, name);
    const char *fault = alias_fault(yaml, anchor, depth);

    if (fault) {
        report(yaml, place, mark->value, NULL, "the alias *%.60s %s", name, fault);
        return json_null();
    }
    yaml->aliased += anchor->mark->count;
    mark->first = anchor->mark->first;
    mark->count = anchor->mark->count;
    mark->height = anchor->mark->height;
    return json_incref(anchor->value);
}

static const char *core_tag(enum scalar_kind kind)
{
    switch (kind) {
    case SCALAR_NULL:
        return CORE "null";
    case SCALAR_BOOL:
        return CORE "bool";
    case SCALAR_INTEGER:
        return CORE "int";
    case SCALAR_REAL:
        return CORE "float";
    case SCALAR_STRING:
    case SCALAR_DATE:
    case SCALAR_MERGE:
    case SCALAR_DEFAULT:
    case SCALAR_BEYOND:
        break;
    }
    return CORE "str";
}

static const char *short_tag(const char *tag)
{
    return strncmp(tag, CORE, sizeof CORE - 1) == 0 ? tag + sizeof CORE - 1 : tag;
}

/* False: reported. */
static bool check_tag(struct yaml *yaml, const struct config_place *place, struct position position, const char *tag,
                      const char *wanted)
{
    if (!tag || strcmp(tag, wanted) == 0)
        return true;
    report(yaml, place, position, "remove the tag", "the tag %.60s is not possible here", short_tag(tag));
    return false;
}

/* What the scalar is, by its tag, its quotes or its looks. False: reported. */
static bool resolve(struct yaml *yaml, const yaml_event_t *event, const struct config_place *place,
                    struct scalar *scalar)
{
    const char *tag = (const char *)event->data.scalar.tag, *text = (const char *)event->data.scalar.value;
    struct position position = position_of(event->start_mark);

    *scalar = (struct scalar){.kind = SCALAR_STRING};
    if (memchr(text, '\0', event->data.scalar.length)) {
        report(yaml, place, position, "remove it", "there is a zero byte in the string");
        return false;
    }
    if (tag ? strcmp(tag, CORE "str") == 0 : !event->data.scalar.plain_implicit)
        return true;
    *scalar = scalar_resolve(text);
    if (tag && scalar->kind == SCALAR_INTEGER && strcmp(tag, CORE "float") == 0)
        *scalar = (struct scalar){.kind = SCALAR_REAL, .real = (double)scalar->integer};
    return check_tag(yaml, place, position, tag, core_tag(scalar->kind));
}

static json_t *read_scalar(struct yaml *yaml, const yaml_event_t *event, const struct config_place *place)
{
    const char *text = (const char *)event->data.scalar.value;
    struct position position = position_of(event->start_mark);
    struct scalar scalar;

    if (!resolve(yaml, event, place, &scalar))
        return json_null();
    switch (scalar.kind) {
    case SCALAR_STRING:
        return checked(yaml, json_stringn(text, event->data.scalar.length));
    case SCALAR_NULL:
        return json_null();
    case SCALAR_BOOL:
        return json_boolean(scalar.boolean);
    case SCALAR_INTEGER:
        return checked(yaml, json_integer(scalar.integer));
    case SCALAR_REAL:
        return checked(yaml, json_real(scalar.real));
    case SCALAR_DATE:
    case SCALAR_MERGE:
    case SCALAR_DEFAULT:
    case SCALAR_BEYOND:
        break;
    }
    report(yaml, place, position, "if a string is meant, write it in quotes",
           "%.60s is %s in YAML, which has no place here", place_is_secret(place) ? "the value" : text,
           scalar_kind_name(scalar.kind));
    return json_null();
}

/* Lists and objects. */

static void append_mark(struct mark *up, struct mark **last, struct mark *mark)
{
    if (*last)
        (*last)->next = mark;
    else
        up->first = mark;
    *last = mark;
    up->count += mark->count;
    up->height = mark->height + 1 > up->height ? mark->height + 1 : up->height;
}

static bool read_element(struct yaml *yaml, yaml_event_t *event, const struct config_place *place, struct mark *mark,
                         json_t *list, unsigned depth)
{
    json_t *value = read_value(yaml, event, place, mark, depth);

    if (value && json_array_append_new(list, value) != 0)
        report_memory(yaml);
    return value != NULL;
}

static json_t *read_list(struct yaml *yaml, const struct config_place *place, struct mark *mark, unsigned depth)
{
    json_t *list = checked(yaml, json_array());
    struct mark *last = NULL;
    yaml_event_t event;

    for (size_t index = 0; list && next_event(yaml, &event); index++) {
        const struct config_place below = {.up = place, .index = index};
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return list;
        }
        struct mark *element = mark_new(yaml, event.start_mark);
        if (!element)
            yaml_event_delete(&event);
        if (!element || !read_element(yaml, &event, &below, element, list, depth))
            break;
        append_mark(mark, &last, element);
    }
    json_decref(list);
    return NULL;
}

struct members {
    struct yaml *yaml;
    const struct config_place *place; /* of the object */
    struct mark *mark;
    struct mark *last;
    json_t *object;
    json_t *merged; /* the value of "<<", owned; NULL: there is none */
    struct mark *merged_mark;
};

static bool is_merge(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT && event->data.scalar.plain_implicit &&
           strcmp((const char *)event->data.scalar.value, "<<") == 0;
}

/* The text of a scalar key in the arena; NULL: reported. */
static const char *scalar_key(struct members *members, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value, *key = NULL;
    struct yaml *yaml = members->yaml;
    struct scalar scalar;
    char remedy[96];

    if (!resolve(yaml, event, members->place, &scalar))
        return NULL;
    if (scalar.kind != SCALAR_STRING && scalar.kind != SCALAR_DEFAULT) {
        snprintf(remedy, sizeof remedy, "write it in quotes: \"%.60s\"", text);
        report(yaml, members->place, position_of(event->start_mark), remedy,
               "a key must be a string, but %.60s is %s in YAML", *text ? text : "nothing",
               scalar_kind_name(scalar.kind));
    } else if (!(key = arena_copy(yaml->text->arena, span_string(text)))) {
        report_memory(yaml);
    }
    return key;
}

/* Reads the key, which may be NULL then: reported. False: nothing more can be read. Deletes the event. */
static bool read_key(struct members *members, yaml_event_t *event, const char **key, unsigned depth)
{
    struct yaml *yaml = members->yaml;
    bool scalar = event->type == YAML_SCALAR_EVENT && !event->data.scalar.anchor;
    struct mark *mark = mark_new(yaml, event->start_mark);

    *key = NULL;
    if (mark && scalar)
        *key = scalar_key(members, event);
    if (!mark || scalar) {
        yaml_event_delete(event);
        return mark != NULL;
    }
    json_t *value = read_value(yaml, event, members->place, mark, depth);
    if (json_is_string(value))
        *key = arena_copy(yaml->text->arena, span_string(json_string_value(value)));
    else if (value)
        report(yaml, members->place, mark->value, NULL, "a key must be a string");
    json_decref(value);
    return value != NULL;
}

static struct position first_of(const struct mark *mark, const char *key)
{
    while (mark && strcmp(mark->key, key) != 0)
        mark = mark->next;
    return mark ? mark->name : (struct position){0};
}

static void report_twin(struct members *members, const struct config_place *place, struct position second)
{
    struct position first = {0};

    if (is_kept(members->yaml))
        first = first_of(members->mark->first, place->key);
    report(members->yaml, place, second, "keep one of them, or indent it deeper if it belongs to another object",
           "key occurs twice in its object; the first time in line %u, column %u", first.line, first.column);
}

/* Takes the value over. */
static void add_member(struct members *members, const struct config_place *place, struct mark *mark, json_t *value)
{
    mark->key = place->key;
    if (json_object_get(members->object, place->key)) {
        report_twin(members, place, mark->name);
        json_decref(value);
    } else if (json_object_set_new(members->object, place->key, value) == 0) {
        append_mark(members->mark, &members->last, mark);
    } else {
        report_memory(members->yaml);
    }
}

/* "<<" is kept until the object's own keys are known, which win. Takes the value over. */
static void keep_merged(struct members *members, struct mark *mark, json_t *value)
{
    bool fits = json_is_object(value) || json_is_array(value);

    for (size_t i = 0; i < json_array_size(value); i++)
        fits = fits && json_is_object(json_array_get(value, i));
    if (fits && !members->merged) {
        members->merged = value;
        members->merged_mark = mark;
        return;
    }
    if (!fits)
        report(members->yaml, members->place, mark->value, "as in <<: *name",
               "<< takes an object, or a list of objects");
    else
        report(members->yaml, members->place, mark->name, "write one: <<: [*a, *b]", "<< occurs twice in its object");
    json_decref(value);
}

static bool read_member(struct members *members, yaml_event_t *event, unsigned depth)
{
    struct yaml *yaml = members->yaml;
    struct position name = position_of(event->start_mark);
    bool merge = is_merge(event);
    const char *key = NULL;

    if (merge)
        yaml_event_delete(event);
    else if (!read_key(members, event, &key, depth))
        return false;
    if (!next_event(yaml, event))
        return false;
    struct mark *mark = mark_new(yaml, event->start_mark);
    if (!mark) {
        yaml_event_delete(event);
        return false;
    }
    const struct config_place below = {.up = members->place, .key = key};
    json_t *value = read_value(yaml, event, key ? &below : members->place, mark, depth);
    mark->name = name;
    if (value && merge)
        keep_merged(members, mark, value);
    else if (value && key)
        add_member(members, &below, mark, value);
    else
        json_decref(value);
    return value != NULL;
}

/* Adds the keys of `from` that the object lacks. */
static void merge(struct members *members, json_t *from, const struct mark *marks)
{
    for (const struct mark *mark = marks->first; mark; mark = mark->next) {
        if (json_object_get(members->object, mark->key))
            continue;
        struct mark *copy = arena_alloc(members->yaml->text->arena, sizeof *copy);
        if (!copy || json_object_set(members->object, mark->key, json_object_get(from, mark->key)) != 0) {
            report_memory(members->yaml);
            return;
        }
        *copy = *mark;
        copy->next = NULL;
        append_mark(members->mark, &members->last, copy);
    }
}

/* Of several objects the first that has a key wins. */
static void merge_all(struct members *members)
{
    if (json_is_object(members->merged))
        merge(members, members->merged, members->merged_mark);
    else if (members->merged) {
        const struct mark *mark = members->merged_mark->first;
        for (size_t i = 0; i < json_array_size(members->merged) && mark; i++, mark = mark->next)
            merge(members, json_array_get(members->merged, i), mark);
    }
    json_decref(members->merged);
}

static json_t *read_object(struct yaml *yaml, const struct config_place *place, struct mark *mark, unsigned depth)
{
    struct members members = {yaml, place, mark, .object = checked(yaml, json_object())};
    yaml_event_t event;

    while (members.object && next_event(yaml, &event)) {
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            merge_all(&members);
            return members.object;
        }
        if (!read_member(&members, &event, depth))
            break;
    }
    json_decref(members.merged);
    json_decref(members.object);
    return NULL;
}

static json_t *read_value(struct yaml *yaml, yaml_event_t *event, const struct config_place *place, struct mark *mark,
                          unsigned depth)
{
    struct anchor *anchor = NULL;
    json_t *value = NULL;

    mark->count = 1;
    if (depth > DEPTH_MAX) {
        report(yaml, place, mark->value, NULL, "the document is nested more than %d deep", DEPTH_MAX);
    } else if (event->type == YAML_ALIAS_EVENT) {
        value = read_alias(yaml, event, place, mark, depth);
    } else if (event->type == YAML_SCALAR_EVENT) {
        anchor = add_anchor(yaml, place, mark, event->data.scalar.anchor);
        value = read_scalar(yaml, event, place);
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = add_anchor(yaml, place, mark, event->data.sequence_start.anchor);
        check_tag(yaml, place, mark->value, (const char *)event->data.sequence_start.tag, CORE "seq");
        value = read_list(yaml, place, mark, depth + 1);
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = add_anchor(yaml, place, mark, event->data.mapping_start.anchor);
        check_tag(yaml, place, mark->value, (const char *)event->data.mapping_start.tag, CORE "map");
        value = read_object(yaml, place, mark, depth + 1);
    }
    yaml_event_delete(event);
    if (anchor)
        anchor->value = json_incref(value);
    return value;
}

/* The document. */

/* The first of the stream. The event is that which begins its value. False: reported. */
static bool find_document(struct yaml *yaml, yaml_event_t *event)
{
    yaml_event_type_t type = YAML_NO_EVENT;

    while (type != YAML_DOCUMENT_START_EVENT && type != YAML_STREAM_END_EVENT) {
        if (!next_event(yaml, event))
            return false;
        type = event->type;
        yaml_event_delete(event);
    }
    if (type == YAML_DOCUMENT_START_EVENT)
        return next_event(yaml, event);
    report_at(yaml, (struct position){1, 1}, "$", NULL, "the file is empty");
    return false;
}

/* Crossbar reads one document, and fails if there is another. */
static void expect_end(struct yaml *yaml)
{
    yaml_event_type_t type = YAML_DOCUMENT_END_EVENT;
    yaml_event_t event;

    while (type == YAML_DOCUMENT_END_EVENT) {
        if (!next_event(yaml, &event))
            return;
        type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT)
            report_at(yaml, position_of(event.start_mark), "$", "remove the line ---, or what is behind it",
                      "a second document begins here");
        yaml_event_delete(&event);
    }
}

static void read_document(struct yaml *yaml)
{
    const struct config_place root = {.up = NULL};
    yaml_event_t event;

    if (!find_document(yaml, &event))
        return;
    struct mark *mark = mark_new(yaml, event.start_mark);
    yaml->text->marks = mark;
    if (!mark)
        yaml_event_delete(&event);
    else if ((yaml->text->root = read_value(yaml, &event, &root, mark, 0)))
        expect_end(yaml);
}

bool text_parse_yaml(struct config_text *text, struct diagnostics *diagnostics)
{
    struct yaml yaml = {.text = text, .diagnostics = diagnostics};
    unsigned errors = diagnostics_count(diagnostics, PROBLEM_ERROR);

    if (span_starts(text->bytes, SPAN("\xef\xbb\xbf")))
        text->bytes = span_tail(text->bytes, 3);
    text->arena = arena_new();
    if (!text->arena || !yaml_parser_initialize(&yaml.parser)) {
        diagnostics_add_memory(diagnostics);
        return false;
    }
    yaml_parser_set_encoding(&yaml.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&yaml.parser, text->bytes.at, text->bytes.len);
    read_document(&yaml);
    yaml_parser_delete(&yaml.parser);
    for (size_t i = 0; i < yaml.anchor_count; i++)
        json_decref(yaml.anchors[i].value);
    return diagnostics_count(diagnostics, PROBLEM_ERROR) == errors;
}
