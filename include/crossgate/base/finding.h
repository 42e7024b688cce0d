/* What somebody thinks who has looked at something: how it is, and what to do about it. For commands that judge. */
#ifndef CROSSGATE_BASE_FINDING_H
#define CROSSGATE_BASE_FINDING_H

#include <stdarg.h>

enum finding_severity {
    FINDING_GOOD,
    FINDING_NOTE, /* worth knowing, no fault; or it could not be looked at */
    FINDING_WARNING,
    FINDING_BAD, /* somebody fails because of it */
};

struct finding {
    enum finding_severity severity;
    const char *id; /* for programs: "expired"; a literal */
    char text[600];
    char remedy[700]; /* "": none. A line that begins with a space is a command */
};

/* "good", "note", "warning", "bad". */
const char *finding_severity_name(enum finding_severity severity);

/* Text and remedy are cut to size; `remedy` is a whole text or NULL. */
void finding_set(struct finding *finding, enum finding_severity severity, const char *id, const char *remedy,
                 const char *format, va_list arguments) __attribute__((format(printf, 5, 0)));

#endif
