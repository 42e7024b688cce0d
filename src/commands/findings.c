#include "findings.h"

enum { INDENT = 8 };

struct finding_counts findings_count(const struct finding *findings, size_t count)
{
    struct finding_counts counts = {0};
    for (size_t i = 0; i < count; i++) {
        counts.bad += findings[i].severity == FINDING_BAD;
        counts.warnings += findings[i].severity == FINDING_WARNING;
    }
    return counts;
}

void finding_print(const struct layout *layout, const struct finding *finding)
{
    static const struct {
        enum layout_colour colour;
        const char *mark;
    } marks[] = {[FINDING_GOOD] = {LAYOUT_GREEN, "good"},
                 [FINDING_NOTE] = {LAYOUT_FAINT, "note"},
                 [FINDING_WARNING] = {LAYOUT_YELLOW, "warn"},
                 [FINDING_BAD] = {LAYOUT_RED, "BAD"}};
    struct layout narrow = *layout;
    narrow.indent = INDENT;
    layout_coloured_row(&narrow, marks[finding->severity].colour, marks[finding->severity].mark, "%s", finding->text);
    if (finding->remedy[0])
        layout_coloured_row(&narrow, LAYOUT_PLAIN, "  ->", "%s", finding->remedy);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

void findings_print_counts(const struct layout *layout, struct finding_counts counts)
{
    if (counts.bad + counts.warnings > 0)
        fprintf(layout->out, " (%zu problem%s, %zu warning%s)", counts.bad, plural(counts.bad), counts.warnings,
                plural(counts.warnings));
    fputc('\n', layout->out);
}

void finding_print_json(struct json *json, const struct finding *finding)
{
    json_text(json, "severity", finding_severity_name(finding->severity));
    json_text(json, "id", finding->id);
    json_text(json, "text", finding->text);
    json_text(json, "remedy", finding->remedy);
}
