/* A backend's answer to the opening handshake, arbitrary bytes, whole and byte by byte: the same verdict, and a 101 is taken
 * only with the one accept value. */
#include "crossgate/websocket.h"

#include <assert.h>
#include <stdlib.h>

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

struct verdict {
    enum http_progress progress;
    size_t taken;
    bool accepted;
};

static struct verdict judge(const uint8_t *data, size_t size, size_t chunk)
{
    struct verdict verdict = {.progress = HTTP_MORE};
    struct http_response_reader *reader = http_response_reader_new(NULL);
    assert(reader);
    while (verdict.progress == HTTP_MORE && verdict.taken < size) {
        size_t left = size - verdict.taken, taken = 0;
        struct span in = span_of(data + verdict.taken, left < chunk ? left : chunk);
        verdict.progress = http_response_read(reader, in, &taken);
        assert(taken <= in.len);
        assert(verdict.progress != HTTP_MORE || taken == in.len);
        verdict.taken += taken;
    }
    if (verdict.progress == HTTP_HEAD_DONE) {
        const struct http_response *response = http_response_of(reader);
        struct span chosen, accept;
        verdict.accepted =
            websocket_response_check(response, SPAN(KEY), SPAN("wamp.2.json, wamp.2.cbor"), false, &chosen);
        if (verdict.accepted) {
            assert(response->status == 101);
            assert(http_header_find(&response->headers, SPAN("Sec-WebSocket-Accept"), &accept));
            assert(span_equal(span_trim(accept), SPAN(ACCEPT)));
            assert(chosen.len == 0 || span_equal(chosen, SPAN("wamp.2.json")) ||
                   span_equal(chosen, SPAN("wamp.2.cbor")));
        }
    }
    http_response_reader_free(reader);
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verdict whole = judge(data, size, size > 0 ? size : 1), cut = judge(data, size, 1);
    assert(whole.progress == cut.progress && whole.accepted == cut.accepted);
    assert(whole.progress != HTTP_HEAD_DONE || whole.taken == cut.taken);
    return 0;
}
