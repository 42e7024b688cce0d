/* How commands that judge say what they think. */
#ifndef CROSSGATE_COMMANDS_FINDINGS_H
#define CROSSGATE_COMMANDS_FINDINGS_H

#include "json_lines.h"
#include "layout.h"

#include "crossgate/base/finding.h"

struct finding_counts {
    size_t bad, warnings;
};

struct finding_counts findings_count(const struct finding *findings, size_t count);

/* Mark and text, and the remedy below. */
void finding_print(const struct layout *layout, const struct finding *finding);

/* " (1 problem, 2 warnings)", if there are any, and the end of the line. */
void findings_print_counts(const struct layout *layout, struct finding_counts counts);

/* Members of an object that is open. */
void finding_print_json(struct json *json, const struct finding *finding);

#endif
