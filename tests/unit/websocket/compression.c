/* Who holds a context, and until when. */
#include "test.h"

#include "compression.h"

#include <stdlib.h>

static void start(struct compression *compression, bool in_takeover, bool out_takeover, uint8_t window_bits)
{
    const struct websocket_deflate agreed = {
        .in = {window_bits, in_takeover}, .out = {window_bits, out_takeover}, .memory_level = 8};
    compression_init(compression, &agreed);
}

/* A message with one piece. Returns what came of it, in the pool's room. */
static struct span deflate_one(struct compression_pool *pool, struct compression *from, struct span message)
{
    struct deflate_io io = {.in = message, .last = true};
    assert_int_equal(compression_deflate(pool, from, &io), DEFLATE_DONE);
    return io.out;
}

static struct span inflate_one(struct compression_pool *pool, struct compression *to, struct span packed)
{
    struct deflate_io io = {.in = packed, .last = true};
    assert_int_equal(compression_inflate(pool, to, &io, 0), DEFLATE_DONE);
    return io.out;
}

static void without_takeover_nothing_is_held_between_messages(void **state)
{
    (void)state;
    struct compression_pool *pool = compression_pool_new();
    struct compression one, two;
    start(&one, false, false, 15);
    start(&two, false, false, 15);
    assert_int_equal(compression_lent(pool), 0);
    for (size_t i = 0; i < 3; i++) {
        struct span bytes = deflate_one(pool, &one, SPAN("Hello"));
        assert_int_equal(bytes.len, 7);
        assert_null(one.deflater);
        assert_true(span_equal(inflate_one(pool, &two, bytes), SPAN("Hello")));
        assert_null(two.inflater);
        assert_int_equal(compression_lent(pool), 0);
    }
    compression_pool_free(pool);
}

static void within_a_message_a_context_is_held(void **state)
{
    (void)state;
    struct compression_pool *pool = compression_pool_new();
    struct compression one;
    start(&one, false, false, 15);
    struct deflate_io io = {.in = SPAN("Hel")};
    assert_int_equal(compression_deflate(pool, &one, &io), DEFLATE_MORE);
    assert_non_null(one.deflater);
    assert_int_equal(compression_lent(pool), 1);
    io = (struct deflate_io){.in = SPAN("lo"), .last = true};
    assert_int_equal(compression_deflate(pool, &one, &io), DEFLATE_DONE);
    assert_int_equal(compression_lent(pool), 0);
    compression_end(pool, &one);
    compression_pool_free(pool);
}

static void with_takeover_it_stays_until_the_session_ends(void **state)
{
    (void)state;
    struct compression_pool *pool = compression_pool_new();
    struct compression one, two;
    start(&one, true, true, 15);
    start(&two, true, true, 15);
    for (size_t i = 0; i < 3; i++) {
        struct span bytes = deflate_one(pool, &one, SPAN("Hello"));
        assert_true(i == 0 ? bytes.len == 7 : bytes.len < 6);
        assert_true(span_equal(inflate_one(pool, &two, bytes), SPAN("Hello")));
        assert_int_equal(compression_lent(pool), 2);
    }
    compression_end(pool, &one);
    compression_end(pool, &two);
    assert_int_equal(compression_lent(pool), 0);
    /* The next session knows nothing of it. */
    assert_int_equal(deflate_one(pool, &one, SPAN("Hello")).len, 7);
    compression_end(pool, &one);
    compression_pool_free(pool);
}

static void what_was_given_back_is_lent_to_who_has_agreed_on_the_same(void **state)
{
    (void)state;
    struct compression_pool *pool = compression_pool_new();
    struct compression first, second, third;
    start(&first, true, true, 15);
    start(&second, true, true, 12);
    start(&third, true, true, 15);
    deflate_one(pool, &first, SPAN("a"));
    struct deflater *deflater = first.deflater;
    compression_end(pool, &first);
    deflate_one(pool, &second, SPAN("a"));
    deflate_one(pool, &third, SPAN("a"));
    assert_ptr_not_equal(second.deflater, deflater);
    assert_ptr_equal(third.deflater, deflater);
    compression_end(pool, &third);
    third.agreed.memory_level = 7;
    deflate_one(pool, &third, SPAN("a"));
    assert_ptr_not_equal(third.deflater, deflater);
    compression_end(pool, &second);
    compression_end(pool, &third);
    compression_pool_free(pool);
}

