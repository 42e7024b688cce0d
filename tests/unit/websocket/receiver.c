/* What the receiver gathers when it is fed more at once than a stream's block holds. */
#include "fake.h"

#include "receiver.h"

struct heard {
    uint8_t *at;
    size_t length;
    size_t pieces, messages, pings;
    size_t longest;
};

struct bench {
    struct receiver *receiver;
    uint8_t *gather;
    struct frame_text in;
    struct heard heard;
};

static const struct frame_rules rules = {.masked = true};

static void bench_start(struct bench *b)
{
    *b = (struct bench){.receiver = receiver_new(), .gather = malloc(LOOP_MESSAGE_BYTES)};
    assert_non_null(b->receiver);
}

static void bench_stop(struct bench *b)
{
    receiver_free(b->receiver);
    free(b->gather);
    free(b->in.at);
    free(b->heard.at);
}

static void put_pattern(struct bench *b, uint8_t first, size_t size, size_t from)
{
    uint8_t *payload = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        payload[i] = (uint8_t)((from + i) * 31 + (from + i) / 253);
    frame_put(&b->in, first, true, span_of(payload, size));
    free(payload);
}

static bool is_pattern(const struct heard *heard, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (heard->at[i] != (uint8_t)(i * 31 + i / 253))
            return false;
    }
    return heard->length == size;
}

/* All that comes of the bytes, in as many events as it takes. Once the bytes are used up nothing may wait inside: who pauses
 * then is woken by new bytes only. */
static void take(struct bench *b, struct span in)
{
    struct receiver_item item;
    struct heard *heard = &b->heard;
    enum receiver_event event;
    bool used_up = false;
    while ((event = receiver_next(b->receiver, &in, &rules, b->gather, &item)) != RECEIVER_MORE) {
        assert_false(used_up);
        used_up = in.len == 0;
        if (event == RECEIVER_PING) {
            heard->pings++;
            continue;
        }
        assert_int_equal(event, RECEIVER_PIECE);
        heard->at = realloc(heard->at, heard->length + item.bytes.len + 1);
        if (item.bytes.len > 0)
            memcpy(heard->at + heard->length, item.bytes.at, item.bytes.len);
        heard->length += item.bytes.len;
        heard->pieces++;
        heard->messages += item.last;
        if (item.bytes.len > heard->longest)
            heard->longest = item.bytes.len;
    }
    assert_int_equal(in.len, 0);
}

static void a_long_frame_is_passed_in_pieces_of_the_gathering_place(void **state)
{
    (void)state;
    enum { SIZE = 1000000 };
    struct bench b;
    bench_start(&b);
    put_pattern(&b, 0x82, SIZE, 0);
    take(&b, span_of(b.in.at, b.in.length));
    assert_true(is_pattern(&b.heard, SIZE));
    assert_true(b.heard.longest <= LOOP_MESSAGE_BYTES);
    assert_true(b.heard.pieces <= SIZE / (LOOP_MESSAGE_BYTES - 8192) + 1);
    assert_int_equal(b.heard.messages, 1);
    assert_true(receiver_is_idle(b.receiver));
    bench_stop(&b);
}

static void fragments_around_the_edge_of_the_gathering_place_are_whole(void **state)
{
    (void)state;
    for (size_t first = LOOP_MESSAGE_BYTES - 4200; first <= LOOP_MESSAGE_BYTES + 10; first += 13) {
        struct bench b;
        bench_start(&b);
        put_pattern(&b, 0x02, first, 0);
        put_pattern(&b, 0x00, 0, first);
        put_pattern(&b, 0x00, 5000, first);
        put_pattern(&b, 0x80, 1, first + 5000);
        put_pattern(&b, 0x89, 3, 0);
        take(&b, span_of(b.in.at, b.in.length));
        assert_true(is_pattern(&b.heard, first + 5001));
        assert_true(b.heard.longest <= LOOP_MESSAGE_BYTES);
        assert_int_equal(b.heard.messages, 1);
        assert_int_equal(b.heard.pings, 1);
        bench_stop(&b);
    }
}

