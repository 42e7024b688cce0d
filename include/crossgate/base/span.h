/* Borrowed bytes.
 *
 * A span passed as a parameter is valid for that call only; who wants to keep its bytes copies them.
 * A span stored in a struct points into memory that the same struct (or its arena) owns. */
#ifndef CROSSGATE_BASE_SPAN_H
#define CROSSGATE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct span {
    const uint8_t *at;
    size_t len;
};

/* A span over a string literal, without its terminating zero. */
#define SPAN(literal) ((struct span){(const uint8_t *)("" literal), sizeof(literal) - 1})

/* The same for tables. */
#define SPAN_ROW(literal)                                                                                              \
    {                                                                                                                  \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                                             \
    }

/* printf arguments for "%.*s". */
#define SPAN_ARGS(s) (int)(s).len, (const char *)(s).at

static inline struct span span_of(const void *at, size_t len)
{
    return (struct span){at, len};
}

/* Without the terminating zero; empty for NULL. */
static inline struct span span_string(const char *text)
{
    return (struct span){(const uint8_t *)text, text ? strlen(text) : 0};
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* ASCII case is ignored, as for HTTP field names and tokens (RFC 9110 section 5.1). */
static inline bool span_equal_nocase(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || ((a.at[0] | 0x20) == (b.at[0] | 0x20) &&
                                             strncasecmp((const char *)a.at, (const char *)b.at, a.len) == 0));
}

static inline bool span_starts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

/* The first n bytes; n is cut to what is there. */
static inline struct span span_head(struct span s, size_t n)
{
    return (struct span){s.at, n < s.len ? n : s.len};
}

/* What follows the first n bytes; n is cut to what is there. */
static inline struct span span_tail(struct span s, size_t n)
{
    n = n < s.len ? n : s.len;
    return (struct span){s.len ? s.at + n : s.at, s.len - n};
}

/* Without spaces and tabs at both ends (RFC 9110 section 5.6.3, OWS). */
static inline struct span span_trim(struct span s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t'))
        s = span_tail(s, 1);
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Cuts the first element of a comma-separated list (RFC 9110 section 5.6.1) off *rest into *item, trimmed.
 * Empty elements are skipped. False when nothing is left. */
bool span_next_item(struct span *rest, struct span *item);

/* A decimal number of digits only. False if empty, not digits, or over max; *out is as before then. */
bool span_to_uint(struct span s, uint64_t max, uint64_t *out);

/* The decimal digits of a number, at the end of `digits`, which the span borrows. */
enum { SPAN_DIGITS = 20 };
struct span span_print_uint(uint64_t number, char digits[SPAN_DIGITS]);

/* How many bytes may stand within a line of a head, before one that may not: a control character other than a tab. */
size_t span_text_run(struct span s);

#endif
