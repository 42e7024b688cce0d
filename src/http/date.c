#include "crossgate/http.h"

enum { DAY = 86400 };

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Years 0000 to 9999 are what four digits can say. */
static const int64_t first_second = -62167219200;
static const int64_t last_second = 253402300799;

struct civil {
    int64_t year;
    unsigned month; /* 1..12 */
    unsigned day;   /* 1..31 */
};

/* The Gregorian calendar in years that begin in March, so that the leap day is the last one: 400 years have 146097 days,
 * and the months from March on have 153 days in five. Days are counted from 1970-01-01, which is day 719468 of year 0. */
static int64_t days_from_civil(struct civil date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static struct civil civil_from_days(int64_t number)
{
    number += 719468;
    int64_t era = (number >= 0 ? number : number - 146096) / 146097;
    int64_t day_of_era = number - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    struct civil date = {
        .year = year_of_era + era * 400 + (month >= 10),
        .month = (unsigned)(month < 10 ? month + 3 : month - 9),
        .day = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1),
    };
    return date;
}

static void put_digits(char *at, unsigned digits, uint64_t value)
{
    while (digits-- > 0) {
        at[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

void http_date_print(int64_t seconds, char text[HTTP_DATE])
{
    seconds = seconds < first_second ? first_second : seconds > last_second ? last_second : seconds;
    int64_t number = seconds / DAY - (seconds % DAY < 0);
    uint64_t second = (uint64_t)(seconds - number * DAY);
    struct civil date = civil_from_days(number);
    /* 1970-01-01 was a Thursday. */
    int64_t weekday = ((number + 4) % 7 + 7) % 7;
    memcpy(text, "Sun, 00 Jan 0000 00:00:00 GMT", HTTP_DATE);
    memcpy(text, days + 3 * weekday, 3);
    put_digits(text + 5, 2, date.day);
    memcpy(text + 8, months + 3 * (date.month - 1), 3);
    put_digits(text + 12, 4, (uint64_t)date.year);
    put_digits(text + 17, 2, second / 3600);
    put_digits(text + 20, 2, second / 60 % 60);
    put_digits(text + 23, 2, second % 60);
}

static bool read_digits(struct span text, size_t at, size_t digits, unsigned max, unsigned *value)
{
    uint64_t number;
    if (!span_to_uint(span_of(text.at + at, digits), max, &number))
        return false;
    *value = (unsigned)number;
    return true;
}

static bool read_month(struct span name, unsigned *month)
{
    for (*month = 1; *month <= 12; (*month)++) {
        if (memcmp(months + 3 * (*month - 1), name.at, 3) == 0)
            return true;
    }
    return false;
}

bool http_date_parse(struct span text, int64_t *seconds)
{
    struct civil date;
    unsigned year, hour, minute, second;
    if (text.len != HTTP_DATE - 1 || !read_digits(text, 5, 2, 31, &date.day) ||
        !read_month(span_of(text.at + 8, 3), &date.month) || !read_digits(text, 12, 4, 9999, &year) ||
        !read_digits(text, 17, 2, 23, &hour) || !read_digits(text, 20, 2, 59, &minute) ||
        !read_digits(text, 23, 2, 60, &second))
        return false;
    date.year = year;
    *seconds = days_from_civil(date) * DAY + hour * 3600 + minute * 60 + second;
    /* Printing it again checks all that is left: weekday, day of the month, punctuation. A leap second is let pass as the
     * second before it. */
    if (second == 60)
        --*seconds;
    char again[HTTP_DATE];
    http_date_print(*seconds, again);
    if (second == 60)
        memcpy(again + 23, "60", 2);
    return memcmp(again, text.at, text.len) == 0;
}