static void an_empty_last_fragment_does_not_wait_behind_a_full_gathering_place(void **state)
{
    (void)state;
    for (size_t first = LOOP_MESSAGE_BYTES - 4200; first <= LOOP_MESSAGE_BYTES + 10; first += 13) {
        struct bench b;
        bench_start(&b);
        put_pattern(&b, 0x02, first, 0);
        put_pattern(&b, 0x80, 0, first);
        take(&b, span_of(b.in.at, b.in.length));
        assert_true(is_pattern(&b.heard, first));
        assert_int_equal(b.heard.messages, 1);
        bench_stop(&b);
    }
}

static void what_was_gathered_comes_before_a_control_frame(void **state)
{
    (void)state;
    struct bench b;
    struct receiver_item item;
    bench_start(&b);
    put_pattern(&b, 0x02, 10, 0);
    put_pattern(&b, 0x89, 3, 0);
    put_pattern(&b, 0x80, 10, 10);
    struct span in = span_of(b.in.at, b.in.length);
    assert_int_equal(receiver_next(b.receiver, &in, &rules, b.gather, &item), RECEIVER_PIECE);
    assert_false(item.last);
    /* Nothing of the ping is taken: who pauses now finds it again in what the stream keeps. */
    assert_int_equal(in.len, 6 + 3 + 6 + 10);
    assert_int_equal(receiver_next(b.receiver, &in, &rules, b.gather, &item), RECEIVER_PING);
    assert_int_equal(receiver_next(b.receiver, &in, &rules, b.gather, &item), RECEIVER_PIECE);
    assert_true(item.last);
    assert_int_equal(receiver_next(b.receiver, &in, &rules, b.gather, &item), RECEIVER_MORE);
    bench_stop(&b);
}

static void small_messages_are_one_piece_each(void **state)
{
    (void)state;
    struct bench b;
    struct receiver_item item;
    bench_start(&b);
    put_pattern(&b, 0x82, 100, 0);
    put_pattern(&b, 0x82, 200, 0);
    struct span in = span_of(b.in.at, b.in.length);
    for (size_t size = 100; size <= 200; size += 100) {
        assert_int_equal(receiver_next(b.receiver, &in, &rules, b.gather, &item), RECEIVER_PIECE);
        assert_true(item.last);
        assert_int_equal(item.bytes.len, size);
        assert_int_equal(in.len, size == 100 ? 8 + 200 : 0);
    }
    bench_stop(&b);
}

static void what_is_not_masked_is_passed_where_it_lies(void **state)
{
    (void)state;
    static const uint8_t payload[70000];
    static const struct frame_rules of_server = {.unmasked = true};
    struct bench b;
    struct receiver_item item;
    bench_start(&b);
    frame_put(&b.in, 0x82, false, span_of(payload, sizeof payload));
    frame_put(&b.in, 0x02, false, SPAN("ab"));
    frame_put(&b.in, 0x80, false, SPAN("cd"));
    struct span in = span_of(b.in.at, b.in.length);
    assert_int_equal(receiver_next(b.receiver, &in, &of_server, b.gather, &item), RECEIVER_PIECE);
    assert_ptr_equal(item.bytes.at, b.in.at + 10);
    assert_int_equal(item.bytes.len, sizeof payload);
    assert_true(item.last);
    /* Fragments do not lie together. */
    assert_int_equal(receiver_next(b.receiver, &in, &of_server, b.gather, &item), RECEIVER_PIECE);
    assert_true(span_equal(item.bytes, SPAN("abcd")) && item.last);
    bench_stop(&b);
}

static void a_fragment_behind_a_piece_longer_than_the_gathering_place_waits(void **state)
{
    (void)state;
    static const uint8_t payload[70000];
    static const struct frame_rules of_server = {.unmasked = true};
    struct bench b;
    struct receiver_item item;
    bench_start(&b);
    frame_put(&b.in, 0x02, false, span_of(payload, sizeof payload));
    frame_put(&b.in, 0x80, false, SPAN("cd"));
    struct span in = span_of(b.in.at, b.in.length);
    assert_int_equal(receiver_next(b.receiver, &in, &of_server, b.gather, &item), RECEIVER_PIECE);
    assert_true(item.bytes.len == sizeof payload && !item.last);
    assert_int_equal(receiver_next(b.receiver, &in, &of_server, b.gather, &item), RECEIVER_PIECE);
    assert_true(span_equal(item.bytes, SPAN("cd")) && item.last);
    bench_stop(&b);
}

