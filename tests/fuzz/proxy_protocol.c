/* Headers of the PROXY protocol. What is judged as a whole must be judged the same when more follows, and each part of it must
 * ask for more. */
#include "proxy_protocol.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer peer;
    size_t length = 0, again = 0;
    enum proxy_verdict verdict = proxy_header_read(span_of(data, size), &length, &peer);
    if (verdict != PROXY_KNOWN && verdict != PROXY_LOCAL)
        return 0;
    assert(length <= size && length <= PROXY_HEADER_MAX);
    assert(proxy_header_read(span_of(data, length), &again, &peer) == verdict && again == length);
    for (size_t cut = 0; cut < length; cut++)
        assert(proxy_header_read(span_of(data, cut), &again, &peer) == PROXY_MORE);
    return 0;
}
