#include "test.h"

#include "deflate.h"

#include <stdlib.h>

/* What came out, and how it ended. Each piece goes in from memory of its own size, and comes out into a room that is used for
 * the next one, too. */
struct heap {
    uint8_t *at;
    size_t length;
    size_t calls;
};

static void put(struct heap *heap, struct span bytes)
{
    heap->at = realloc(heap->at, heap->length + bytes.len + 1);
    assert_non_null(heap->at);
    if (bytes.len > 0)
        memcpy(heap->at + heap->length, bytes.at, bytes.len);
    heap->length += bytes.len;
    heap->calls++;
}

static struct span heap_span(const struct heap *heap)
{
    return span_of(heap->at, heap->length);
}

enum { MANY = 1 << 20 };

struct cut {
    size_t chunk; /* bytes per piece */
    size_t room;  /* bytes of output per call */
    bool late;    /* the last piece is an empty one */
};

static const struct cut cuts[] = {
    {MANY, 4096, false}, {MANY, 16, false}, {1, 4096, false}, {1, 16, true}, {7, 17, false}, {1000, 64, true},
};
enum { CUTS = sizeof cuts / sizeof *cuts };

static enum deflate_event next(struct inflater *inflater, struct deflater *deflater, struct deflate_io *io,
                               uint64_t limit)
{
    return inflater ? inflater_next(inflater, io, limit) : deflater_next(deflater, io);
}

static enum deflate_event give(struct inflater *inflater, struct deflater *deflater, struct span piece, bool last,
                               const struct cut *cut, uint64_t limit, struct heap *out, enum ending *why)
{
    uint8_t *in = malloc(piece.len + 1), *room = malloc(cut->room);
    assert_true(in && room);
    if (piece.len > 0)
        memcpy(in + 1, piece.at, piece.len);
    struct deflate_io io = {.in = span_of(in + 1, piece.len), .last = last, .to = room, .size = cut->room};
    enum deflate_event event;
    do {
        event = next(inflater, deflater, &io, limit);
        assert_true(io.out.len <= cut->room && (io.out.len == 0 || io.out.at == room));
        assert_true(event != DEFLATE_FULL || io.out.len + 4 >= cut->room || limit > 0);
        put(out, io.out);
    } while (event == DEFLATE_FULL);
    assert_true(event == DEFLATE_FAULT || io.in.len == 0);
    assert_true(event == DEFLATE_FAULT || (event == DEFLATE_DONE) == last);
    *why = io.why;
    free(in);
    free(room);
    return event;
}

/* One message. ENDING_DONE, or why not. */
static enum ending play(struct inflater *inflater, struct deflater *deflater, struct span in, const struct cut *cut,
                        uint64_t limit, struct heap *out)
{
    for (;;) {
        enum ending why;
        struct span piece = span_head(in, cut->chunk);
        in = span_tail(in, cut->chunk);
        bool last = in.len == 0 && (!cut->late || piece.len == 0);
        switch (give(inflater, deflater, piece, last, cut, limit, out, &why)) {
        case DEFLATE_DONE:
            return ENDING_DONE;
        case DEFLATE_FAULT:
            return why;
        default:
            break;
        }
    }
}

static enum ending inflate_all(struct inflater *inflater, struct span in, const struct cut *cut, uint64_t limit,
                               struct heap *out)
{
    *out = (struct heap){.at = NULL};
    return play(inflater, NULL, in, cut, limit, out);
}

static void deflate_all(struct deflater *deflater, struct span in, const struct cut *cut, struct heap *out)
{
    *out = (struct heap){.at = NULL};
    assert_int_equal(play(NULL, deflater, in, cut, 0, out), ENDING_DONE);
    assert_true(out->length > 0);
    assert_true(deflater_is_idle(deflater));
}

static void assert_yields(struct inflater *inflater, struct span in, const struct cut *cut, struct span expected)
{
    struct heap out;
    assert_int_equal(inflate_all(inflater, in, cut, 0, &out), ENDING_DONE);
    assert_true(span_equal(heap_span(&out), expected));
    assert_true(inflater_is_idle(inflater));
    free(out.at);
}

#define BYTES(...) span_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* ---- RFC 7692 section 7.2.3 */

