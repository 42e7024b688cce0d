#include "crossgate/base/date.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static bool print(int64_t seconds, const char *format, char text[DATE_TEXT])
{
    struct tm parts;
    time_t when = (time_t)seconds;
    return gmtime_r(&when, &parts) && strftime(text, DATE_TEXT, format, &parts) > 0;
}

const char *date_print(int64_t seconds, char text[DATE_TEXT])
{
    if (!print(seconds, "%Y-%m-%d %H:%M UTC", text))
        snprintf(text, DATE_TEXT, "an unknown time");
    return text;
}

const char *date_print_rfc3339(int64_t seconds, char text[DATE_TEXT])
{
    if (!print(seconds, "%Y-%m-%dT%H:%M:%SZ", text))
        text[0] = '\0';
    return text;
}
