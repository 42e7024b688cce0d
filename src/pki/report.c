#include "crossgate/pki/report.h"

#include <openssl/err.h>

#include <stdarg.h>
#include <stdio.h>

const char *pki_remedy(char text[PKI_REMEDY_TEXT], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, PKI_REMEDY_TEXT, format, arguments);
    va_end(arguments);
    return text;
}

void pki_report(const struct pki_place *place, enum problem_severity severity, const char *what_to_do,
                const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    problem_report(place->problems, severity, place->key, place->index, what_to_do, "%s", text);
}

void pki_report_library(const struct pki_place *place, const char *what_failed)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    pki_report(place, PROBLEM_ERROR, NULL, "%s%s%s: %s", place->path ? place->path : "", place->path ? ": " : "",
               what_failed, reason ? reason : "out of memory");
    ERR_clear_error();
}
