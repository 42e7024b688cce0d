#include "parse.h"

#include <llhttp.h>

/* Each callback gets its element whole, since the head is fed in one call. */
static int on_method(llhttp_t *parser, const char *at, size_t length)
{
    struct parsed *out = parser->data;
    out->method = span_of(at, length);
    return HPE_OK;
}

static int on_target(llhttp_t *parser, const char *at, size_t length)
{
    struct parsed *out = parser->data;
    out->target = span_of(at, length);
    return HPE_OK;
}

static int on_name(llhttp_t *parser, const char *at, size_t length)
{
    struct parsed *out = parser->data;
    if (out->count == PARSE_FIELDS_MAX) {
        out->too_many = true;
        return HPE_USER;
    }
    out->fields[out->count++] = (struct parse_field){.name = span_of(at, length), .value = span_of(at, 0)};
    return HPE_OK;
}

static int on_value(llhttp_t *parser, const char *at, size_t length)
{
    struct parsed *out = parser->data;
    if (out->count == 0)
        return HPE_USER;
    out->fields[out->count - 1].value = span_trim(span_of(at, length));
    return HPE_OK;
}

/* What follows the head is not llhttp's business: body.c reads bodies. */
static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_target,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
};

enum parse_result parse_head(enum parse_kind kind, struct span head, struct parsed *out)
{
    out->method = out->target = (struct span){0};
    out->count = 0;
    out->too_many = false;
    llhttp_t parser;
    llhttp_init(&parser, kind == PARSE_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    parser.data = out;
    llhttp_errno_t result = llhttp_execute(&parser, (const char *)head.at, head.len);
    if (out->too_many)
        return PARSE_TOO_MANY_FIELDS;
    if (result == HPE_INVALID_METHOD)
        return PARSE_METHOD_UNKNOWN;
    /* It must find the end of the head where head.c found it. */
    const char *end = (const char *)head.at + head.len;
    if (result != HPE_PAUSED || llhttp_get_error_pos(&parser) != end || parser.http_major != 1)
        return PARSE_BROKEN;
    out->status = parser.status_code;
    out->minor = parser.http_minor;
    return PARSE_OK;
}
