/* Frames as a server may send them to a client that waits for a Pong or a Close, whole and in parts: the same is heard, and
 * what is said of it is safe to print. The first byte is the size of the parts. */
#include "frames.h"

#include <assert.h>

static struct frames run(struct span in, size_t step)
{
    struct frames frames = {.expected = "ping"};
    while (in.len > 0) {
        frames_read(&frames, span_head(in, step));
        in = span_tail(in, step);
    }
    assert(frames.have <= FRAMES_HEAD_MAX && frames.length <= FRAMES_CONTROL_MAX);
    for (const char *at = frames.reason; *at; at++)
        assert((unsigned char)*at >= ' ' && *at != 0x7F);
    return frames;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    struct frames whole = run(in, in.len + 1), cut = run(in, (size_t)data[0] + 1);
    assert(whole.ponged == cut.ponged && whole.closed == cut.closed && whole.broken == cut.broken);
    assert(whole.code == cut.code && strcmp(whole.reason, cut.reason) == 0);
    return 0;
}
