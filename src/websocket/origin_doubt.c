/* What is wrong with a pattern for origins, and what to write instead. See origin.c for what a pattern means. Pure. */
#include "crossgate/websocket.h"

#include <stdio.h>

/* A pattern as its author thinks of it. */
struct view {
    struct span text;      /* all of it */
    bool schemed;          /* "//" is in it */
    bool free;             /* what comes first may stand for any scheme */
    struct span scheme;    /* before "//", with its colon */
    struct span authority; /* host and port */
    struct span host;
    struct span port; /* digits and stars; empty: none */
    struct span path; /* from the first slash, question mark or hash on */
};

static bool is_among(uint8_t c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool is_made_of(struct span s, const char *set)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_among(s.at[i], set))
            return false;
    }
    return true;
}

static bool ends_in(struct span s, const char *set)
{
    return s.len > 0 && is_among(s.at[s.len - 1], set);
}

static struct span until(struct span s, const char *ends)
{
    size_t length = 0;
    while (length < s.len && !is_among(s.at[length], ends))
        length++;
    return span_head(s, length);
}

/* What follows the last byte of that kind; all if there is none. */
static struct span after_last(struct span s, char c)
{
    const uint8_t *found = s.len > 0 ? memrchr(s.at, c, s.len) : NULL;
    return found ? span_tail(s, (size_t)(found - s.at) + 1) : s;
}

static bool has_star(struct span s)
{
    return s.len > 0 && memchr(s.at, '*', s.len) != NULL;
}

/* "http*": what is there may be the beginning of a page's scheme. */
static bool begins_scheme(struct span s)
{
    return span_starts(SPAN("https://"), s) || span_starts(SPAN("http://"), s);
}

/* Returns what follows the scheme. */
static struct span cut_scheme(struct span pattern, struct view *view)
{
    const uint8_t *slashes = pattern.len > 0 ? memmem(pattern.at, pattern.len, "//", 2) : NULL;
    if (slashes) {
        view->schemed = true;
        view->scheme = span_head(pattern, (size_t)(slashes - pattern.at));
        view->free = has_star(view->scheme);
        return span_tail(pattern, view->scheme.len + 2);
    }
    struct span first = until(pattern, "*");
    view->free = first.len < pattern.len && begins_scheme(first);
    return view->free ? span_tail(pattern, first.len) : pattern;
}

static void look(struct span pattern, struct view *view)
{
    *view = (struct view){.text = pattern};
    struct span rest = cut_scheme(pattern, view);
    view->authority = until(rest, "/?#");
    view->path = span_tail(rest, view->authority.len);
    view->port = after_last(view->authority, ':');
    if (view->port.len == view->authority.len || !is_made_of(view->port, "0123456789*")) {
        view->port.len = 0;
        view->host = view->authority;
    } else {
        view->host = span_head(view->authority, view->authority.len - view->port.len - 1);
    }
}

static bool is_of_page(struct span scheme)
{
    return span_equal_nocase(scheme, SPAN("https:")) || span_equal_nocase(scheme, SPAN("http:"));
}

static bool is_of_websocket(struct span scheme)
{
    return span_equal_nocase(scheme, SPAN("wss:")) || span_equal_nocase(scheme, SPAN("ws:"));
}

static bool has_scheme(const struct view *view)
{
    if (!view->schemed)
        return view->free;
    return ends_in(view->scheme, ":*") && !span_equal(view->scheme, SPAN(":"));
}

static bool is_in_origins(struct span pattern)
{
    for (size_t i = 0; i < pattern.len; i++) {
        if (!origin_host_byte(pattern.at[i]) && !is_among(pattern.at[i], ":/[]?#"))
            return false;
    }
    return true;
}

static bool has_upper_case(struct span pattern)
{
    for (size_t i = 0; i < pattern.len; i++) {
        if (pattern.at[i] >= 'A' && pattern.at[i] <= 'Z')
            return true;
    }
    return false;
}

/* An origin has two slashes, side by side behind a colon. Of these one may be left over by a star. */
static bool has_path(const struct view *view)
{
    return view->path.len > 0 && (view->schemed || view->path.at[0] != '/' || !ends_in(view->authority, ":*"));
}

static bool is_port(struct span port)
{
    uint64_t number;
    return span_to_uint(port, UINT16_MAX, &number) && (port.len == 1 || port.at[0] != '0');
}

