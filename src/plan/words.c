#include "settings.h"

#include <ctype.h>

/* All characters are letters or digits of ASCII, or among `others`. */
static bool consists_of(const char *text, const char *others)
{
    for (; *text; text++) {
        if (!(isascii((unsigned char)*text) && isalnum((unsigned char)*text)) && !strchr(others, *text))
            return false;
    }
    return true;
}

bool fits_text(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    }
    return true;
}

bool fits_id(const char *text)
{
    size_t length = strlen(text);

    if (length < 3 || length > 64 || text[0] < 'a' || text[0] > 'z' || !consists_of(text, "_"))
        return false;
    for (; *text; text++) {
        if (*text >= 'A' && *text <= 'Z')
            return false;
    }
    return true;
}

bool fits_path(const char *text)
{
    return fits_text(text) && !strstr(text, "-----BEGIN") && strlen(text) < 4096;
}

bool fits_url_path(const char *text)
{
    return strcmp(text, "/") == 0 || (*text && consists_of(text, "_-"));
}

/* Neither empty, since no request has such a segment, nor "." or "..", which requests are refused for. */
static bool is_segment(struct span segment)
{
    return segment.len > 0 && !span_equal(segment, SPAN(".")) && !span_equal(segment, SPAN(".."));
}

bool extends_url_path(const char *text)
{
    if (!consists_of(text, "_-.~/"))
        return false;
    for (const char *slash; (slash = strchr(text, '/')); text = slash + 1) {
        if (!is_segment(span_of(text, (size_t)(slash - text))))
            return false;
    }
    return is_segment(span_string(text));
}

/* The same as RFC 3986 allows in a URL, so that nothing can end a header field. */
static bool is_url_text(const char *text)
{
    return consists_of(text, "-._~:/?#[]@!$&'()*+,;=%");
}

bool fits_websocket_url(const char *text)
{
    size_t scheme = strncmp(text, "ws://", 5) == 0 ? 5 : strncmp(text, "wss://", 6) == 0 ? 6 : 0;

    return scheme > 0 && (text[scheme] == '[' || isalnum((unsigned char)text[scheme])) && is_url_text(text) &&
           !strchr(text, '#');
}

bool fits_rawsocket_url(const char *text)
{
    size_t scheme = strncmp(text, "rs://", 5) == 0 ? 5 : strncmp(text, "rss://", 6) == 0 ? 6 : 0;

    return scheme > 0 && (text[scheme] == '[' || isalnum((unsigned char)text[scheme])) &&
           consists_of(text + scheme, ".:-_%[]");
}

bool fits_location(const char *text)
{
    return *text && is_url_text(text);
}

bool fits_interface(const char *text)
{
    return consists_of(text, ".:-_% ");
}

bool fits_host(const char *text)
{
    return *text && consists_of(text, ".:-_%");
}

bool fits_extension(const char *text)
{
    return text[0] == '.' && text[1] && consists_of(text + 1, "-_+.");
}

bool fits_header_value(const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            return false;
    }
    return *text != '\0' && *text != ' ';
}

/* Of letters, digits and hyphens, which stand neither first nor last (RFC 1123 section 2.1). */
static bool is_label(struct span label)
{
    if (label.len == 0 || label.len > 63 || label.at[0] == '-' || label.at[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        if (!isascii(label.at[i]) || (!isalnum(label.at[i]) && label.at[i] != '-'))
            return false;
    }
    return true;
}

/* A last label of digits only would make it an address. */
bool fits_domain(const char *text)
{
    struct span rest = span_string(text), label = {0};

    if (rest.len == 0 || rest.len > 253)
        return false;
    for (;;) {
        label = span_head(rest, strcspn((const char *)rest.at, "."));
        if (!is_label(label))
            return false;
        if (label.len == rest.len)
            break;
        rest = span_tail(rest, label.len + 1);
    }
    return label.len > strspn((const char *)label.at, "0123456789");
}

/* What is in a mailto URL without being escaped (RFC 8555 section 7.3 wants neither several nor hfields). */
bool fits_email(const char *text)
{
    const char *at = strchr(text, '@');

    return at && at > text && strlen(text) <= 254 && consists_of(text, "@.-_+=~!$'*") && fits_domain(at + 1);
}

bool fits_https_url(const char *text)
{
    const char *host = text + strlen("https://");

    return strncmp(text, "https://", strlen("https://")) == 0 && is_url_text(text) && strlen(text) < 1024 &&
           (isalnum((unsigned char)*host) || *host == '[') && !strpbrk(host, "@?#");
}

/* Neither "." nor "..": up to two dots and something else, or three. */
#define PATTERN_SEGMENT "(\\.?\\.?[A-Za-z0-9_~-][A-Za-z0-9_.~-]*|\\.\\.\\.[A-Za-z0-9_.~-]*)"
#define PATTERN_URL     "A-Za-z0-9._~:/?@!$&'()*+,;=%-"

const char *words_pattern(bool (*fits)(const char *text))
{
    static const struct {
        bool (*fits)(const char *text);
        const char *pattern;
    } patterns[] = {
        {fits_id, "^[a-z][a-z0-9_]{2,63}$"},
        {fits_url_path, "^(/|[A-Za-z0-9_-]+)$"},
        {extends_url_path, "^" PATTERN_SEGMENT "(/" PATTERN_SEGMENT ")*$"},
        {fits_websocket_url, "^wss?://(\\[|[A-Za-z0-9])(\\[|\\]|[" PATTERN_URL "])*$"},
        {fits_rawsocket_url, "^rss?://(\\[|[A-Za-z0-9])(\\[|\\]|[A-Za-z0-9.:_%-])*$"},
        {fits_serializer, "^(json|msgpack|cbor|ubjson)$"},
        {fits_location, "^(\\[|\\]|[#" PATTERN_URL "])+$"},
        {fits_interface, "^[A-Za-z0-9.:_% -]*$"},
        {fits_host, "^[A-Za-z0-9.:_%-]+$"},
        {fits_extension, "^\\.[A-Za-z0-9_+.-]+$"},
        {fits_header_value, "^[!-~][ -~]*$"},
        {fits_domain, "^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\\.)*[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$"},
        {fits_email, "^[A-Za-z0-9._+=~!$'*-]+@[A-Za-z0-9.-]+$"},
    };

    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        if (patterns[i].fits == fits)
            return patterns[i].pattern;
    }
    return NULL;
}
