#include "headers.h"

static_assert((int)PARSE_FIELDS_MAX == (int)HTTP_FIELDS_MAX, "one bound on the number of fields");

bool http_header_find(const struct http_headers *headers, struct span name, struct span *value)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (span_equal_nocase(headers->at[i].name, name)) {
            *value = headers->at[i].value;
            return true;
        }
    }
    return false;
}

size_t http_header_count(const struct http_headers *headers, struct span name)
{
    size_t count = 0;
    for (size_t i = 0; i < headers->count; i++)
        count += span_equal_nocase(headers->at[i].name, name);
    return count;
}

bool http_header_has_token(const struct http_headers *headers, struct span name, struct span token)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (!span_equal_nocase(headers->at[i].name, name))
            continue;
        struct span rest = headers->at[i].value, item;
        while (span_next_item(&rest, &item)) {
            if (span_equal_nocase(item, token))
                return true;
        }
    }
    return false;
}

void http_headers_named_by_connection(const struct http_headers *headers, bool *named)
{
    struct span item;
    memset(named, false, headers->count * sizeof *named);
    for (size_t i = 0; i < headers->count; i++) {
        struct span rest = headers->at[i].value;
        if (!span_equal_nocase(headers->at[i].name, SPAN("Connection")))
            continue;
        while (span_next_item(&rest, &item)) {
            for (size_t k = 0; k < headers->count; k++)
                named[k] = named[k] || span_equal_nocase(headers->at[k].name, item);
        }
    }
}

bool http_value_is_valid(struct span value)
{
    return span_text_run(value) == value.len;
}

static bool is_token_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool headers_is_token(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_token_byte(name.at[i]))
            return false;
    }
    return name.len > 0;
}

bool headers_copy(struct arena *arena, const struct parsed *parsed, struct http_headers *headers)
{
    headers->at = arena_alloc(arena, parsed->count * sizeof *headers->at);
    if (!headers->at)
        return false;
    headers->count = parsed->count;
    for (size_t i = 0; i < parsed->count; i++)
        headers->at[i] = (struct http_header){parsed->fields[i].name, parsed->fields[i].value};
    return true;
}

bool headers_are_named(const struct http_headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (!headers_is_token(headers->at[i].name))
            return false;
    }
    return true;
}

bool headers_connection_is_short(const struct http_headers *headers)
{
    size_t items = 0;
    struct span item;
    for (size_t i = 0; i < headers->count; i++) {
        struct span rest = headers->at[i].value;
        if (!span_equal_nocase(headers->at[i].name, SPAN("Connection")))
            continue;
        while (span_next_item(&rest, &item)) {
            if (++items > HTTP_FIELDS_MAX)
                return false;
        }
    }
    return true;
}