static void the_examples_of_the_rfc_are_inflated(void **state)
{
    (void)state;
    for (size_t i = 0; i < CUTS; i++) {
        struct inflater *inflater = inflater_new(15);
        assert_non_null(inflater);
        assert_yields(inflater, BYTES(0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00), &cuts[i], SPAN("Hello"));
        assert_yields(inflater, BYTES(0xF2, 0x00, 0x11, 0x00, 0x00), &cuts[i], SPAN("Hello"));
        assert_yields(inflater, BYTES(0x00, 0x05, 0x00, 0xFA, 0xFF, 'H', 'e', 'l', 'l', 'o', 0x00), &cuts[i],
                      SPAN("Hello"));
        assert_yields(inflater, BYTES(0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00), &cuts[i], SPAN("Hello"));
        assert_yields(inflater, BYTES(0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00),
                      &cuts[i], SPAN("Hello"));
        assert_yields(inflater, BYTES(0x00), &cuts[i], SPAN(""));
        /* The window has outlived the final block. */
        assert_yields(inflater, BYTES(0xF2, 0x00, 0x11, 0x00, 0x00), &cuts[i], SPAN("Hello"));
        inflater_free(inflater);
    }
}

static void what_peers_leave_out_is_not_missed(void **state)
{
    (void)state;
    for (size_t i = 0; i < CUTS; i++) {
        struct inflater *inflater = inflater_new(15);
        /* Autobahn's second empty message; a final block with nothing behind it. */
        assert_yields(inflater, SPAN(""), &cuts[i], SPAN(""));
        assert_yields(inflater, BYTES(0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00), &cuts[i], SPAN("Hello"));
        assert_yields(inflater, SPAN(""), &cuts[i], SPAN(""));
        assert_yields(inflater, BYTES(0xF2, 0x00, 0x11, 0x00, 0x00), &cuts[i], SPAN("Hello"));
        inflater_free(inflater);
    }
}

static void hello_is_deflated_as_in_the_rfc(void **state)
{
    (void)state;
    for (size_t i = 0; i < CUTS; i++) {
        struct deflater *deflater = deflater_new(15, 8);
        struct heap out;
        assert_non_null(deflater);
        deflate_all(deflater, SPAN("Hello"), &cuts[i], &out);
        assert_true(span_equal(heap_span(&out), BYTES(0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00)));
        free(out.at);
        deflate_all(deflater, SPAN("Hello"), &cuts[i], &out);
        assert_true(span_equal(heap_span(&out), BYTES(0xF2, 0x00, 0x11, 0x00, 0x00)));
        free(out.at);
        for (size_t again = 0; again < 3; again++) {
            deflate_all(deflater, SPAN(""), &cuts[i], &out);
            assert_true(span_equal(heap_span(&out), BYTES(0x00)));
            free(out.at);
        }
        deflater_reset(deflater);
        deflate_all(deflater, SPAN("Hello"), &cuts[i], &out);
        assert_int_equal(out.length, 7);
        free(out.at);
        deflater_free(deflater);
    }
}

/* ---- round trips */

enum pattern { ZEROS, TEXT, NOISE, PATTERNS };

static struct span make(uint8_t *at, size_t size, enum pattern pattern)
{
    static const char words[] = "[48,7814135,{},\"com.myapp.sum\",[23,7]]";
    uint32_t seed = 12345;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        uint8_t byte[PATTERNS] = {0, (uint8_t)words[(i + i / 977) % (sizeof words - 1)], (uint8_t)(seed >> 24)};
        at[i] = byte[pattern];
    }
    return span_of(at, size);
}

static void round_trip(struct deflater *deflater, struct inflater *inflater, struct span message, const struct cut *to,
                       const struct cut *from)
{
    struct heap packed;
    deflate_all(deflater, message, to, &packed);
    assert_yields(inflater, heap_span(&packed), from, message);
    free(packed.at);
}

static void messages_of_all_sizes_come_back_whatever_the_cuts(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 16, 125, 126, 1000, 65535, 65536, 70001};
    uint8_t *at = malloc(70001);
    for (size_t window = 9; window <= 15; window += 3) {
        struct deflater *deflater = deflater_new((unsigned int)window, (unsigned int)window - 6);
        struct inflater *inflater = inflater_new((unsigned int)window);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes * PATTERNS; i++) {
            struct span message = make(at, sizes[i / PATTERNS], (enum pattern)(i % PATTERNS));
            for (size_t j = 0; j < (sizes[i / PATTERNS] > 1000 ? 2 : CUTS); j++) {
                const struct cut half = {message.len / 2 + 1, 4096, j & 1};
                round_trip(deflater, inflater, message, &cuts[j], &cuts[CUTS - 1 - j]);
                round_trip(deflater, inflater, message, &half, &half);
                if (i % 2)
                    continue;
                /* A new start on one side only may be made by who compresses. */
                deflater_reset(deflater);
            }
        }
        deflater_free(deflater);
        inflater_free(inflater);
    }
    free(at);
}

