#include "text.h"

#include "place.h"

#include <ctype.h>
#include <stdlib.h>

struct position text_position(struct span bytes, size_t offset)
{
    struct position position = {1, 1};

    for (size_t i = 0; i < offset && i < bytes.len; i++) {
        if (bytes.at[i] == '\n') {
            position.line++;
            position.column = 1;
        } else if ((bytes.at[i] & 0xc0) != 0x80) {
            position.column++;
        }
    }
    return position;
}

/* strchr alone would find the zero byte in every set. */
static bool is_one_of(const char *set, uint8_t byte)
{
    return byte != 0 && strchr(set, byte);
}

size_t text_skip_space(struct span text, size_t at)
{
    while (at < text.len && is_one_of(" \t\r\n", text.at[at]))
        at++;
    return at;
}

static size_t skip_string(struct span text, size_t at)
{
    for (at++; at < text.len && text.at[at] != '"'; at++) {
        if (text.at[at] == '\\')
            at++;
    }
    return at < text.len ? at + 1 : text.len;
}

/* Brackets are counted instead of followed, so that depth costs no stack. */
size_t text_skip_value(struct span text, size_t at)
{
    size_t depth = 0;

    while (at < text.len) {
        switch (text.at[at]) {
        case '"':
            at = skip_string(text, at);
            break;
        case '{':
        case '[':
            depth++;
            at++;
            continue;
        case '}':
        case ']':
            depth--;
            at++;
            break;
        case ' ':
        case '\t':
        case '\r':
        case '\n':
        case ',':
        case ':':
            at++;
            continue;
        default:
            while (at < text.len && !is_one_of(" \t\r\n,:]}", text.at[at]))
                at++;
        }
        if (depth == 0)
            return at;
    }
    return at;
}

/* The string that begins at `at`, escapes resolved. NULL when memory is out. */
static json_t *decode_string(struct span text, size_t at)
{
    return json_loadb((const char *)text.at + at, skip_string(text, at) - at, JSON_DECODE_ANY, NULL);
}

bool text_key_is(struct span text, size_t at, const char *key)
{
    struct span raw = span_of(text.at + at + 1, skip_string(text, at) - at - 2);

    if (!memchr(raw.at, '\\', raw.len))
        return span_equal(raw, span_string(key));
    json_t *decoded = decode_string(text, at);
    bool same = decoded && strcmp(json_string_value(decoded), key) == 0;
    json_decref(decoded);
    return same;
}

/* Keys that occur twice. */

struct twins {
    const struct config_text *text;
    struct diagnostics *diagnostics;
    struct arena *arena;
};

static void report_twin(struct twins *twins, const struct config_place *place, size_t first, size_t second)
{
    struct diagnostic diagnostic = {
        .severity = PROBLEM_ERROR,
        .file = twins->text->file,
        .path = "$",
        .remedy = "keep one of them: readers of JSON disagree which of the two counts",
    };
    char text[128] = "";

    /* As in report.c: what is only counted is not looked for. */
    if (diagnostics_count(twins->diagnostics, PROBLEM_ERROR) < DIAGNOSTICS_KEPT) {
        struct position original = text_position(twins->text->bytes, first);
        struct position position = text_position(twins->text->bytes, second);
        snprintf(text, sizeof text, "key occurs twice in its object; the first time in line %u, column %u",
                 original.line, original.column);
        diagnostic.line = position.line;
        diagnostic.column = position.column;
        diagnostic.path = place_print(twins->arena, place);
    }
    diagnostic.text = text;
    if (diagnostic.path)
        diagnostics_add(twins->diagnostics, &diagnostic);
    else
        diagnostics_add_memory(twins->diagnostics);
}

static size_t find_twins(struct twins *twins, const struct config_place *place, size_t at);

/* The key at `at`, remembered with its place in `seen`; then its value. Returns where the value ends. */
static size_t twin_member(struct twins *twins, const struct config_place *up, json_t *seen, size_t at)
{
    struct span text = twins->text->bytes;
    json_t *decoded = decode_string(text, at);
    const char *key = decoded ? json_string_value(decoded) : "";
    struct config_place place = {.up = up, .key = key};
    json_t *earlier = json_object_get(seen, key);

    if (earlier)
        report_twin(twins, &place, (size_t)json_integer_value(earlier), at);
    else if (!decoded || json_object_set_new(seen, key, json_integer((json_int_t)at)) != 0)
        diagnostics_add_memory(twins->diagnostics);
    at = text_skip_space(text, skip_string(text, at)) + 1;
    at = find_twins(twins, &place, text_skip_space(text, at));
    json_decref(decoded);
    return at;
}

/* Recursion ends with the text: jansson has refused what is nested deeper than 2048. */
static size_t find_twins(struct twins *twins, const struct config_place *place, size_t at)
{
    struct span text = twins->text->bytes;
    bool is_object = at < text.len && text.at[at] == '{';
    json_t *seen = NULL;

    if (at >= text.len || (!is_object && text.at[at] != '['))
        return text_skip_value(text, at);
    if (is_object && !(seen = json_object()))
        diagnostics_add_memory(twins->diagnostics);
    at = text_skip_space(text, at + 1);
    for (size_t index = 0; at < text.len && !is_one_of("]}", text.at[at]); index++) {
        if (is_object)
            at = twin_member(twins, place, seen, at);
        else
            at = find_twins(twins, &(struct config_place){.up = place, .index = index}, at);
        at = text_skip_space(text, at);
        if (at < text.len && text.at[at] == ',')
            at = text_skip_space(text, at + 1);
    }
    json_decref(seen);
    return at + 1;
}

