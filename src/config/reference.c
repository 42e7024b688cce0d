#include "reader.h"

#include <assert.h>
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
    else if (row->max > 0)
        fprintf(out, " of %" PRId64 " to %" PRId64, row->min, row->max);
    else if (row->min > 0)
        fprintf(out, " of at least %" PRId64, row->min);
}

void row_print_allowed(const struct config_row *row, FILE *out)
{
    switch (row->kind) {
    case CONFIG_BOOL:
        fputs("true or false", out);
        if (row->environment)
            fputs(", or \"${NAME}\" for the environment variable NAME", out);
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
        if (row->single_too)
            fputs("; or one without the list", out);
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

enum { SECTIONS_MAX = 256 };

/* One of the two. */
struct section {
    const struct config_object *object;
    const struct config_variants *variants;
};

struct reference {
    FILE *out;
    struct section sections[SECTIONS_MAX];
    size_t count;
};

/* Whether it has not been printed; it is taken down as printed then. */
static bool is_new(struct reference *reference, struct section section)
{
    for (size_t i = 0; i < reference->count; i++) {
        if (reference->sections[i].object == section.object && reference->sections[i].variants == section.variants)
            return false;
    }
    assert(reference->count < SECTIONS_MAX);
    reference->sections[reference->count++] = section;
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
    if (row->required)
        fprintf(out, row->unless ? "required without `%s`" : "required", row->unless);
    else if (row_has_standard(row) && row->kind == CONFIG_BOOL)
        fputs(row->standard ? "true" : "false", out);
    else if (row_has_standard(row))
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

static void print_object(struct reference *reference, const struct config_object *object,
                         const struct config_variant *variant, const char *standard);
static void print_variants(struct reference *reference, const struct config_variants *variants);

static void print_below(struct reference *reference, const struct config_row *row)
{
    if (row->item)
        print_below(reference, row->item);
    if (row->object)
        print_object(reference, row->object, NULL, NULL);
    if (row->variants)
        print_variants(reference, row->variants);
}

/* `variant`: the choice whose object it is; NULL: none. `standard`: the type that may be left out; NULL: none may. */
static void print_object(struct reference *reference, const struct config_object *object,
                         const struct config_variant *variant, const char *standard)
{
    if (!is_new(reference, (struct section){.object = object}))
        return;
    fprintf(reference->out, "\n## %s\n\n", object->name);
    if (object->doc)
        fprintf(reference->out, "%s\n\n", object->doc);
    if (object->count > 0 || variant)
        fputs("| Key | Allowed | Default | Status | Meaning |\n|---|---|---|---|---|\n", reference->out);
    if (variant)
        fprintf(reference->out, "| `type` | `\"%s\"` | %s%s%s | %s | Says which it is. |\n", variant->type,
                standard ? "`\"" : "required", standard ? standard : "", standard ? "\"`" : "",
                status_name(variant->status));
    for (size_t i = 0; i < object->count; i++)
        print_row(&object->rows[i], reference->out);
    for (size_t i = 0; i < object->count; i++)
        print_below(reference, &object->rows[i]);
}

static void print_variants(struct reference *reference, const struct config_variants *variants)
{
    if (!is_new(reference, (struct section){.variants = variants}))
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
            print_object(reference, variants->at[i].object, &variants->at[i], variants->standard);
    }
}

/* Coverage: each object and each choice in one line, its keys or types by what becomes of them. */

static const char coverage_head[] =
    "\n## Coverage\n\n"
    "What becomes of each key and each type that Crossbar knows, and of the extensions. "
    "Refused keys may have values that are\n"
    "accepted: see above.\n\n"
    "| Of | Served | Extension | The node's own | No effect | Refused |\n"
    "|---|---|---|---|---|---|\n";

static enum config_status column_of(enum config_status status)
{
    return status == CONFIG_WRONG ? CONFIG_REFUSED : status;
}

static void print_covered(const struct section *section, enum config_status column, FILE *out)
{
    size_t count = section->object ? section->object->count : section->variants->count;
    const char *separator = "";

    for (size_t i = 0; i < count; i++) {
        enum config_status status = section->object ? section->object->rows[i].status : section->variants->at[i].status;
        if (column_of(status) != column)
            continue;
        fprintf(out, "%s`%s`", separator,
                section->object ? section->object->rows[i].key : section->variants->at[i].type);
        separator = ", ";
    }
}

static void print_coverage(const struct reference *reference)
{
    static const enum config_status columns[] = {CONFIG_SERVED, CONFIG_EXTENSION, CONFIG_NODE, CONFIG_IDLE,
                                                 CONFIG_REFUSED};

    fputs(coverage_head, reference->out);
    for (size_t i = 0; i < reference->count; i++) {
        const struct section *section = &reference->sections[i];
        fprintf(reference->out, "| %s%s |", section->object ? "" : "types of ",
                section->object ? section->object->name : section->variants->name);
        for (size_t j = 0; j < sizeof columns / sizeof columns[0]; j++) {
            putc(' ', reference->out);
            print_covered(section, columns[j], reference->out);
            fputs(" |", reference->out);
        }
        putc('\n', reference->out);
    }
}

void config_reference_print(const struct config_object *root, FILE *out)
{
    struct reference reference = {.out = out};

    print_object(&reference, root, NULL, NULL);
    print_coverage(&reference);
}
