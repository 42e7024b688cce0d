#include "crossgate/base/finding.h"

#include <stdio.h>

const char *finding_severity_name(enum finding_severity severity)
{
    static const char *const names[] = {
        [FINDING_GOOD] = "good", [FINDING_NOTE] = "note", [FINDING_WARNING] = "warning", [FINDING_BAD] = "bad"};
    return names[severity];
}

void finding_set(struct finding *finding, enum finding_severity severity, const char *id, const char *remedy,
                 const char *format, va_list arguments)
{
    finding->severity = severity;
    finding->id = id;
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    snprintf(finding->remedy, sizeof finding->remedy, "%s", remedy ? remedy : "");
}
