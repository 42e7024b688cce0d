#include "answer.h"

static enum answer_event begin_body(struct answer *answer, const struct answer_verdict *verdict)
{
    answer->verdict = *verdict;
    answer->in_body = true;
    return ANSWER_HEAD;
}

/* Only what lies whole before us, and ends where its length says. */
static void remember(struct answer_memory *memory, struct span head, const struct answer_verdict *verdict)
{
    if (head.len > sizeof memory->head)
        return;
    memcpy(memory->head, head.at, head.len);
    memory->length = head.len;
    memory->verdict = *verdict;
}

static bool is_remembered(const struct answer_memory *memory, struct span in)
{
    return memory->length > 0 && span_starts(in, span_of(memory->head, memory->length));
}

static enum answer_event judge(struct answer *answer, struct answer_memory *memory, struct span head, bool whole)
{
    struct answer_verdict verdict;
    const struct http_response *response = http_response_of(answer->reader);
    if (!http_response_frame(answer->reader, false, &verdict.length))
        return ANSWER_BROKEN;
    verdict.status = response->status;
    verdict.keep_alive = response->keep_alive;
    if (whole && verdict.status == 200 && verdict.length != HTTP_LENGTH_UNKNOWN) {
        remember(memory, head, &verdict);
        http_response_reader_free(answer->reader);
        answer->reader = NULL;
    }
    return begin_body(answer, &verdict);
}

static enum answer_event read_head(struct answer *answer, struct answer_memory *memory, struct span *in)
{
    bool whole = !answer->reader;
    size_t taken;
    if (in->len == 0)
        return ANSWER_MORE;
    if (whole && is_remembered(memory, *in)) {
        *in = span_tail(*in, memory->length);
        return begin_body(answer, &memory->verdict);
    }
    if (whole)
        answer->reader = http_response_reader_new(NULL);
    if (!answer->reader)
        return ANSWER_BROKEN;
    struct span head = *in;
    enum http_progress progress = http_response_read(answer->reader, *in, &taken);
    *in = span_tail(*in, taken);
    if (progress == HTTP_HEAD_DONE)
        return judge(answer, memory, span_head(head, taken), whole);
    return progress == HTTP_BROKEN ? ANSWER_BROKEN : ANSWER_MORE;
}

/* With a reader the framing is its business. */
static enum answer_event read_framed(struct answer *answer, struct span *in)
{
    enum http_body_progress progress;
    do {
        size_t taken;
        struct span piece;
        progress = http_response_read_body(answer->reader, *in, &taken, &piece);
        answer->received += piece.len;
        *in = span_tail(*in, taken);
    } while (progress == HTTP_BODY_MORE && in->len > 0);
    return progress == HTTP_BODY_DONE ? ANSWER_DONE : progress == HTTP_BODY_MORE ? ANSWER_MORE : ANSWER_BROKEN;
}

static enum answer_event read_measured(struct answer *answer, struct span *in)
{
    uint64_t left = answer->verdict.length - answer->received;
    struct span piece = span_head(*in, left < in->len ? (size_t)left : in->len);
    answer->received += piece.len;
    *in = span_tail(*in, piece.len);
    return answer->received == answer->verdict.length ? ANSWER_DONE : ANSWER_MORE;
}

enum answer_event answer_next(struct answer *answer, struct answer_memory *memory, struct span *in)
{
    if (!answer->in_body)
        return read_head(answer, memory, in);
    return answer->reader ? read_framed(answer, in) : read_measured(answer, in);
}

bool answer_ends_with_connection(const struct answer *answer)
{
    return answer->in_body && answer->reader && http_response_ends_with_connection(answer->reader);
}

void answer_reset(struct answer *answer)
{
    http_response_reader_free(answer->reader);
    *answer = (struct answer){0};
}
