#include "target.h"

static bool all_of(struct span s, bool (*good)(uint8_t))
{
    for (size_t i = 0; i < s.len; i++) {
        if (!good(s.at[i]))
            return false;
    }
    return true;
}

static bool is_alphanumeric(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_name_byte(uint8_t c)
{
    return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool is_literal_byte(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') || c == ':' || c == '.';
}

/* One final dot is the root's. An empty label is in no name, but others may read past it to one that is. */
static bool is_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_byte(name.at[i]) || (name.at[i] == '.' && (i == 0 || name.at[i - 1] == '.')))
            return false;
    }
    return name.len > 0;
}

bool target_host_is_valid(struct span host)
{
    const uint8_t *colon = NULL;
    if (host.len > 0 && host.at[0] == '[') {
        const uint8_t *bracket = memchr(host.at, ']', host.len);
        if (!bracket)
            return false;
        size_t literal = (size_t)(bracket - host.at);
        if (literal < 3 || !all_of(span_of(host.at + 1, literal - 1), is_literal_byte))
            return false;
        if (literal + 1 == host.len)
            return true;
        colon = bracket + 1;
        if (*colon != ':')
            return false;
    } else {
        colon = memchr(host.at, ':', host.len);
        struct span name = colon ? span_of(host.at, (size_t)(colon - host.at)) : host;
        if (!is_name(name))
            return false;
        if (!colon)
            return true;
    }
    /* RFC 3986 section 3.2.3: the port may be empty. */
    uint64_t port;
    struct span digits = span_tail(host, (size_t)(colon - host.at) + 1);
    return digits.len == 0 || span_to_uint(digits, UINT16_MAX, &port);
}

static bool hex_value(uint8_t c, uint8_t *value)
{
    if (c >= '0' && c <= '9')
        *value = (uint8_t)(c - '0');
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        *value = (uint8_t)((c | 0x20) - 'a' + 10);
    else
        return false;
    return true;
}

/* "%2F" would hide a segment's edge from one of two readers; control characters are in no name that is served. */
static bool decode_escape(struct span in, uint8_t *out)
{
    uint8_t high, low;
    if (in.len < 3 || !hex_value(in.at[1], &high) || !hex_value(in.at[2], &low))
        return false;
    *out = (uint8_t)(high << 4 | low);
    return *out >= 0x20 && *out != 0x7f && *out != '/';
}

/* Empty only as the last one, after a slash; never "." or "..". */
static bool segment_is_plain(struct span segment, bool last)
{
    if (segment.len == 0)
        return last;
    return !span_equal(segment, SPAN(".")) && !span_equal(segment, SPAN(".."));
}

static bool segments_are_plain(struct span path)
{
    size_t from = 1;
    for (size_t i = 1; i <= path.len; i++) {
        if (i < path.len && path.at[i] != '/')
            continue;
        if (!segment_is_plain(span_of(path.at + from, i - from), i == path.len))
            return false;
        from = i + 1;
    }
    return true;
}

/* Browsers take a backslash for a slash: one reader would see segments where another sees none, and "/\host/" in a Location
 * leads away. RFC 3986 has it as an escape only. */
static enum ending decode_path(struct http_request *request)
{
    struct span raw = request->raw_path;
    uint8_t *path = arena_alloc(request->arena, raw.len + 1);
    if (!path)
        return ENDING_MEMORY;
    size_t length = 0;
    for (size_t i = 0; i < raw.len; i++) {
        uint8_t c = raw.at[i];
        if (c == '%') {
            if (!decode_escape(span_tail(raw, i), &c))
                return ENDING_BAD_REQUEST;
            i += 2;
        } else if (c == '\\') {
            return ENDING_BAD_REQUEST;
        }
        path[length++] = c;
    }
    request->path = span_of(path, length);
    return segments_are_plain(request->path) ? ENDING_DONE : ENDING_BAD_REQUEST;
}

static enum ending read_origin(struct http_request *request)
{
    struct span target = request->target;
    const uint8_t *mark = memchr(target.at, '?', target.len);
    size_t length = mark ? (size_t)(mark - target.at) : target.len;
    request->raw_path = span_head(target, length);
    request->query = mark ? span_tail(target, length + 1) : (struct span){0};
    return decode_path(request);
}

/* RFC 9112 section 3.2.2: the target's host takes the place of the Host field's, for all who look at it later. */
static void replace_host(struct http_request *request, struct span host)
{
    request->host = host;
    for (size_t i = 0; i < request->headers.count; i++) {
        if (span_equal_nocase(request->headers.at[i].name, SPAN("Host")))
            request->headers.at[i].value = host;
    }
}

static enum ending read_absolute(struct http_request *request, struct span rest)
{
    size_t length = 0;
    while (length < rest.len && rest.at[length] != '/' && rest.at[length] != '?')
        length++;
    struct span host = span_head(rest, length);
    if (!target_host_is_valid(host))
        return ENDING_BAD_REQUEST;
    replace_host(request, host);
    struct span target = span_tail(rest, length);
    if (target.len == 0 || target.at[0] != '/') { /* no path: "/" */
        uint8_t *made = arena_alloc(request->arena, target.len + 1);
        if (!made)
            return ENDING_MEMORY;
        made[0] = '/';
        if (target.len > 0)
            memcpy(made + 1, target.at, target.len);
        target = span_of(made, target.len + 1);
    }
    request->target = target;
    return read_origin(request);
}

/* RFC 3986 has no other bytes in a URI, and RFC 9112 no fragment. */
static bool is_target_byte(uint8_t c)
{
    return c > 0x20 && c < 0x7f && c != '#';
}

enum ending target_read(struct http_request *request)
{
    struct span target = request->target;
    /* CONNECT is for proxies; what follows it is not HTTP. */
    if (span_equal(request->method_name, SPAN("CONNECT")))
        return ENDING_NOT_IMPLEMENTED;
    if (!all_of(target, is_target_byte))
        return ENDING_BAD_REQUEST;
    if (span_starts(target, SPAN("/")))
        return read_origin(request);
    if (span_equal(target, SPAN("*")))
        return request->method == HTTP_OPTIONS ? ENDING_DONE : ENDING_BAD_REQUEST;
    if (span_equal_nocase(span_head(target, 7), SPAN("http://")))
        return read_absolute(request, span_tail(target, 7));
    if (span_equal_nocase(span_head(target, 8), SPAN("https://")))
        return read_absolute(request, span_tail(target, 8));
    return ENDING_BAD_REQUEST;
}
