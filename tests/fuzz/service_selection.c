/* The fields by which a visitor chooses a part or a form of a file: each line of the input is the value of one field, its
 * first byte says of which. Whatever is asked for, the part lies within the file and the forms are known ones. */
#include "encoding.h"
#include "selection.h"

#include <assert.h>

enum { FIELDS_MAX = 16, SIZE = 1000 };

static const char *const names[] = {
    "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Accept-Encoding"};

static void read_fields(struct span input, struct http_headers *headers)
{
    while (input.len > 0 && headers->count < FIELDS_MAX) {
        const uint8_t *end = memchr(input.at, '\n', input.len);
        size_t length = end ? (size_t)(end - input.at) : input.len;
        const char *name = names[input.at[0] % (sizeof names / sizeof *names)];
        headers->at[headers->count++] =
            (struct http_header){span_string(name), span_trim(span_tail(span_head(input, length), 1))};
        input = span_tail(input, length + 1);
    }
}

static void check_selection(const struct http_headers *headers, enum http_method method, uint64_t size)
{
    const struct http_request request = {.method = method, .headers = *headers};
    const struct validators file = {.etag = SPAN("\"1-2-3.4\""), .modified = 784111777, .size = size};
    struct selection selection = selection_of(&request, &file);
    assert(selection.status == 200 || selection.status == 206 || selection.status == 304 || selection.status == 412 ||
           selection.status == 416);
    if (selection.status == 200)
        assert(selection.first == 0 && selection.length == size);
    if (selection.status == 206) {
        assert(method == HTTP_GET && selection.length > 0 && selection.first < size);
        assert(selection.length <= size - selection.first);
    }
}

static void check_encodings(const struct http_headers *headers)
{
    enum encoding order[ENCODINGS];
    size_t count = encodings_accepted(headers, order);
    assert(count <= ENCODINGS);
    for (size_t i = 0; i < count; i++)
        assert(order[i] < ENCODING_NONE && (i == 0 || order[i] != order[i - 1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_header fields[FIELDS_MAX];
    struct http_headers headers = {.at = fields};
    read_fields(span_of(data, size), &headers);
    check_selection(&headers, HTTP_GET, SIZE);
    check_selection(&headers, HTTP_GET, 0);
    check_selection(&headers, HTTP_GET, INT64_MAX);
    check_selection(&headers, HTTP_HEAD, SIZE);
    check_encodings(&headers);
    return 0;
}
