/* A node looked at whole: its configuration, what runs of it, and the machine below; and what to do about what is found. Changes nothing. */
#ifndef CROSSGATE_DOCTOR_H
#define CROSSGATE_DOCTOR_H

#include "crossgate/base/error.h"
#include "crossgate/base/finding.h"
#include "crossgate/sources.h"

#include <stddef.h>
#include <sys/types.h>

enum doctor_section {
    DOCTOR_CONFIGURATION,
    DOCTOR_RUNNING, /* master and workers */
    DOCTOR_ENDPOINTS,
    DOCTOR_FILES,
    DOCTOR_CERTIFICATES,
    DOCTOR_BACKENDS,
    DOCTOR_CLOCK,
    DOCTOR_LIMITS,
    DOCTOR_SECTIONS,
};

enum { DOCTOR_SUBJECT = 256 };

struct doctor_row {
    enum doctor_section section;
    char subject[DOCTOR_SUBJECT]; /* what it is about, for programs: an address, a path, a name */
    struct finding finding;
};

struct doctor_report {
    struct doctor_row *rows; /* by section, in the order they were found */
    size_t count;
    bool cut;     /* there was more to say than DOCTOR_ROWS_MAX */
    pid_t master; /* 0: none runs, as far as can be seen */
};

/* A configuration may have thousands of endpoints and backends. */
enum { DOCTOR_ROWS_MAX = 2000 };

/* How long all may take, ms: what cannot be looked at by then is said to be so. */
enum { DOCTOR_WITHIN = 8000 };

/* SIGPIPE has to be ignored, and there must be no thread yet. NULL when memory is out. */
struct doctor_report *doctor_examine(const struct plan_request *request) __attribute__((warn_unused_result));
void doctor_report_free(struct doctor_report *report); /* accepts NULL */

/* The worst of all findings. */
enum finding_severity doctor_worst(const struct doctor_report *report);

#endif
