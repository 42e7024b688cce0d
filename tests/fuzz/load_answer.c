/* Answers of a server to one GET after the other, with a memory of heads and without, whole and in parts: the same is heard. The
 * first byte is the size of the parts. */
#include "answer.h"

#include <assert.h>

struct heard {
    unsigned answers;
    bool broken, ends;
    uint64_t sum; /* over statuses and lengths */
};

static void hear(struct heard *heard, struct answer *answer, enum answer_event event)
{
    heard->broken = event == ANSWER_BROKEN;
    if (event != ANSWER_DONE)
        return;
    heard->answers++;
    heard->sum = heard->sum * 31 + answer->verdict.status * 7 + answer->received + answer->verdict.keep_alive;
    answer_reset(answer);
}

static struct heard run(struct span in, size_t step, struct answer_memory *memory)
{
    struct answer answer = {0};
    struct heard heard = {0};
    while (in.len > 0 && !heard.broken) {
        struct span part = span_head(in, step);
        enum answer_event event;
        in = span_tail(in, step);
        do {
            event = answer_next(&answer, memory, &part);
            hear(&heard, &answer, event);
        } while (event == ANSWER_HEAD || event == ANSWER_DONE);
    }
    heard.ends = !heard.broken && answer_ends_with_connection(&answer);
    answer_reset(&answer);
    return heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct answer_memory memory;
    memory.length = 0;
    if (size < 1)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    struct heard whole = run(in, in.len + 1, &memory), again = run(in, in.len + 1, &memory);
    struct heard cut = run(in, (size_t)data[0] + 1, &memory);
    assert(whole.answers == again.answers && whole.broken == again.broken && whole.sum == again.sum);
    assert(whole.answers == cut.answers && whole.broken == cut.broken && whole.sum == cut.sum);
    assert(whole.ends == again.ends && whole.ends == cut.ends);
    return 0;
}
