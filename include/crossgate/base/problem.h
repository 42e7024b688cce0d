/* What a room finds wrong with the settings it is given: it names the key, not the place in a file, so that
 * it needs to know nothing of configuration files. plan/ turns problems into diagnostics with file, line,
 * column and JSON path. */
#ifndef CROSSGATE_BASE_PROBLEM_H
#define CROSSGATE_BASE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

enum problem_severity { PROBLEM_NOTE, PROBLEM_WARNING, PROBLEM_ERROR };

/* Index of a problem that is about the key as a whole, not about one element of its list. */
#define PROBLEM_WHOLE ((size_t)-1)

struct problem {
    enum problem_severity severity;
    const char *key;    /* "certificate", or NULL: the object itself */
    size_t index;       /* element of a list, or PROBLEM_WHOLE */
    const char *text;   /* what is wrong, with what was found; valid for the call of report */
    const char *remedy; /* what to do next, a command where there is one; may be NULL */
};

struct problems {
    void (*report)(struct problems *self, const struct problem *problem);
    unsigned errors; /* counted by problem_report */
    bool vouched;    /* the same settings have been checked by the master: checks that cost time, or look at this
                        system, are left out */
};

/* Formats the text, cut to 511 bytes, and reports. `remedy` is passed as it is. */
void problem_report(struct problems *problems, enum problem_severity severity, const char *key, size_t index,
                    const char *remedy, const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
