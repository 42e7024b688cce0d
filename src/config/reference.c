#include "reader.h"

#include <inttypes.h>

/* What a row allows. */

static void print_range(const struct config_row *row, FILE *out)
{
    if (row->allowed)
        fputs(row->allowed, out);
    else if (row->min == row->max)
        fprintf(out, "%" PRId64, row->min);
    else if (row->max == INT64_MAX)
        fprintf(out, "an integer of at least %" PRId64, row->min);
    else
        fprintf(out, "an integer from %" PRId64 " to %" PRId64, row->min, row->max);
    if (row->unit)
        fprintf(out, " (%s)", row->unit);
    if (row->zero_too)
        fputs(", or 0", out);
    if (row->environment)
        fputs(", or \"$NAME\" for the environment variable NAME", out);
}

static void print_count(const struct config_row *row, FILE *out)
{
    if (row->min > 0 && row->min == row->max)
        fprintf(out, " of %" PRId64, row->min);
    else if (row->min > 0)
        fprintf(out, " of at least %" PRId64, row->min);
}

void row_print_allowed(const struct config_row *row, FILE *out)
{
    switch (row->kind) {
    case CONFIG_BOOL:
        fputs("true or false", out);
        break;
    case CONFIG_INTEGER:
        print_range(row, out);
        break;
    case CONFIG_STRING:
        fputs(row->allowed ? row->allowed : "a string", out);
        break;
    case CONFIG_OBJECT:
        fputs("an object", out);
        break;
    case CONFIG_CHOICE:
        fputs("an object with a \"type\"", out);
        break;
    case CONFIG_LIST:
        fputs("a list", out);
        print_count(row, out);
        if (row->item) {
            fputs(", each ", out);
            row_print_allowed(row->item, out);
        }
        break;
    case CONFIG_MAP:
        fputs("an object", out);
        print_count(row, out);
        if (row->allowed)
            fprintf(out, " with keys that are %s", row->allowed);
        break;
    case CONFIG_ANY:
        fputs("any value", out);
        break;
    }
    if (row->nullable)
        fputs(", or null", out);
}

struct span row_accepted(const struct config_row *row)
{
    struct span list = span_string(row->accepted ? row->accepted : "[]");

    return span_of(list.at + 1, list.len - 2);
}

/* The document: each object is a section, printed once. */

enum { SECTIONS_MAX = 128 };

struct reference {
    FILE *out;
    const void *seen[SECTIONS_MAX];
    size_t count;
};

static bool is_new(struct reference *reference, const void *section)
{
    for (size_t i = 0; i < reference->count; i++) {
        if (reference->seen[i] == section)
            return false;
    }
    if (reference->count == SECTIONS_MAX)
        return false;
    reference->seen[reference->count++] = section;
    return true;
}

static const char *status_name(enum config_status status)
{
    switch (status) {
    case CONFIG_SERVED:
        return "served";
    case CONFIG_EXTENSION:
        return "served, **extension**";
    case CONFIG_REFUSED:
        return "refused";
    case CONFIG_NODE:
        return "the node's own";
    case CONFIG_IDLE:
        return "no effect";
    case CONFIG_WRONG:
        break;
    }
    return "refused";
}

static void print_standard(const struct config_row *row, FILE *out)
{
    bool read = row->status == CONFIG_SERVED || row->status == CONFIG_EXTENSION;

    if (row->required)
        fputs("required", out);
    else if (read && row->kind == CONFIG_BOOL)
        fputs(row->standard ? "true" : "false", out);
    else if (read && row->kind == CONFIG_INTEGER && row->standard >= row->min && row->standard <= row->max)
        fprintf(out, "%" PRId64, row->standard);
    else
        fputs("–", out);
}

/* A vertical bar would end the cell. */
static void print_cell(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (*text == '|')
            putc('\\', out);
        putc(*text, out);
    }
}

static void print_meaning(const struct config_row *row, FILE *out)
{
    if (row->doc)
        print_cell(row->doc, out);
    if (row->accepted)
        fprintf(out, " Accepted: `%.*s`.", SPAN_ARGS(row_accepted(row)));
    if (row->why)
        fprintf(out, "%sHere: ", row->doc ? " " : "");
    if (row->why)
        print_cell(row->why, out);
    if (row->why)
        putc('.', out);
}

static void print_row(const struct config_row *row, FILE *out)
{
    if (row->status == CONFIG_WRONG)
        return;
    fprintf(out, "| `%s` | ", row->key);
    row_print_allowed(row, out);
    fputs(" | ", out);
    print_standard(row, out);
    fprintf(out, " | %s | ", status_name(row->status));
    print_meaning(row, out);
    fputs(" |\n", out);
}

static void print_object(struct reference *reference, const struct config_object *object, const char *type);
static void print_variants(struct reference *reference, const struct config_variants *variants);

static void print_below(struct reference *reference, const struct config_row *row)
{
    if (row->status != CONFIG_SERVED && row->status != CONFIG_EXTENSION)
        return;
    if (row->item)
        print_below(reference, row->item);
    if (row->kind == CONFIG_OBJECT)
        print_object(reference, row->object, NULL);
    if (row->kind == CONFIG_CHOICE)
        print_variants(reference, row->variants);
}

static void print_object(struct reference *reference, const struct config_object *object, const char *type)
{
    if (!is_new(reference, object))
        return;
    fprintf(reference->out, "\n## %s\n\n", object->name);
    if (object->doc)
        fprintf(reference->out, "%s\n\n", object->doc);
    if (object->count > 0 || type)
        fputs("| Key | Allowed | Default | Status | Meaning |\n|---|---|---|---|---|\n", reference->out);
    if (type)
        fprintf(reference->out, "| `type` | `\"%s\"` | required | served | Says which it is. |\n", type);
    for (size_t i = 0; i < object->count; i++)
        print_row(&object->rows[i], reference->out);
    for (size_t i = 0; i < object->count; i++)
        print_below(reference, &object->rows[i]);
}

static void print_variants(struct reference *reference, const struct config_variants *variants)
{
    if (!is_new(reference, variants))
        return;
    fprintf(reference->out, "\n## %s\n\n", variants->name);
    if (variants->doc)
        fprintf(reference->out, "%s\n\n", variants->doc);
    fputs("| Type | Status | Remark |\n|---|---|---|\n", reference->out);
    for (size_t i = 0; i < variants->count; i++) {
        const struct config_variant *variant = &variants->at[i];
        if (variant->status != CONFIG_WRONG)
            fprintf(reference->out, "| `%s` | %s | %s |\n", variant->type, status_name(variant->status),
                    variant->why      ? variant->why
                    : variant->object ? variant->object->doc
                                      : "");
    }
    for (size_t i = 0; i < variants->count; i++) {
        if (variants->at[i].object)
            print_object(reference, variants->at[i].object, variants->at[i].type);
    }
}

void config_reference_print(const struct config_object *root, FILE *out)
{
    struct reference reference = {.out = out};

    print_object(&reference, root, NULL);
}