static void nobody_can_refer_to_what_others_were_sent(void **state)
{
    (void)state;
    for (size_t takeover = 0; takeover < 2; takeover++) {
        struct compression_pool *pool = compression_pool_new();
        struct compression one, two;
        start(&one, takeover, true, 15);
        start(&two, true, true, 15);
        inflate_one(pool, &one, span_of("\xF2\x48\xCD\xC9\xC9\x07\x00", 7));
        compression_end(pool, &one);
        struct deflate_io io = {.in = span_of("\xF2\x00\x11\x00\x00", 5), .last = true};
        assert_int_equal(compression_inflate(pool, &two, &io, 0), DEFLATE_FAULT);
        compression_pool_free(pool);
    }
}

enum { LONG = 300000 };

struct heap {
    uint8_t at[LONG + 1000];
    size_t length;
};

static void put(struct heap *heap, struct span bytes)
{
    assert_true(heap->length + bytes.len <= sizeof heap->at);
    memcpy(heap->at + heap->length, bytes.at, bytes.len);
    heap->length += bytes.len;
}

static void deflate_into(struct heap *heap, struct compression_pool *pool, struct compression *to, struct span piece,
                         bool last)
{
    struct deflate_io io = {.in = piece, .last = last};
    enum deflate_event event;
    do {
        event = compression_deflate(pool, to, &io);
        put(heap, io.out);
    } while (event == DEFLATE_FULL);
    assert_int_equal(event, last ? DEFLATE_DONE : DEFLATE_MORE);
}

/* As a relay does: from one session's room to the other's. */
static void what_has_been_inflated_is_deflated_for_another_session(void **state)
{
    (void)state;
    struct compression_pool *pool = compression_pool_new();
    struct compression visitor, front, back, node;
    start(&visitor, true, true, 15);
    start(&front, true, true, 15);
    start(&back, false, false, 9);
    start(&node, false, false, 9);
    struct heap *message = calloc(4, sizeof *message), *sent = message + 1, *passed = message + 2, *heard = message + 3;
    for (size_t i = 0; i < LONG; i++)
        message->at[message->length++] = (uint8_t)(i % 251 + i / 5003);
    deflate_into(sent, pool, &visitor, span_of(message->at, LONG), true);
    size_t pieces = 0;
    struct deflate_io io = {.in = span_of(sent->at, sent->length), .last = true};
    enum deflate_event event;
    do {
        event = compression_inflate(pool, &front, &io, LONG);
        deflate_into(passed, pool, &back, io.out, event == DEFLATE_DONE);
        pieces++;
    } while (event == DEFLATE_FULL);
    assert_true(event == DEFLATE_DONE && pieces > LONG / 65536);
    io = (struct deflate_io){.in = span_of(passed->at, passed->length), .last = true};
    do {
        event = compression_inflate(pool, &node, &io, 0);
        put(heard, io.out);
    } while (event == DEFLATE_FULL);
    assert_int_equal(event, DEFLATE_DONE);
    assert_true(span_equal(span_of(heard->at, heard->length), span_of(message->at, LONG)));
    free(message);
    compression_end(pool, &visitor);
    compression_end(pool, &front);
    assert_int_equal(compression_lent(pool), 0);
    compression_pool_free(pool);
}

static void many_at_once_and_some_too_many_to_keep(void **state)
{
    (void)state;
    enum { SESSIONS = 40 };
    struct compression_pool *pool = compression_pool_new();
    struct compression sessions[SESSIONS];
    for (size_t again = 0; again < 2; again++) {
        for (size_t i = 0; i < SESSIONS; i++) {
            start(&sessions[i], true, true, (uint8_t)(9 + i % 7));
            struct span bytes = deflate_one(pool, &sessions[i], SPAN("Hello"));
            assert_true(span_equal(inflate_one(pool, &sessions[i], bytes), SPAN("Hello")));
        }
        assert_int_equal(compression_lent(pool), 2 * SESSIONS);
        for (size_t i = 0; i < SESSIONS; i++)
            compression_end(pool, &sessions[i]);
        assert_int_equal(compression_lent(pool), 0);
    }
    compression_pool_free(pool);
}

