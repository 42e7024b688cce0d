#include "selection.h"

/* One entity tag of a list. Weak comparison looks at the opaque part only (RFC 9110 section 8.8.3.2). */
static bool tag_matches(struct span tag, struct span etag, bool weak)
{
    if (weak && span_starts(tag, SPAN("W/")))
        tag = span_tail(tag, 2);
    return span_equal(tag, etag);
}

/* Our tags have no comma in them, so cutting at commas cannot make one of ours out of another. */
static bool list_matches(const struct http_headers *headers, struct span name, struct span etag, bool weak)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (!span_equal_nocase(headers->at[i].name, name))
            continue;
        struct span rest = headers->at[i].value, item;
        while (span_next_item(&rest, &item)) {
            if (span_equal(item, SPAN("*")) || tag_matches(item, etag, weak))
                return true;
        }
    }
    return false;
}

static bool date_of(const struct http_headers *headers, struct span name, int64_t *date)
{
    struct span value;
    return http_header_find(headers, name, &value) && http_date_parse(value, date);
}

/* RFC 9110 section 13.2.2, steps 1 and 2. */
static bool precondition_fails(const struct http_headers *headers, const struct validators *file)
{
    int64_t date;
    if (http_header_count(headers, SPAN("If-Match")) > 0)
        return !list_matches(headers, SPAN("If-Match"), file->etag, false);
    return date_of(headers, SPAN("If-Unmodified-Since"), &date) && file->modified > date;
}

/* Steps 3 and 4. */
static bool is_unchanged(const struct http_headers *headers, const struct validators *file)
{
    int64_t date;
    if (http_header_count(headers, SPAN("If-None-Match")) > 0)
        return list_matches(headers, SPAN("If-None-Match"), file->etag, true);
    return date_of(headers, SPAN("If-Modified-Since"), &date) && file->modified <= date;
}

/* Step 5: section 13.1.5. */
static bool range_holds(const struct http_headers *headers, const struct validators *file)
{
    struct span value;
    int64_t date;
    if (!http_header_find(headers, SPAN("If-Range"), &value))
        return true;
    if (http_date_parse(value, &date))
        return date == file->modified;
    return span_equal(value, file->etag);
}

enum range { RANGE_NONE, RANGE_GOOD, RANGE_BEYOND };

/* "-n": the last n bytes. */
static enum range read_suffix(struct span digits, struct selection *selection)
{
    uint64_t count;
    uint64_t size = selection->length;
    if (!span_to_uint(digits, INT64_MAX, &count))
        return RANGE_NONE;
    if (count == 0)
        return RANGE_BEYOND;
    selection->length = count < size ? count : size;
    selection->first = size - selection->length;
    return RANGE_GOOD;
}

static enum range read_positions(struct span from, struct span to, struct selection *selection)
{
    uint64_t first, last = INT64_MAX;
    uint64_t size = selection->length;
    if (!span_to_uint(from, INT64_MAX, &first) || (to.len > 0 && !span_to_uint(to, INT64_MAX, &last)) || last < first)
        return RANGE_NONE;
    if (first >= size)
        return RANGE_BEYOND;
    selection->first = first;
    selection->length = (last < size ? last + 1 : size) - first;
    return RANGE_GOOD;
}

/* A single range (section 14.1.2). Several, other units and bad syntax are ignored, as section 14.2 allows: all is sent. */
static enum range read_range(const struct http_headers *headers, struct selection *selection)
{
    struct span value;
    if (http_header_count(headers, SPAN("Range")) != 1 || !http_header_find(headers, SPAN("Range"), &value) ||
        !span_equal_nocase(span_head(value, 6), SPAN("bytes=")))
        return RANGE_NONE;
    struct span set = span_trim(span_tail(value, 6));
    const uint8_t *dash = set.len > 0 ? memchr(set.at, '-', set.len) : NULL;
    if (!dash)
        return RANGE_NONE;
    size_t before = (size_t)(dash - set.at);
    if (before == 0)
        return read_suffix(span_tail(set, 1), selection);
    return read_positions(span_head(set, before), span_tail(set, before + 1), selection);
}

struct selection selection_of(const struct http_request *request, const struct validators *file)
{
    const struct http_headers *headers = &request->headers;
    struct selection selection = {.status = 200, .length = file->size};
    if (precondition_fails(headers, file))
        selection.status = 412;
    else if (is_unchanged(headers, file))
        selection.status = 304;
    else if (request->method == HTTP_GET && file->size > 0 && range_holds(headers, file)) {
        enum range range = read_range(headers, &selection);
        selection.status = range == RANGE_GOOD ? 206 : range == RANGE_BEYOND ? 416 : 200;
    }
    return selection;
}