/* Whether ":443" of an origin is covered: by itself, or by a star, which may leave digits over. */
static bool has_port(const struct view *view)
{
    if (view->schemed && !view->free && !is_of_page(view->scheme))
        return true; /* the schemes of apps have none */
    if (has_star(view->text) && is_made_of(after_last(view->text, '*'), "0123456789"))
        return true;
    return is_port(view->port);
}

/* A star at the end of a name: the name may go on into another's domain. */
static bool is_open_end(const struct view *view)
{
    return ends_in(view->host, "*") && !is_made_of(view->host, "*");
}

/* A star before a name without a dot between. */
static bool is_open_start(const struct view *view)
{
    struct span name = after_last(view->host, '*');
    return has_star(view->host) && name.len > 0 && name.at[0] != '.';
}

enum origin_doubt origin_pattern_doubt(struct span pattern)
{
    struct view view;
    look(pattern, &view);
    if (span_equal_nocase(pattern, SPAN("null")))
        return ORIGIN_IS_NULL;
    if (!is_in_origins(pattern))
        return ORIGIN_BAD_CHARACTER;
    if (has_upper_case(pattern))
        return ORIGIN_UPPER_CASE;
    if (is_of_websocket(view.scheme))
        return ORIGIN_OF_WEBSOCKET;
    if (!has_scheme(&view))
        return ORIGIN_NO_SCHEME;
    if (has_path(&view))
        return ORIGIN_HAS_PATH;
    if (!has_port(&view))
        return ORIGIN_NO_PORT;
    if (is_open_end(&view))
        return ORIGIN_OPEN_END;
    return is_open_start(&view) ? ORIGIN_OPEN_START : ORIGIN_SOUND;
}

const char *origin_doubt_text(enum origin_doubt doubt)
{
    switch (doubt) {
    case ORIGIN_SOUND:
        break;
    case ORIGIN_IS_NULL:
        return "can never match: patterns are not asked about the origin null";
    case ORIGIN_BAD_CHARACTER:
        return "can never match: it has a character that no origin has";
    case ORIGIN_UPPER_CASE:
        return "can never match: origins are compared in lower case";
    case ORIGIN_OF_WEBSOCKET:
        return "can never match: an origin is the address of a page, not of its WebSocket";
    case ORIGIN_NO_SCHEME:
        return "can never match: an origin begins with its scheme";
    case ORIGIN_HAS_PATH:
        return "can never match: an origin has no path";
    case ORIGIN_NO_PORT:
        return "can never match: an origin is compared with its port";
    case ORIGIN_OPEN_END:
        return "admits foreign hosts: a star at the end of a name stands for .evil.example, too";
    case ORIGIN_OPEN_START:
        return "admits foreign hosts: a star at the beginning of a name stands for evil-, too";
    }
    return "is sound";
}

/* ---- what to write */

static struct span better_port(const struct view *view, bool plain)
{
    if (has_star(view->port) || is_port(view->port))
        return view->port;
    return plain ? SPAN("80") : SPAN("443");
}

/* The host without stars at its end, and with a dot behind its last star. */
static int print_host(const struct view *view, char text[ORIGIN_TEXT])
{
    struct span host = view->host;
    while (is_open_end(view) && ends_in(host, "*"))
        host.len--;
    struct span name = after_last(host, '*');
    struct span before = span_head(host, host.len - name.len);
    const char *dot = has_star(host) && name.len > 0 && name.at[0] != '.' ? "." : "";
    return snprintf(text, ORIGIN_TEXT, "%.*s%s%.*s", SPAN_ARGS(before), dot, SPAN_ARGS(name));
}

static bool is_whole(int length)
{
    return length > 0 && length < ORIGIN_TEXT;
}

bool origin_pattern_better(struct span pattern, char text[ORIGIN_TEXT])
{
    struct view view;
    char host[ORIGIN_TEXT];
    look(pattern, &view);
    if (pattern.len >= ORIGIN_TEXT || span_equal_nocase(pattern, SPAN("null")) || !is_whole(print_host(&view, host)))
        return false;
    bool plain = span_equal_nocase(view.scheme, SPAN("http:")) || span_equal_nocase(view.scheme, SPAN("ws:"));
    struct span port = better_port(&view, plain);
    int length = snprintf(text, ORIGIN_TEXT, "%s://%s:%.*s", plain ? "http" : "https", host, SPAN_ARGS(port));
    if (!is_whole(length) || ends_in(span_string(host), "."))
        return false;
    for (char *c = text; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c | 0x20);
    }
    return origin_pattern_doubt(span_string(text)) == ORIGIN_SOUND;
}