/* The flush may end exactly where the room does: zlib then makes another marker. */
static void the_tail_is_held_back_wherever_the_room_ends(void **state)
{
    (void)state;
    uint8_t *at = malloc(300);
    for (size_t size = 1; size < 300; size++) {
        struct span message = make(at, size, NOISE);
        struct deflater *deflater = deflater_new(15, 8);
        struct inflater *inflater = inflater_new(15);
        const struct cut to = {MANY, size < 140 ? 16 + size % 20 : size - 100, false};
        round_trip(deflater, inflater, message, &to, &cuts[0]);
        round_trip(deflater, inflater, message, &to, &cuts[1]);
        deflater_free(deflater);
        inflater_free(inflater);
    }
    free(at);
}

static void without_takeover_a_message_refers_to_nothing(void **state)
{
    (void)state;
    uint8_t *at = malloc(500);
    struct span message = make(at, 500, NOISE);
    struct deflater *deflater = deflater_new(15, 8);
    struct heap first, again, alone;
    deflate_all(deflater, message, &cuts[0], &first);
    deflate_all(deflater, message, &cuts[0], &again);
    deflater_reset(deflater);
    deflate_all(deflater, message, &cuts[0], &alone);
    assert_true(again.length < first.length / 10);
    assert_true(span_equal(heap_span(&alone), heap_span(&first)));
    struct inflater *inflater = inflater_new(15);
    struct heap out;
    assert_yields(inflater, heap_span(&first), &cuts[0], message);
    inflater_reset(inflater);
    assert_yields(inflater, heap_span(&alone), &cuts[0], message);
    inflater_reset(inflater);
    assert_int_equal(inflate_all(inflater, heap_span(&again), &cuts[0], 0, &out), ENDING_WS_BAD_DEFLATE);
    free(out.at);
    inflater_free(inflater);
    deflater_free(deflater);
    free(first.at);
    free(again.at);
    free(alone.at);
    free(at);
}

static void the_agreed_window_is_the_window(void **state)
{
    (void)state;
    enum { SIZE = 6000 };
    uint8_t *at = malloc(2 * SIZE);
    make(at, SIZE, NOISE);
    memcpy(at + SIZE, at, SIZE);
    struct span message = span_of(at, 2 * SIZE);
    for (unsigned int window = 9; window <= 15; window++) {
        struct deflater *deflater = deflater_new(window, 8);
        struct heap packed, out;
        deflate_all(deflater, message, &cuts[0], &packed);
        /* It finds the second half in a window that reaches back so far. */
        assert_int_equal(packed.length < SIZE + SIZE / 2, window >= 13);
        for (unsigned int other = 8; other <= 15; other++) {
            struct inflater *inflater = inflater_new(other);
            enum ending why = inflate_all(inflater, heap_span(&packed), &cuts[4], 0, &out);
            if (other >= window)
                assert_int_equal(why, ENDING_DONE);
            else if (window >= 13 && other < 13)
                assert_int_equal(why, ENDING_WS_BAD_DEFLATE);
            free(out.at);
            inflater_free(inflater);
        }
        free(packed.at);
        deflater_free(deflater);
    }
    free(at);
}

/* ---- faults */

static void a_bomb_is_stopped_one_byte_after_the_limit(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20, LIMIT = 100000 };
    uint8_t *at = malloc(SIZE);
    struct span message = make(at, SIZE, ZEROS);
    struct deflater *deflater = deflater_new(15, 8);
    struct heap packed, out;
    deflate_all(deflater, message, &cuts[0], &packed);
    assert_true(packed.length < 2000);
    static const size_t rooms[] = {16, 1000, LIMIT - 1, LIMIT, LIMIT + 1, SIZE};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        struct inflater *inflater = inflater_new(15);
        const struct cut cut = {MANY, rooms[i], false};
        assert_int_equal(inflate_all(inflater, heap_span(&packed), &cut, LIMIT, &out), ENDING_WS_TOO_LARGE);
        assert_true(out.length <= LIMIT && out.length + rooms[i] >= LIMIT);
        assert_false(inflater_is_idle(inflater));
        free(out.at);
        inflater_free(inflater);
    }
    free(packed.at);
    deflater_free(deflater);
    free(at);
}

