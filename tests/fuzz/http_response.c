/* Answers as a backend may send them. The first byte is the size of the parts in which the rest comes; the result must not
 * depend on it. */
#include "crossgate/http.h"

#include <assert.h>

struct result {
    enum http_progress progress;
    size_t taken;
    unsigned status;
    size_t fields;
};

static struct result run(struct span in, size_t step)
{
    struct result result = {.progress = HTTP_MORE};
    struct http_response_reader *reader = http_response_reader_new();
    assert(reader);
    while (result.progress == HTTP_MORE && result.taken < in.len) {
        size_t taken;
        result.progress = http_response_read(reader, span_head(span_tail(in, result.taken), step), &taken);
        result.taken += taken;
    }
    if (result.progress == HTTP_HEAD_DONE) {
        const struct http_response *response = http_response_of(reader);
        result.status = response->status;
        result.fields = response->headers.count;
        for (size_t i = 0; i < result.fields; i++)
            assert(response->headers.at[i].name.len > 0 && http_value_is_valid(response->headers.at[i].value));
    }
    http_response_reader_free(reader);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    struct result cut = run(in, (size_t)data[0] + 1), whole = run(in, in.len);
    assert(cut.progress == whole.progress && cut.status == whole.status && cut.fields == whole.fields);
    assert(cut.progress != HTTP_HEAD_DONE || cut.taken == whole.taken);
    return 0;
}
