/* Which pages may connect: the field Origin (RFC 6454 section 7, RFC 6455 section 10.2) against patterns. Pure.
 *
 * The semantics are AutobahnPython's, which Crossbar runs on: the origin is taken apart and put together again as
 * scheme://host:port, in lower case and the port always explicit; a pattern must match all of that, its star stands for any
 * text. Unlike there, nothing but the star is special, an IPv6 address keeps its brackets, and schemes without a port of
 * their own (those of browser extensions and apps) stay without one. */
#include "crossgate/websocket.h"

#include <stdio.h>

/* ---- patterns */

static size_t count_parts(struct span text)
{
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++)
        count += text.at[i] == '*';
    return count;
}

bool origin_pattern_init(struct origin_pattern *pattern, struct arena *arena, struct span text)
{
    struct span *parts = arena_alloc(arena, count_parts(text) * sizeof *parts);
    if (!parts)
        return false;
    size_t count = 0, start = 0;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.at[i] != '*')
            continue;
        /* Between two stars in a row there is nothing to look for. */
        if (i > start || count == 0 || i == text.len)
            parts[count++] = span_of(text.at + start, i - start);
        start = i + 1;
    }
    *pattern = (struct origin_pattern){parts, count};
    return true;
}

static bool ends_with(struct span s, struct span end)
{
    return s.len >= end.len && span_equal(span_tail(s, s.len - end.len), end);
}

/* The first part is the beginning and the last one the end. Those between are taken where they come first, which leaves
 * the most to the rest: so nothing is ever tried twice. */
bool origin_pattern_matches(const struct origin_pattern *pattern, struct span origin)
{
    const struct span *parts = pattern->parts;
    size_t last = pattern->count - 1;
    if (last == 0)
        return span_equal(origin, parts[0]);
    if (!span_starts(origin, parts[0]))
        return false;
    origin = span_tail(origin, parts[0].len);
    for (size_t i = 1; i < last; i++) {
        const uint8_t *found = memmem(origin.at, origin.len, parts[i].at, parts[i].len);
        if (!found)
            return false;
        origin = span_tail(origin, (size_t)(found - origin.at) + parts[i].len);
    }
    return ends_with(origin, parts[last]);
}

/* ---- origins */

struct origin {
    struct span scheme;
    struct span host;
    struct span port; /* digits; empty: none */
};

static bool is_letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* RFC 3986 section 3.1. */
static bool is_scheme(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_letter(s.at[i]) && (i == 0 || (!is_digit(s.at[i]) && !memchr("+-.", s.at[i], 3))))
            return false;
    }
    return s.len > 0;
}

bool origin_host_byte(uint8_t c)
{
    static const char others[] = "-._~%!$&'()*+,;=";
    return is_letter(c) || is_digit(c) || memchr(others, c, sizeof others - 1) != NULL;
}

/* RFC 3986 section 3.2.2: a name, or an IPv6 address in brackets. */
static bool is_host(struct span s)
{
    bool literal = s.len > 2 && s.at[0] == '[' && s.at[s.len - 1] == ']';
    if (literal)
        s = span_of(s.at + 1, s.len - 2);
    for (size_t i = 0; i < s.len; i++) {
        if (!origin_host_byte(s.at[i]) && !(literal && s.at[i] == ':'))
            return false;
    }
    return s.len > 0;
}

static const uint8_t *find_colon(struct span authority)
{
    const uint8_t *bracket = memrchr(authority.at, ']', authority.len);
    const uint8_t *colon = memrchr(authority.at, ':', authority.len);
    return colon && bracket && colon < bracket ? NULL : colon;
}

static struct span until_path(struct span s)
{
    size_t length = 0;
    while (length < s.len && !memchr("/?#", s.at[length], 3))
        length++;
    return span_head(s, length);
}

/* Some clients that are no browsers send a whole URL: what follows the authority does not count. */
static bool cut(struct span text, struct origin *origin)
{
    const uint8_t *colon = memchr(text.at, ':', text.len);
    if (!colon || !span_starts(span_tail(text, (size_t)(colon - text.at)), SPAN("://")))
        return false;
    origin->scheme = span_head(text, (size_t)(colon - text.at));
    struct span authority = until_path(span_tail(text, origin->scheme.len + 3));
    colon = authority.len > 0 ? find_colon(authority) : NULL;
    origin->host = colon ? span_head(authority, (size_t)(colon - authority.at)) : authority;
    origin->port = colon ? span_tail(authority, origin->host.len + 1) : span_of(authority.at, 0);
    return is_scheme(origin->scheme) && is_host(origin->host);
}

static void lower(char *text)
{
    for (; *text; text++) {
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text | 0x20);
    }
}

bool origin_normalise(struct span text, char out[ORIGIN_TEXT])
{
    struct origin origin;
    uint64_t port = 0;
    if (!cut(text, &origin) || (origin.port.len > 0 && !span_to_uint(origin.port, UINT16_MAX, &port)))
        return false;
    bool has_port = true;
    if (origin.port.len == 0 && span_equal_nocase(origin.scheme, SPAN("https")))
        port = 443;
    else if (origin.port.len == 0 && span_equal_nocase(origin.scheme, SPAN("http")))
        port = 80;
    else
        has_port = origin.port.len > 0;
    if (origin.scheme.len + origin.host.len + sizeof "://:65535" > ORIGIN_TEXT)
        return false;
    int length = snprintf(out, ORIGIN_TEXT, "%.*s://%.*s", SPAN_ARGS(origin.scheme), SPAN_ARGS(origin.host));
    if (has_port)
        snprintf(out + length, ORIGIN_TEXT - (size_t)length, ":%u", (unsigned)port);
    lower(out);
    return true;
}

/* "null": a page that has no origin to tell, for example in a sandboxed frame. Pages of local files say so in Firefox; in
 * Chrome they say file://. */
static bool is_null(struct span text)
{
    return span_equal_nocase(text, SPAN("null")) || span_equal_nocase(span_head(text, 5), SPAN("file:"));
}

static bool admits(const struct origin_policy *policy, struct span origin)
{
    if (!policy->patterns)
        return true;
    for (size_t i = 0; i < policy->count; i++) {
        if (origin_pattern_matches(&policy->patterns[i], origin))
            return true;
    }
    return false;
}

enum ending origin_check(const struct origin_policy *policy, const struct http_headers *headers, char text[ORIGIN_TEXT])
{
    struct span value;
    text[0] = '\0';
    if (!http_header_find(headers, SPAN("Origin"), &value))
        return ENDING_DONE;
    value = span_trim(value);
    if (http_header_count(headers, SPAN("Origin")) > 1)
        return ENDING_WS_BAD_HANDSHAKE;
    if (is_null(value)) {
        snprintf(text, ORIGIN_TEXT, "null");
        return policy->refuse_null ? ENDING_ORIGIN_DENIED : ENDING_DONE;
    }
    if (!origin_normalise(value, text))
        return ENDING_WS_BAD_HANDSHAKE;
    return admits(policy, span_string(text)) ? ENDING_DONE : ENDING_ORIGIN_DENIED;
}
