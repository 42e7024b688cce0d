#include "crossgate/config.h"

#include <jansson.h>

#include <stdlib.h>

struct diagnostics {
    struct arena *arena;
    struct diagnostic *at;
    size_t count;
    size_t capacity;
    unsigned counts[PROBLEM_ERROR + 1];
    bool out_of_memory;
};

struct diagnostics *diagnostics_new(void)
{
    struct diagnostics *diagnostics = calloc(1, sizeof *diagnostics);

    if (!diagnostics)
        return NULL;
    diagnostics->arena = arena_new();
    if (!diagnostics->arena) {
        free(diagnostics);
        return NULL;
    }
    return diagnostics;
}

void diagnostics_free(struct diagnostics *diagnostics)
{
    if (!diagnostics)
        return;
    arena_free(diagnostics->arena);
    free(diagnostics->at);
    free(diagnostics);
}

static bool grow(struct diagnostics *diagnostics)
{
    if (diagnostics->count < diagnostics->capacity)
        return true;
    size_t capacity = diagnostics->capacity > 0 ? diagnostics->capacity * 2 : 16;
    struct diagnostic *at = realloc(diagnostics->at, capacity * sizeof *at);
    if (!at)
        return false;
    diagnostics->at = at;
    diagnostics->capacity = capacity;
    return true;
}

/* NULL stays NULL. */
static bool copy(struct diagnostics *diagnostics, const char **text)
{
    if (*text)
        *text = arena_copy(diagnostics->arena, span_string(*text));
    return *text != NULL;
}

static bool is_before(const struct diagnostic *a, const struct diagnostic *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

void diagnostics_add(struct diagnostics *diagnostics, const struct diagnostic *diagnostic)
{
    struct diagnostic kept = *diagnostic;

    if (diagnostics->counts[kept.severity]++ >= DIAGNOSTICS_KEPT)
        return;
    if (!copy(diagnostics, &kept.file) || !copy(diagnostics, &kept.path) || !copy(diagnostics, &kept.text) ||
        (kept.remedy && !copy(diagnostics, &kept.remedy)) || !grow(diagnostics)) {
        diagnostics_add_memory(diagnostics);
        return;
    }
    size_t place = diagnostics->count;
    while (place > 0 && is_before(&kept, &diagnostics->at[place - 1]))
        place--;
    memmove(&diagnostics->at[place + 1], &diagnostics->at[place], (diagnostics->count - place) * sizeof kept);
    diagnostics->at[place] = kept;
    diagnostics->count++;
}

void diagnostics_add_memory(struct diagnostics *diagnostics)
{
    if (diagnostics->out_of_memory)
        return;
    diagnostics->out_of_memory = true;
    diagnostics->counts[PROBLEM_ERROR]++;
}

unsigned diagnostics_count(const struct diagnostics *diagnostics, enum problem_severity severity)
{
    return diagnostics->counts[severity];
}

size_t diagnostics_kept(const struct diagnostics *diagnostics)
{
    return diagnostics->count;
}

const struct diagnostic *diagnostics_at(const struct diagnostics *diagnostics, size_t index)
{
    return &diagnostics->at[index];
}

static const char *severity_name(enum problem_severity severity)
{
    switch (severity) {
    case PROBLEM_NOTE:
        return "note";
    case PROBLEM_WARNING:
        return "warning";
    case PROBLEM_ERROR:
        break;
    }
    return "error";
}

static const char *severity_colour(enum problem_severity severity)
{
    switch (severity) {
    case PROBLEM_NOTE:
        return "\033[36m";
    case PROBLEM_WARNING:
        return "\033[1;33m";
    case PROBLEM_ERROR:
        break;
    }
    return "\033[1;31m";
}

/* Control characters are made visible: a file cannot send escapes to the terminal of whoever checks it. */
static void print_visible(const char *text, FILE *out)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
            fprintf(out, "\\x%02x", *c);
        else
            putc(*c, out);
    }
}

/* What has no line has no place but its name. */
static void print_one(const struct diagnostic *diagnostic, FILE *out, bool colour)
{
    const char *plain = colour ? "\033[0m" : "";

    print_visible(diagnostic->file, out);
    if (diagnostic->line > 0)
        fprintf(out, ":%u:%u", diagnostic->line, diagnostic->column);
    fprintf(out, ": %s%s:%s ", colour ? severity_colour(diagnostic->severity) : "", severity_name(diagnostic->severity),
            plain);
    print_visible(diagnostic->text, out);
    putc('\n', out);
    if (diagnostic->line > 0) {
        fprintf(out, "    at %s", colour ? "\033[2m" : "");
        print_visible(diagnostic->path, out);
        fprintf(out, "%s\n", plain);
    }
    if (diagnostic->remedy) {
        fprintf(out, "    -> ");
        print_visible(diagnostic->remedy, out);
        putc('\n', out);
    }
}

void diagnostics_print(const struct diagnostics *diagnostics, enum problem_severity least, FILE *out, bool colour)
{
    for (size_t i = 0; i < diagnostics->count; i++) {
        if (diagnostics->at[i].severity >= least)
            print_one(&diagnostics->at[i], out, colour);
    }
    for (enum problem_severity severity = least; severity <= PROBLEM_ERROR; severity++) {
        if (diagnostics->counts[severity] > DIAGNOSTICS_KEPT)
            fprintf(out, "and %u more of severity %s\n", diagnostics->counts[severity] - DIAGNOSTICS_KEPT,
                    severity_name(severity));
    }
    if (diagnostics->out_of_memory)
        fprintf(out, "error: out of memory while reading the configuration\n");
}

/* jansson refuses what is not UTF-8, and a path may be that. */
void config_print_string(const char *text, FILE *out)
{
    json_t *string = json_string(text);
    char *copy = string ? NULL : strdup(text);

    for (char *c = copy; c && *c; c++) {
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    }
    if (copy)
        string = json_string(copy);
    if (string)
        json_dumpf(string, out, JSON_ENCODE_ANY);
    else
        fputs("\"\"", out);
    free(copy);
    json_decref(string);
}

static void print_json_member(const char *key, const char *text, FILE *out)
{
    fprintf(out, ", \"%s\": ", key);
    config_print_string(text, out);
}

static void print_one_json(const struct diagnostic *diagnostic, FILE *out)
{
    fprintf(out, "\n  {\"severity\": \"%s\", \"line\": %u, \"column\": %u", severity_name(diagnostic->severity),
            diagnostic->line, diagnostic->column);
    print_json_member("file", diagnostic->file, out);
    print_json_member("path", diagnostic->path, out);
    print_json_member("text", diagnostic->text, out);
    if (diagnostic->remedy)
        print_json_member("remedy", diagnostic->remedy, out);
    putc('}', out);
}

void diagnostics_print_json(const struct diagnostics *diagnostics, FILE *out)
{
    const struct diagnostic memory = {
        .severity = PROBLEM_ERROR, .file = "", .path = "$", .text = "out of memory while reading the configuration"};
    const char *separator = "";

    putc('[', out);
    for (size_t i = 0; i < diagnostics->count; i++) {
        fputs(separator, out);
        print_one_json(&diagnostics->at[i], out);
        separator = ",";
    }
    if (diagnostics->out_of_memory) {
        fputs(separator, out);
        print_one_json(&memory, out);
    }
    putc(']', out);
}
