#include "moment.h"

#include <time.h>

/* Takes two digits of a value up to `max` off the text, or four (a year) if that is more than 99; and the character after them, if
 * there has to be one. */
static bool take(struct span *text, unsigned max, char after, int *value)
{
    size_t digits = max > 99 ? 4 : 2;
    uint64_t number = 0;
    if (text->len < digits || !span_to_uint(span_head(*text, digits), max, &number))
        return false;
    *value = (int)number;
    *text = span_tail(*text, digits);
    if (after == '\0')
        return true;
    if (text->len == 0 || text->at[0] != (uint8_t)after)
        return false;
    *text = span_tail(*text, 1);
    return true;
}

static bool begins_with_digit(struct span text)
{
    return text.len > 0 && text.at[0] >= '0' && text.at[0] <= '9';
}

static struct span skip_fraction(struct span text)
{
    struct span rest = span_tail(text, 1);
    if (!span_starts(text, SPAN(".")) || !begins_with_digit(rest))
        return text;
    while (begins_with_digit(rest))
        rest = span_tail(rest, 1);
    return rest;
}

/* "Z", or how far local time is ahead: "+01:00". */
static bool take_offset(struct span text, int64_t *seconds)
{
    int hours = 0, minutes = 0;
    *seconds = 0;
    if (span_equal(text, SPAN("Z")))
        return true;
    if (text.len != 6 || (text.at[0] != '+' && text.at[0] != '-'))
        return false;
    int sign = text.at[0] == '-' ? -1 : 1;
    text = span_tail(text, 1);
    if (!take(&text, 23, ':', &hours) || !take(&text, 59, '\0', &minutes))
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* timegm puts right what is no date, the 31st of April; then it is no longer what was said. */
bool moment_read(struct span text, int64_t *seconds)
{
    struct tm parts = {0};
    int64_t offset = 0;
    if (!take(&text, 9999, '-', &parts.tm_year) || !take(&text, 12, '-', &parts.tm_mon) ||
        !take(&text, 31, 'T', &parts.tm_mday) || !take(&text, 23, ':', &parts.tm_hour) ||
        !take(&text, 59, ':', &parts.tm_min) || !take(&text, 60, '\0', &parts.tm_sec))
        return false;
    if (!take_offset(skip_fraction(text), &offset))
        return false;
    int day = parts.tm_mday, month = parts.tm_mon;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    parts.tm_sec -= parts.tm_sec == 60;
    *seconds = (int64_t)timegm(&parts) - offset;
    return day > 0 && month > 0 && parts.tm_mday == day;
}
