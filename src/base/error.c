#include "crossgate/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void set(struct error *error, enum error_class class, const char *format, va_list arguments)
{
    error->class = class;
    vsnprintf(error->text, sizeof error->text, format, arguments);
}

void error_set(struct error *error, enum error_class class, const char *format, ...)
{
    if (error->class != ERROR_NONE)
        return;
    va_list arguments;
    va_start(arguments, format);
    set(error, class, format, arguments);
    va_end(arguments);
}

void error_set_errno(struct error *error, const char *format, ...)
{
    int number = errno;
    if (error->class != ERROR_NONE)
        return;
    va_list arguments;
    va_start(arguments, format);
    set(error, number == ENOMEM ? ERROR_MEMORY : ERROR_SYSTEM, format, arguments);
    va_end(arguments);
    error->number = number;
    size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof error->text - used, ": %s", strerror(number));
    errno = number;
}
