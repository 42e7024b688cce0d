/* Where in the settings a problem is, so that checks need not know which key they check. */
#ifndef CROSSGATE_PKI_REPORT_H
#define CROSSGATE_PKI_REPORT_H

#include "crossgate/base/problem.h"

struct pki_place {
    struct problems *problems;
    const char *key;
    size_t index;     /* element of the key's list, or PROBLEM_WHOLE */
    const char *path; /* of the file, as in messages; NULL where there is none */
};

enum { PKI_REMEDY_TEXT = 640 };

/* Formats a command into `text`, cut to size, and returns it. */
const char *pki_remedy(char text[PKI_REMEDY_TEXT], const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text is cut to 511 bytes. `what_to_do` may be NULL. */
void pki_report(const struct pki_place *place, enum problem_severity severity, const char *what_to_do,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

/* An error with what OpenSSL has on its error queue; the queue is empty afterwards. */
void pki_report_library(const struct pki_place *place, const char *what_failed);

#endif
