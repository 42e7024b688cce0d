/* Compressed messages of arbitrary bytes. The first bytes of the input choose window, limit, cuts and rooms, and how long the
 * first message is; what follows is the second one, which may refer to it. Both are played twice, whole and cut: the same must
 * come out. What has been inflated is deflated and inflated again. */
#include "deflate.h"

#include <assert.h>
#include <stdlib.h>

/* Deflate makes at most 1032 bytes of one: without a limit the memory of a run would not be bounded by its input. */
enum { LIMIT_MAX = 1 << 18 };

struct plain {
    uint8_t *at;
    size_t length;
    enum ending why;
};

static void put(struct plain *plain, struct span bytes)
{
    assert(plain->length + bytes.len <= LIMIT_MAX);
    if (bytes.len > 0)
        memcpy(plain->at + plain->length, bytes.at, bytes.len);
    plain->length += bytes.len;
}

static struct plain plain_new(void)
{
    struct plain plain = {.at = malloc(LIMIT_MAX), .why = ENDING_DONE};
    assert(plain.at);
    return plain;
}

/* Each piece lies in memory of its own size, and so does the room. */
static enum deflate_event give(struct inflater *inflater, struct span piece, bool last, size_t size, uint64_t limit,
                               struct plain *plain)
{
    uint8_t *copy = malloc(piece.len + 1), *room = malloc(size);
    assert(copy && room);
    if (piece.len > 0)
        memcpy(copy + 1, piece.at, piece.len);
    struct deflate_io io = {.in = span_of(copy + 1, piece.len), .last = last, .to = room, .size = size};
    enum deflate_event event;
    do {
        event = inflater_next(inflater, &io, limit);
        put(plain, io.out);
    } while (event == DEFLATE_FULL);
    if (event == DEFLATE_FAULT)
        plain->why = io.why;
    else
        assert(io.in.len == 0);
    free(copy);
    free(room);
    return event;
}

static bool inflate_message(struct inflater *inflater, struct span in, size_t chunk, size_t size, uint64_t limit,
                            struct plain *plain)
{
    enum deflate_event event;
    plain->length = 0;
    do {
        struct span piece = span_head(in, chunk);
        in = span_tail(in, chunk);
        event = give(inflater, piece, in.len == 0, size, limit, plain);
    } while (event == DEFLATE_MORE);
    assert(plain->length <= limit);
    assert(inflater_is_idle(inflater) == (event == DEFLATE_DONE));
    return event == DEFLATE_DONE;
}

static void deflate_again(struct span message, unsigned int window_bits)
{
    uint8_t *packed = malloc(2 * message.len + 64);
    struct deflater *deflater = deflater_new(window_bits < 9 ? 9 : window_bits, 8);
    struct inflater *inflater = inflater_new(15);
    assert(packed && deflater && inflater);
    struct deflate_io io = {.in = message, .last = true, .to = packed, .size = 2 * message.len + 64};
    enum deflate_event event = deflater_next(deflater, &io);
    assert(event == DEFLATE_DONE);
    struct plain plain = plain_new();
    bool worked = inflate_message(inflater, io.out, io.out.len + 1, LIMIT_MAX, LIMIT_MAX, &plain);
    assert(worked && span_equal(span_of(plain.at, plain.length), message));
    free(plain.at);
    free(packed);
    inflater_free(inflater);
    deflater_free(deflater);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    unsigned int window_bits = 8 + data[0] % 8;
    uint64_t limit = data[0] & 8 ? 300 : LIMIT_MAX;
    size_t chunk = 1 + data[1] % 16, room = 16 + data[1] / 16;
    struct span rest = span_of(data + 3, size - 3);
    struct span messages[] = {span_head(rest, data[2]), span_tail(rest, data[2])};
    /* With the window that was agreed on, references that go too far back may be found out; all else is the same. */
    struct inflater *whole = inflater_new(15), *cut = inflater_new(15), *agreed = inflater_new(window_bits);
    struct plain one = plain_new(), two = plain_new(), three = plain_new();
    assert(whole && cut && agreed);
    bool worked = true, fits = true;
    for (size_t i = 0; worked && i < 2; i++) {
        worked = inflate_message(whole, messages[i], messages[i].len + 1, LIMIT_MAX, limit, &one);
        bool same = inflate_message(cut, messages[i], chunk, room, limit, &two);
        assert(same == worked && one.why == two.why);
        struct span message = span_of(one.at, one.length);
        assert(!worked || span_equal(message, span_of(two.at, two.length)));
        fits = fits && inflate_message(agreed, messages[i], chunk, room, limit, &three);
        assert(!fits || (worked && span_equal(message, span_of(three.at, three.length))));
        if (worked)
            deflate_again(message, window_bits);
    }
    free(one.at);
    free(two.at);
    free(three.at);
    inflater_free(whole);
    inflater_free(cut);
    inflater_free(agreed);
    return 0;
}
