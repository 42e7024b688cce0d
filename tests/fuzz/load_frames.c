/* Frames as a server may send them to a client of an echo, whole and in parts: the same is heard. The first byte is the size
 * of the parts. */
#include "frames.h"

#include <assert.h>

/* What was heard: events, and a sum over the payload. */
struct heard {
    unsigned messages, pings;
    enum frames_event end;
    uint64_t sum;
};

static void hear(struct heard *heard, enum frames_event event, struct span payload)
{
    heard->messages += event == FRAMES_LAST;
    heard->pings += event == FRAMES_PINGED;
    heard->end = event == FRAMES_CLOSED || event == FRAMES_BROKEN ? event : FRAMES_MORE;
    for (size_t i = 0; i < payload.len; i++)
        heard->sum = heard->sum * 31 + payload.at[i];
}

static struct heard run(struct span in, size_t step)
{
    struct frames frames = {0};
    struct heard heard = {.end = FRAMES_MORE};
    while (in.len > 0 && heard.end == FRAMES_MORE) {
        struct span part = span_head(in, step), payload;
        enum frames_event event;
        in = span_tail(in, step);
        do {
            event = frames_next(&frames, &part, &payload);
            hear(&heard, event, payload);
        } while (event != FRAMES_MORE && heard.end == FRAMES_MORE);
    }
    return heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    struct heard whole = run(in, in.len + 1), cut = run(in, (size_t)data[0] + 1);
    assert(whole.messages == cut.messages && whole.pings == cut.pings);
    assert(whole.end == cut.end && whole.sum == cut.sum);
    return 0;
}
