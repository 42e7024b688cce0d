#include "request.h"

#include "headers.h"
#include "target.h"

enum { VERSION_BYTES = 8 };

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1": case matters (RFC 9112 section 2.3). */
static bool is_version(struct span s)
{
    return s.len == VERSION_BYTES && span_starts(s, SPAN("HTTP/")) && is_digit(s.at[5]) && s.at[6] == '.' &&
           is_digit(s.at[7]);
}

enum ending request_line_check(struct span line)
{
    if (line.len > REQUEST_LINE_MAX)
        return ENDING_TARGET_TOO_LONG;
    const uint8_t *space = memrchr(line.at, ' ', line.len);
    if (!space)
        return ENDING_BAD_REQUEST;
    struct span version = span_tail(line, (size_t)(space - line.at) + 1);
    if (!is_version(version)) {
        /* HTTP/0.9 had two words: method and target. */
        bool two_words = memchr(line.at, ' ', line.len) == space && version.len > 0 && version.at[0] == '/';
        return two_words ? ENDING_BAD_VERSION : ENDING_BAD_REQUEST;
    }
    if (!span_equal(version, SPAN("HTTP/1.1")) && !span_equal(version, SPAN("HTTP/1.0")))
        return ENDING_BAD_VERSION;
    return ENDING_DONE;
}

static struct span first_word(struct span line)
{
    const uint8_t *space = memchr(line.at, ' ', line.len);
    return space ? span_head(line, (size_t)(space - line.at)) : line;
}

static enum http_method method_of(struct span name)
{
    static const struct {
        struct span name;
        enum http_method method;
    } methods[] = {
        {{(const uint8_t *)"GET", 3}, HTTP_GET},
        {{(const uint8_t *)"HEAD", 4}, HTTP_HEAD},
        {{(const uint8_t *)"POST", 4}, HTTP_POST},
        {{(const uint8_t *)"OPTIONS", 7}, HTTP_OPTIONS},
    };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (span_equal(methods[i].name, name))
            return methods[i].method;
    }
    return HTTP_OTHER_METHOD;
}

/* RFC 9112 section 3.2: exactly one Host field, in HTTP/1.1 never without. */
static bool read_host(struct http_request *request)
{
    size_t count = http_header_count(&request->headers, SPAN("Host"));
    if (count == 0)
        return request->http_1_0;
    if (count > 1 || !http_header_find(&request->headers, SPAN("Host"), &request->host))
        return false;
    if (request->host.len == 0)
        return request->http_1_0;
    return target_host_is_valid(request->host);
}

/* RFC 9112 section 6.3, without its concessions: both framings at once, a coding other than chunked, a length that is said
 * twice, and chunks in HTTP/1.0 are what request smuggling is made of. */
static bool read_framing(struct http_request *request, struct body *body)
{
    struct span value;
    size_t codings = http_header_count(&request->headers, SPAN("Transfer-Encoding"));
    size_t lengths = http_header_count(&request->headers, SPAN("Content-Length"));
    uint64_t length = 0;
    if (codings > 0) {
        if (codings > 1 || lengths > 0 || request->http_1_0 ||
            !http_header_find(&request->headers, SPAN("Transfer-Encoding"), &value) ||
            !span_equal_nocase(value, SPAN("chunked")))
            return false;
        body_init_chunked(body);
        request->has_body = true;
        return true;
    }
    if (lengths > 1)
        return false;
    if (http_header_find(&request->headers, SPAN("Content-Length"), &value) && !span_to_uint(value, INT64_MAX, &length))
        return false;
    body_init_length(body, length);
    request->has_body = length > 0;
    return true;
}

static void read_connection(struct http_request *request)
{
    const struct http_headers *headers = &request->headers;
    bool close = http_header_has_token(headers, SPAN("Connection"), SPAN("close"));
    bool keep = http_header_has_token(headers, SPAN("Connection"), SPAN("keep-alive"));
    request->keep_alive = !close && (keep || !request->http_1_0);
    request->upgrade = http_header_has_token(headers, SPAN("Connection"), SPAN("upgrade")) &&
                       http_header_count(headers, SPAN("Upgrade")) > 0;
}

static enum ending understand(struct http_request *request, struct body *body)
{
    if (!headers_are_named(&request->headers) || !read_host(request) || !read_framing(request, body))
        return ENDING_BAD_REQUEST;
    if (!headers_connection_is_short(&request->headers))
        return ENDING_HEAD_TOO_LARGE;
    read_connection(request);
    return target_read(request);
}

enum ending request_read(struct arena *arena, const struct head *head, struct http_request *request, struct body *body)
{
    struct span line = head_first_line(head);
    struct parsed parsed;
    switch (parse_head(PARSE_REQUEST, head_bytes(head), &parsed)) {
    case PARSE_OK:
        break;
    case PARSE_METHOD_UNKNOWN:
        return headers_is_token(first_word(line)) ? ENDING_NOT_IMPLEMENTED : ENDING_BAD_REQUEST;
    case PARSE_TOO_MANY_FIELDS:
        return ENDING_HEAD_TOO_LARGE;
    case PARSE_BROKEN:
        return ENDING_BAD_REQUEST;
    }
    if (parsed.target.len > HTTP_TARGET_MAX)
        return ENDING_TARGET_TOO_LONG;
    /* RFC 9112 section 3: single spaces; llhttp would let more pass. */
    if (line.len != parsed.method.len + 1 + parsed.target.len + 1 + VERSION_BYTES)
        return ENDING_BAD_REQUEST;
    *request = (struct http_request){
        .arena = arena,
        .method = method_of(parsed.method),
        .method_name = parsed.method,
        .target = parsed.target,
        .http_1_0 = parsed.minor == 0,
    };
    if (!headers_copy(arena, &parsed, &request->headers))
        return ENDING_MEMORY;
    return understand(request, body);
}
