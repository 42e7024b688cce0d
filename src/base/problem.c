#include "crossgate/base/problem.h"

#include <stdarg.h>
#include <stdio.h>

void problem_report(struct problems *problems, enum problem_severity severity, const char *key, size_t index,
                    const char *remedy, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (severity == PROBLEM_ERROR)
        problems->errors++;
    struct problem problem = {.severity = severity, .key = key, .index = index, .text = text, .remedy = remedy};
    problems->report(problems, &problem);
}
