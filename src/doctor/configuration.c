#include "doctor.h"

#include <stdio.h>

/* "FILE:LINE:COLUMN: TEXT" of the first one that is so bad. */
static const char *print_first(const struct doctor *doctor, enum problem_severity severity, struct doctor_text *text)
{
    text->at[0] = '\0';
    for (size_t i = 0; i < diagnostics_kept(doctor->diagnostics); i++) {
        const struct diagnostic *one = diagnostics_at(doctor->diagnostics, i);
        if (one->severity == severity)
            return doctor_print(text, "%.120s:%u:%u: %.300s", one->file, one->line, one->column, one->text);
    }
    return text->at;
}

void examine_configuration(struct doctor *doctor)
{
    const char *config = doctor->request->config;
    unsigned errors = diagnostics_count(doctor->diagnostics, PROBLEM_ERROR);
    unsigned warnings = diagnostics_count(doctor->diagnostics, PROBLEM_WARNING);
    struct doctor_text first, remedy;
    doctor_print(&remedy, "crossgate check says all of it:\n  crossgate check --config %s", config);
    if (!doctor->plan)
        doctor_add(doctor, DOCTOR_CONFIGURATION, config, FINDING_BAD, "configuration-errors", remedy.at,
                   "%.120s cannot be served: %u error%s, %u warning%s; the first error:\n%s", config, errors,
                   doctor_plural(errors), warnings, doctor_plural(warnings),
                   print_first(doctor, PROBLEM_ERROR, &first));
    else if (warnings > 0)
        doctor_add(doctor, DOCTOR_CONFIGURATION, config, FINDING_WARNING, "configuration-warnings", remedy.at,
                   "%.120s can be served, with %u warning%s; the first:\n%s", config, warnings, doctor_plural(warnings),
                   print_first(doctor, PROBLEM_WARNING, &first));
    else
        doctor_add(doctor, DOCTOR_CONFIGURATION, config, FINDING_GOOD, "configuration", NULL,
                   "%s is in order: %zu transport%s", config, doctor->plan->transport_count,
                   doctor_plural(doctor->plan->transport_count));
}