static void report_twins(const struct config_text *text, struct diagnostics *diagnostics)
{
    struct twins twins = {text, diagnostics, arena_new()};

    if (twins.arena)
        find_twins(&twins, &(struct config_place){0}, text_skip_space(text->bytes, 0));
    else
        diagnostics_add_memory(diagnostics);
    arena_free(twins.arena);
}

/* Syntax. */

/* By the token at which the parser gave up, and the byte before it, spaces apart. */
static const char *token_remedy(struct span token, uint8_t before)
{
    static const struct {
        const char *begin;
        const char *remedy;
    } known[] = {
        {"'", "JSON strings stand in double quotes"},
        {"\xe2\x80", "JSON strings stand in straight double quotes"},
        {"False", "write false"},
        {"True", "write true"},
        {"None", "write null"},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (span_starts(token, span_string(known[i].begin)))
            return known[i].remedy;
    }
    if (is_one_of("]}", token.at[0]))
        return before == ',' ? "remove the comma before the bracket"
                             : "brackets do not match: one before it is not closed, or this one is not opened";
    if (is_one_of("\"{[", token.at[0]) && (is_one_of("\"]}", before) || isalnum(before)))
        return "a comma or a colon is missing before it";
    return NULL;
}

static const char *syntax_remedy(const struct json_error_t *error, struct span bytes, size_t at)
{
    size_t before = at;

    while (before > 0 && is_one_of(" \t\r\n", bytes.at[before - 1]))
        before--;
    if (span_starts(bytes, SPAN("\xef\xbb\xbf")))
        return "the file begins with a byte order mark: save it as UTF-8 without BOM";
    if (at >= bytes.len)
        return "the file ends in the middle: a bracket or a quotation mark is not closed";
    if (is_one_of("/#", bytes.at[at]))
        return "JSON has no comments: remove it";
    if (at == text_skip_space(bytes, 0) && !is_one_of("{[", bytes.at[at]))
        return "JSON begins with a brace; if this is YAML, name the file config.yaml";
    if (json_error_code(error) == json_error_invalid_utf8)
        return "save the file as UTF-8";
    if (json_error_code(error) == json_error_null_character || json_error_code(error) == json_error_null_byte_in_key)
        return "remove \\u0000";
    return token_remedy(span_tail(bytes, at), before > 0 ? bytes.at[before - 1] : 0);
}

/* jansson names the place behind the offending token; the token's beginning is what people look for. */
static size_t syntax_offset(const struct json_error_t *error, struct span bytes)
{
    const char *near = strstr(error->text, " near '");
    size_t at = error->position > 0 ? (size_t)error->position : 0;

    if (span_starts(bytes, SPAN("\xef\xbb\xbf")))
        return 0;
    if (near) {
        size_t token = strlen(near + 7);
        token -= token > 0;
        return at >= token ? at - token : 0;
    }
    return at < bytes.len ? at : bytes.len;
}

static void report_syntax(const struct config_text *text, const struct json_error_t *error,
                          struct diagnostics *diagnostics)
{
    size_t offset = syntax_offset(error, text->bytes);
    struct position position = text_position(text->bytes, offset);
    bool empty = text_skip_space(text->bytes, 0) == text->bytes.len;
    char sentence[JSON_ERROR_TEXT_LENGTH + 32];

    if (json_error_code(error) == json_error_out_of_memory) {
        diagnostics_add_memory(diagnostics);
        return;
    }
    if (empty)
        snprintf(sentence, sizeof sentence, "the file is empty");
    else
        snprintf(sentence, sizeof sentence, "not JSON: %s", error->text);
    diagnostics_add(diagnostics, &(struct diagnostic){
                                     .severity = PROBLEM_ERROR,
                                     .file = text->file,
                                     .line = position.line,
                                     .column = position.column,
                                     .path = "$",
                                     .text = sentence,
                                     .remedy = empty ? NULL : syntax_remedy(error, text->bytes, offset),
                                 });
}

static bool parse_json(struct config_text *text, struct diagnostics *diagnostics)
{
    json_error_t error;

    text->root = json_loadb((const char *)text->bytes.at, text->bytes.len, JSON_REJECT_DUPLICATES, &error);
    if (text->root)
        return true;
    if (json_error_code(&error) != json_error_duplicate_key) {
        report_syntax(text, &error, diagnostics);
        return false;
    }
    text->root = json_loadb((const char *)text->bytes.at, text->bytes.len, 0, &error);
    if (text->root)
        report_twins(text, diagnostics);
    else
        report_syntax(text, &error, diagnostics);
    return false;
}

static bool is_yaml(const char *file)
{
    const char *dot = strrchr(file, '.');

    return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static bool parse(struct config_text *text, struct diagnostics *diagnostics)
{
    return is_yaml(text->file) ? text_parse_yaml(text, diagnostics) : parse_json(text, diagnostics);
}

struct config_text *config_text_new(const char *file, struct span bytes, struct diagnostics *diagnostics)
{
    struct config_text *text = calloc(1, sizeof *text);

    if (!text) {
        diagnostics_add_memory(diagnostics);
        return NULL;
    }
    text->file = file;
    text->bytes = bytes;
    if (bytes.len > CONFIG_TEXT_MAX) {
        diagnostics_add(diagnostics, &(struct diagnostic){
                                         .severity = PROBLEM_ERROR,
                                         .file = file,
                                         .path = "$",
                                         .text = "the file is larger than 4 MiB",
                                     });
    } else if (parse(text, diagnostics)) {
        return text;
    }
    config_text_free(text);
    return NULL;
}

void config_text_free(struct config_text *text)
{
    if (!text)
        return;
    json_decref(text->root);
    arena_free(text->arena);
    free(text);
}
