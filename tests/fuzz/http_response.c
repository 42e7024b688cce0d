/* Answers as a backend may send them, heads and bodies. The first byte is the size of the parts in which the rest comes, and
 * its lowest bit says whether the request was HEAD; the result must not depend on the parts. */
#include "crossgate/http.h"

#include <assert.h>

struct result {
    enum http_progress progress;
    size_t taken;
    unsigned status;
    size_t fields;
    bool framed;
    enum http_body_progress body;
    uint64_t length;
    uint64_t payload; /* bytes */
    uint64_t sum;
    bool keep_alive;
};

static void run_body(struct http_response_reader *reader, struct span in, size_t step, bool to_head,
                     struct result *result)
{
    result->framed = http_response_frame(reader, to_head, &result->length);
    bool more = result->framed;
    while (more) {
        size_t taken;
        struct span piece, part = span_head(span_tail(in, result->taken), step);
        result->body = http_response_read_body(reader, part, &taken, &piece);
        assert(taken <= part.len && piece.len <= taken);
        for (size_t i = 0; i < piece.len; i++)
            result->sum = result->sum * 31 + piece.at[i];
        result->payload += piece.len;
        result->taken += taken;
        more = result->body == HTTP_BODY_MORE && result->taken < in.len;
    }
    result->keep_alive = http_response_of(reader)->keep_alive;
    assert(!result->framed || result->body != HTTP_BODY_DONE || result->length == HTTP_LENGTH_UNKNOWN ||
           result->payload == result->length || result->payload == 0);
    assert(!result->framed || !result->keep_alive || !http_response_ends_with_connection(reader));
}

static struct result run(struct span in, size_t step, bool to_head)
{
    struct result result = {.progress = HTTP_MORE};
    struct http_response_reader *reader = http_response_reader_new(NULL);
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
        run_body(reader, in, step, to_head, &result);
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
    bool to_head = data[0] & 1;
    struct result cut = run(in, (size_t)data[0] + 1, to_head), whole = run(in, in.len, to_head);
    assert(cut.progress == whole.progress && cut.status == whole.status && cut.fields == whole.fields);
    assert(cut.framed == whole.framed && cut.body == whole.body && cut.keep_alive == whole.keep_alive);
    assert(cut.body == HTTP_BODY_BROKEN || (cut.payload == whole.payload && cut.sum == whole.sum));
    assert(cut.progress != HTTP_HEAD_DONE || cut.body == HTTP_BODY_BROKEN || cut.taken == whole.taken);
    return 0;
}