static void a_message_may_be_as_long_as_the_limit(void **state)
{
    (void)state;
    enum { SIZE = 5000 };
    uint8_t *at = malloc(SIZE);
    struct span message = make(at, SIZE, TEXT);
    struct deflater *deflater = deflater_new(15, 8);
    struct heap packed, out;
    deflate_all(deflater, message, &cuts[0], &packed);
    for (size_t i = 0; i < CUTS; i++) {
        struct inflater *inflater = inflater_new(15);
        /* Each message has the whole limit. */
        for (size_t again = 0; again < 2; again++) {
            assert_int_equal(inflate_all(inflater, heap_span(&packed), &cuts[i], SIZE, &out), ENDING_DONE);
            assert_true(span_equal(heap_span(&out), message));
            free(out.at);
        }
        assert_int_equal(inflate_all(inflater, heap_span(&packed), &cuts[i], SIZE - 1, &out), ENDING_WS_TOO_LARGE);
        free(out.at);
        inflater_free(inflater);
    }
    free(packed.at);
    deflater_free(deflater);
    free(at);
}

static void what_is_not_deflated_is_a_fault(void **state)
{
    (void)state;
    const struct span rows[] = {
        BYTES(0xFF, 0xFF, 0xFF, 0xFF),                                           /* no such kind of block */
        BYTES(0x00, 0x05, 0x00, 0xFA, 0xFE, 'H', 'e', 'l', 'l', 'o', 0x00),      /* length and its complement */
        BYTES(0xF2, 0x00, 0x11, 0x00, 0x00),                                     /* refers to what was not */
        BYTES(0xF2, 0x48, 0xCD, 0xC9, 0xC9),                                     /* cut within a block */
        BYTES(0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07),                               /* cut before the last block's head */
        BYTES(0x00, 0x05, 0x00, 0xFA, 0xFF, 'H', 'e', 'l', 'l', 'o'),            /* likewise */
        BYTES(0x00, 0x05, 0x00, 0xFA),                                           /* cut within a head */
        BYTES(0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00, 0x00, 0xFF, 0xFF), /* with the tail that is left out */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t j = 0; j < CUTS; j++) {
            struct inflater *inflater = inflater_new(15);
            struct heap out;
            assert_int_equal(inflate_all(inflater, rows[i], &cuts[j], 0, &out), ENDING_WS_BAD_DEFLATE);
            assert_false(inflater_is_idle(inflater));
            free(out.at);
            inflater_free(inflater);
        }
    }
}

/* Each costs a new start of zlib's: that must be cheap, and must end. */
static void final_blocks_without_number_are_nothing_special(void **state)
{
    (void)state;
    enum { BLOCKS = 30000 };
    uint8_t *at = malloc(2 * BLOCKS + 1);
    for (size_t i = 0; i < BLOCKS; i++) {
        at[2 * i] = 0x03;
        at[2 * i + 1] = 0x00;
    }
    at[2 * BLOCKS] = 0x00;
    struct inflater *inflater = inflater_new(15);
    for (size_t i = 0; i < CUTS; i++)
        assert_yields(inflater, span_of(at, 2 * BLOCKS + 1), &cuts[i], SPAN(""));
    inflater_free(inflater);
    free(at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc_are_inflated),
        cmocka_unit_test(what_peers_leave_out_is_not_missed),
        cmocka_unit_test(hello_is_deflated_as_in_the_rfc),
        cmocka_unit_test(messages_of_all_sizes_come_back_whatever_the_cuts),
        cmocka_unit_test(the_tail_is_held_back_wherever_the_room_ends),
        cmocka_unit_test(without_takeover_a_message_refers_to_nothing),
        cmocka_unit_test(the_agreed_window_is_the_window),
        cmocka_unit_test(a_bomb_is_stopped_one_byte_after_the_limit),
        cmocka_unit_test(a_message_may_be_as_long_as_the_limit),
        cmocka_unit_test(what_is_not_deflated_is_a_fault),
        cmocka_unit_test(final_blocks_without_number_are_nothing_special),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
