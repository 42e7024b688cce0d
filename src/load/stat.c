#include "stat.h"

#include "crossgate/base/span.h"

#include <string.h>

/* Fields as proc(5) counts them. */
enum { FIELD_NAME = 2, FIELD_CHILDREN_USER = 16, FIELD_CHILDREN_SYSTEM = 17, FIELD_BEGAN = 22 };

/* The field that is so many further behind the one at *at, which is moved there. */
static bool take_field(const char **at, int steps, uint64_t max, uint64_t *number)
{
    for (; steps > 0 && **at; steps--) {
        *at += strcspn(*at, " ");
        *at += **at == ' ';
    }
    return span_to_uint(span_of(*at, strspn(*at, "0123456789")), max, number);
}

/* A name may contain everything, parentheses and spaces, too: it ends with the last ")". */
bool stat_parse(const char *text, struct stat_line *line)
{
    uint64_t user, system;
    const char *at = strrchr(text, ')');
    if (!at || !take_field(&at, FIELD_CHILDREN_USER - FIELD_NAME, UINT32_MAX, &user) ||
        !take_field(&at, FIELD_CHILDREN_SYSTEM - FIELD_CHILDREN_USER, UINT32_MAX, &system) ||
        !take_field(&at, FIELD_BEGAN - FIELD_CHILDREN_SYSTEM, UINT64_MAX, &line->began))
        return false;
    line->children_ticks = user + system;
    return true;
}

bool stat_parse_bytes(const char *text, const char *label, uint64_t *bytes)
{
    const char *at = strstr(text, label);
    if (!at)
        return false;
    at += strlen(label);
    at += strspn(at, " \t");
    if (!span_to_uint(span_of(at, strspn(at, "0123456789")), UINT64_MAX / 1024, bytes))
        return false;
    *bytes *= 1024;
    return true;
}
