#include "scalar.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"

/* Longer ones are strings: no number or date that is meant as such is written with so many characters. */
enum { NUMBER_MAX = 100 };

static bool is_word(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(text, *words) == 0)
            return true;
    }
    return false;
}

static const char *skip_sign(const char *at)
{
    return at + (*at == '-' || *at == '+');
}

/* Behind at least one character of the set; NULL: there is none. */
static const char *some(const char *at, const char *set)
{
    size_t length = at ? strspn(at, set) : 0;

    return length > 0 ? at + length : NULL;
}

/* Behind `least` to `most` digits; NULL: there are fewer. */
static const char *digits(const char *at, size_t least, size_t most)
{
    size_t length = at ? strspn(at, DIGITS) : 0;

    if (length < least || length == 0)
        return NULL;
    return at + (length < most ? length : most);
}

static const char *character(const char *at, const char *set)
{
    return at && *at && strchr(set, *at) ? at + 1 : NULL;
}

static bool is_end(const char *at)
{
    return at && *at == '\0';
}

/* Behind ":00" to ":59", once or more often; one digit will do. NULL: there is none. */
static const char *sixties(const char *at)
{
    const char *end = NULL;

    while (at && *at == ':' && (at = digits(at + 1, 1, at[1] >= '0' && at[1] <= '5' ? 2 : 1)))
        end = at;
    return end;
}

/* Numbers. Underscores are allowed between digits and behind them, and mean nothing. */

static bool is_integer(const char *text)
{
    const char *at = skip_sign(text);

    if (*at != '0') {
        at = some(at, DIGITS) ? some(at, DIGITS "_") : NULL;
        return is_end(at) || is_end(sixties(at));
    }
    if (at[1] == 'b')
        return is_end(some(at + 2, "01_"));
    if (at[1] == 'x')
        return is_end(some(at + 2, DIGITS "abcdefABCDEF_"));
    return at[1] == '\0' || is_end(some(at + 1, "01234567_"));
}

/* Behind "e+7", or `at` itself. The sign is wanted. */
static const char *skip_exponent(const char *at)
{
    const char *end = some(character(character(at, "eE"), "-+"), DIGITS);

    return end ? end : at;
}

static bool is_real(const char *text)
{
    const char *at = skip_sign(text);

    if (*at == '.')
        return at == text && is_end(skip_exponent(some(at + 1, DIGITS) ? some(at + 1, DIGITS "_") : at));
    at = some(at, DIGITS) ? some(at, DIGITS "_") : NULL;
    const char *sexagesimal = sixties(at);
    const char *point = character(sexagesimal ? sexagesimal : at, ".");
    if (!point)
        return false;
    point += strspn(point, DIGITS "_");
    return is_end(sexagesimal ? point : skip_exponent(point));
}

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return (unsigned)((c | 0x20) - 'a') + 10;
}

/* Of what is_integer accepts; a colon begins the next digit of base 60. False: it is too large, or has no digit. */
static bool to_integer(const char *text, int64_t *integer)
{
    const char *at = skip_sign(text);
    bool negative = *text == '-', any = false;
    int64_t base = 10, value = 0, part = 0;

    if (at[0] == '0' && at[1] != '\0')
        base = at[1] == 'x' ? 16 : at[1] == 'b' ? 2 : 8;
    at += base == 16 || base == 2 ? 2 : 0;
    for (; *at; at++) {
        if (*at == '_')
            continue;
        any = true;
        if (*at == ':') {
            if (__builtin_add_overflow(value, part, &value) || __builtin_mul_overflow(value, 60, &value))
                return false;
            part = 0;
        } else if (__builtin_mul_overflow(part, base, &part) ||
                   __builtin_add_overflow(part, (int64_t)digit_value(*at), &part)) {
            return false;
        }
    }
    if (__builtin_add_overflow(value, part, &value))
        return false;
    *integer = negative ? -value : value;
    return any;
}

/* Of what is_real accepts. */
static double to_real(const char *text)
{
    char plain[NUMBER_MAX + 1];
    size_t length = 0;
    double value = 0;

    for (const char *at = skip_sign(text); *at; at++) {
        if (*at != '_')
            plain[length++] = *at;
    }
    plain[length] = '\0';
    for (const char *at = plain; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL)
        value = value * 60 + strtod(at, NULL);
    return *text == '-' ? -value : value;
}

/* "2026-11-26", or with a time and perhaps a zone behind it. */
static bool is_date(const char *text)
{
    const char *day = character(digits(text, 4, 4), "-"), *at;

    if (is_end(digits(character(digits(day, 2, 2), "-"), 2, 2)))
        return true;
    at = digits(character(digits(day, 1, 2), "-"), 1, 2);
    at = character(at, "Tt") ? at + 1 : some(at, " \t");
    at = digits(character(digits(character(digits(at, 1, 2), ":"), 2, 2), ":"), 2, 2);
    if (at && *at == '.')
        at += 1 + strspn(at + 1, DIGITS);
    if (!at || *at == '\0')
        return at != NULL;
    at += strspn(at, " \t");
    if (*at == 'Z')
        return is_end(at + 1);
    at = digits(character(at, "-+"), 1, 2);
    return is_end(at) || is_end(digits(character(at, ":"), 2, 2));
}

static bool is_endless(const char *text)
{
    static const char *const infinite[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const nothing[] = {".nan", ".NaN", ".NAN", NULL};

    return is_word(skip_sign(text), infinite) || is_word(text, nothing);
}

static struct scalar resolve_number(const char *text)
{
    struct scalar scalar = {.kind = SCALAR_STRING};
    int64_t integer;

    if (is_endless(text)) {
        scalar.kind = SCALAR_BEYOND;
    } else if (is_real(text)) {
        scalar.real = to_real(text);
        scalar.kind = isfinite(scalar.real) ? SCALAR_REAL : SCALAR_BEYOND;
    } else if (is_integer(text)) {
        scalar.kind = to_integer(text, &integer) ? SCALAR_INTEGER : SCALAR_BEYOND;
        scalar.integer = scalar.kind == SCALAR_INTEGER ? integer : 0;
    } else if (is_date(text)) {
        scalar.kind = SCALAR_DATE;
    }
    return scalar;
}

struct scalar scalar_resolve(const char *text)
{
    static const char *const null[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
    static const char *const no[] = {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};

    if (is_word(text, null))
        return (struct scalar){.kind = SCALAR_NULL};
    if (is_word(text, yes) || is_word(text, no))
        return (struct scalar){.kind = SCALAR_BOOL, .boolean = is_word(text, yes)};
    if (strcmp(text, "<<") == 0)
        return (struct scalar){.kind = SCALAR_MERGE};
    if (strcmp(text, "=") == 0)
        return (struct scalar){.kind = SCALAR_DEFAULT};
    if (strchr("-+." DIGITS, *text) && strlen(text) <= NUMBER_MAX)
        return resolve_number(text);
    return (struct scalar){.kind = SCALAR_STRING};
}

const char *scalar_kind_name(enum scalar_kind kind)
{
    switch (kind) {
    case SCALAR_STRING:
        return "a string";
    case SCALAR_NULL:
        return "null";
    case SCALAR_BOOL:
        return "a boolean";
    case SCALAR_INTEGER:
        return "an integer";
    case SCALAR_REAL:
        return "a number";
    case SCALAR_DATE:
        return "a date";
    case SCALAR_MERGE:
    case SCALAR_DEFAULT:
        return "a sign of its own";
    case SCALAR_BEYOND:
        break;
    }
    return "a number that is too large";
}