/* The peer of the session that loses its deflater has the whole history, and needs none of it. */
static void the_longest_silent_loses_its_history_when_there_are_too_many(void **state)
{
    (void)state;
    enum { SESSIONS = 300 };
    struct compression_pool *pool = compression_pool_new();
    struct compression *sessions = calloc(SESSIONS, sizeof *sessions), peer;
    size_t size = deflater_size(15, 8), most = COMPRESSION_IDLE_BYTES / size, held = 0;
    assert_true(most > 200 && most < SESSIONS);
    start(&peer, true, true, 15);
    for (size_t i = 0; i < SESSIONS; i++) {
        start(&sessions[i], true, true, 15);
        struct span packed = deflate_one(pool, &sessions[i], SPAN("Hello"));
        if (i == 0)
            inflate_one(pool, &peer, packed);
        else if (i == most / 2)
            deflate_one(pool, &sessions[1], SPAN("Hello"));
    }
    for (size_t i = 0; i < SESSIONS; i++)
        held += sessions[i].deflater != NULL;
    assert_int_equal(held, most);
    assert_int_equal(compression_idle_bytes(pool), most * size);
    assert_null(sessions[0].deflater);
    assert_non_null(sessions[1].deflater);
    assert_null(sessions[SESSIONS - most].deflater);
    assert_non_null(sessions[SESSIONS - most + 1].deflater);
    struct span packed = deflate_one(pool, &sessions[0], SPAN("Hello"));
    assert_int_equal(packed.len, 7);
    assert_true(span_equal(inflate_one(pool, &peer, packed), SPAN("Hello")));
    packed = deflate_one(pool, &sessions[0], SPAN("Hello"));
    assert_true(packed.len < 7);
    assert_true(span_equal(inflate_one(pool, &peer, packed), SPAN("Hello")));
    for (size_t i = 0; i < SESSIONS; i++)
        compression_end(pool, &sessions[i]);
    compression_end(pool, &peer);
    free(sessions);
    compression_pool_free(pool);
}

/* Who is in the middle of a message is not silent. */
static void nobody_loses_a_deflater_within_a_message(void **state)
{
    (void)state;
    enum { SESSIONS = 300 };
    struct compression_pool *pool = compression_pool_new();
    struct compression *sessions = calloc(SESSIONS, sizeof *sessions), busy;
    start(&busy, true, true, 15);
    deflate_one(pool, &busy, SPAN("Hello"));
    struct deflate_io io = {.in = SPAN("Hel")};
    assert_int_equal(compression_deflate(pool, &busy, &io), DEFLATE_MORE);
    struct deflater *deflater = busy.deflater;
    for (size_t i = 0; i < SESSIONS; i++) {
        start(&sessions[i], true, true, 15);
        deflate_one(pool, &sessions[i], SPAN("Hello"));
    }
    assert_ptr_equal(busy.deflater, deflater);
    assert_true(deflate_one(pool, &busy, SPAN("lo")).len < 7);
    for (size_t i = 0; i < SESSIONS; i++)
        compression_end(pool, &sessions[i]);
    compression_end(pool, &busy);
    assert_int_equal(compression_idle_bytes(pool), 0);
    free(sessions);
    compression_pool_free(pool);
}

static void after_a_fault_or_in_the_middle_of_a_message_nothing_is_kept(void **state)
{
    (void)state;
    struct compression_pool *pool = compression_pool_new();
    struct compression one;
    start(&one, true, true, 15);
    struct deflate_io io = {.in = SPAN("\xFF\xFF")};
    assert_int_equal(compression_inflate(pool, &one, &io, 0), DEFLATE_FAULT);
    assert_int_equal(io.why, ENDING_WS_BAD_DEFLATE);
    assert_int_equal(io.out.len, 0);
    assert_int_equal(compression_lent(pool), 0);
    io = (struct deflate_io){.in = SPAN("\xF2\x48")};
    assert_int_equal(compression_inflate(pool, &one, &io, 0), DEFLATE_MORE);
    io = (struct deflate_io){.in = SPAN("Hel")};
    assert_int_equal(compression_deflate(pool, &one, &io), DEFLATE_MORE);
    compression_end(pool, &one);
    assert_int_equal(compression_lent(pool), 0);
    /* Who comes next does not get half a message. */
    struct span packed = deflate_one(pool, &one, SPAN("Hello"));
    assert_int_equal(packed.len, 7);
    assert_true(span_equal(inflate_one(pool, &one, packed), SPAN("Hello")));
    compression_end(pool, &one);
    compression_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_takeover_nothing_is_held_between_messages),
        cmocka_unit_test(within_a_message_a_context_is_held),
        cmocka_unit_test(with_takeover_it_stays_until_the_session_ends),
        cmocka_unit_test(what_was_given_back_is_lent_to_who_has_agreed_on_the_same),
        cmocka_unit_test(what_has_been_inflated_is_deflated_for_another_session),
        cmocka_unit_test(nobody_can_refer_to_what_others_were_sent),
        cmocka_unit_test(many_at_once_and_some_too_many_to_keep),
        cmocka_unit_test(the_longest_silent_loses_its_history_when_there_are_too_many),
        cmocka_unit_test(nobody_loses_a_deflater_within_a_message),
        cmocka_unit_test(after_a_fault_or_in_the_middle_of_a_message_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