/* Both kinds of masks in one message, cut at each byte. */
static void masked_and_unmasked_fragments_make_one_message(void **state)
{
    (void)state;
    static const struct frame_rules both = {.masked = true, .unmasked = true};
    struct frame_text text = {0};
    frame_put(&text, 0x01, true, SPAN("masked "));
    frame_put(&text, 0x00, false, SPAN("plain "));
    frame_put(&text, 0x80, true, SPAN("again"));
    for (size_t cut = 1; cut < text.length; cut++) {
        struct bench b;
        struct receiver_item item;
        char whole[32] = "";
        bench_start(&b);
        for (int half = 0; half < 2; half++) {
            struct span in = span_of(text.at, cut);
            if (half == 1)
                in = span_of(text.at + cut, text.length - cut);
            while (receiver_next(b.receiver, &in, &both, b.gather, &item) == RECEIVER_PIECE)
                strncat(whole, (const char *)item.bytes.at, item.bytes.len);
        }
        assert_string_equal(whole, "masked plain again");
        assert_true(receiver_is_idle(b.receiver));
        bench_stop(&b);
    }
    free(text.at);
}

/* What an extension will need: the bit of a message is told with each of its pieces, and its text is not ours to judge. */
static void rsv1_of_the_first_frame_is_told(void **state)
{
    (void)state;
    static const struct frame_rules extended = {.masked = true, .rsv1 = true};
    struct bench b;
    struct receiver_item item;
    bench_start(&b);
    frame_put(&b.in, 0x41, true, SPAN("\xFF\xFE"));
    size_t first = b.in.length;
    frame_put(&b.in, 0x80, true, SPAN("\xFD"));
    frame_put(&b.in, 0x81, true, SPAN("plain"));
    frame_put(&b.in, 0x41, true, SPAN(""));
    frame_put(&b.in, 0xC0, true, SPAN(""));
    struct span in = span_of(b.in.at, first);
    assert_int_equal(receiver_next(b.receiver, &in, &extended, b.gather, &item), RECEIVER_PIECE);
    assert_true(item.rsv1 && !item.last);
    in = span_of(b.in.at + first, b.in.length - first);
    assert_int_equal(receiver_next(b.receiver, &in, &extended, b.gather, &item), RECEIVER_PIECE);
    assert_true(item.rsv1 && item.last);
    assert_int_equal(receiver_next(b.receiver, &in, &extended, b.gather, &item), RECEIVER_PIECE);
    assert_true(!item.rsv1 && item.last && span_equal(item.bytes, SPAN("plain")));
    /* On a continuation it is a fault even then. */
    assert_int_equal(receiver_next(b.receiver, &in, &extended, b.gather, &item), RECEIVER_FAULT);
    assert_int_equal(item.why, ENDING_WS_PROTOCOL);
    bench_stop(&b);
}

static void pongs_are_told(void **state)
{
    (void)state;
    struct bench b;
    struct receiver_item item;
    bench_start(&b);
    frame_put(&b.in, 0x8A, true, SPAN("there"));
    struct span in = span_of(b.in.at, b.in.length);
    assert_int_equal(receiver_next(b.receiver, &in, &rules, b.gather, &item), RECEIVER_PONG);
    assert_true(span_equal(item.bytes, SPAN("there")));
    bench_stop(&b);
}

/* What an unfinished frame costs: why it needs no deadline of its own. */
static void a_receiver_is_small(void **state)
{
    (void)state;
    assert_true(receiver_size() <= 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_frame_is_passed_in_pieces_of_the_gathering_place),
        cmocka_unit_test(fragments_around_the_edge_of_the_gathering_place_are_whole),
        cmocka_unit_test(an_empty_last_fragment_does_not_wait_behind_a_full_gathering_place),
        cmocka_unit_test(what_was_gathered_comes_before_a_control_frame),
        cmocka_unit_test(small_messages_are_one_piece_each),
        cmocka_unit_test(what_is_not_masked_is_passed_where_it_lies),
        cmocka_unit_test(a_fragment_behind_a_piece_longer_than_the_gathering_place_waits),
        cmocka_unit_test(masked_and_unmasked_fragments_make_one_message),
        cmocka_unit_test(rsv1_of_the_first_frame_is_told),
        cmocka_unit_test(pongs_are_told),
        cmocka_unit_test(a_receiver_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
