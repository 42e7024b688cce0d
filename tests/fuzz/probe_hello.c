/* What a server says first, arbitrary bytes, whole and in parts: the same understanding. The first byte is the size of the
 * parts. */
#include "hello.h"

#include <assert.h>
#include <stdlib.h>

static enum hello_outcome run(struct span all, size_t step, struct hello_answer *answer)
{
    struct hello_reader *reader = calloc(1, sizeof *reader);
    enum hello_outcome outcome = HELLO_MORE;
    assert(reader);
    for (size_t have = 0; outcome == HELLO_MORE && have < all.len;) {
        have = step < all.len - have ? have + step : all.len;
        outcome = hello_read(reader, span_head(all, have));
        assert(reader->used <= have && reader->read <= reader->length && reader->length <= have);
    }
    *answer = reader->answer;
    free(reader);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hello_answer whole, cut;
    if (size < 1)
        return 0;
    struct span all = span_of(data + 1, size - 1);
    enum hello_outcome outcome = run(all, all.len + 1, &whole);
    assert(outcome == run(all, (size_t)data[0] + 1, &cut));
    assert(whole.version == cut.version && whole.suite == cut.suite && whole.group == cut.group);
    assert(whole.dh_bits == cut.dh_bits && whole.alert == cut.alert);
    return 0;
}
