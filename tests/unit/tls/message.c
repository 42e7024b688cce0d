/* Messages of the handshake out of pieces. */
#include "message.h"

#include "../test.h"

static void take_and_expect(struct message *message, struct span *bytes, enum message_step step)
{
    assert_int_equal(message_take(message, bytes), step);
}

/* Wherever they are cut in two: the same steps, and the piece behind the cut is asked for. */
static void messages_may_be_cut_anywhere(void **state)
{
    (void)state;
    static const uint8_t both[] = {24, 0, 0, 1, 77, 4, 0, 1, 2, [9 + 257] = 99};
    for (size_t cut = 0; cut <= sizeof both; cut++) {
        struct message message = {0};
        struct span pieces[2] = {span_of(both, cut), span_of(both + cut, sizeof both - cut)};
        enum message_step steps[4];
        uint32_t lengths[4];
        uint8_t last[4], types[4];
        size_t count = 0;
        for (size_t i = 0; i < 2; i++) {
            enum message_step step;
            while ((step = message_take(&message, &pieces[i])) != MESSAGE_NEEDS_BYTES) {
                assert_true(count < 4);
                steps[count] = step;
                types[count] = message.type;
                lengths[count] = message.left;
                last[count++] = message.last;
            }
            assert_int_equal(pieces[i].len, 0);
        }
        assert_int_equal(count, 4);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(steps[i], i % 2 == 0 ? MESSAGE_BEGUN : MESSAGE_WHOLE);
            assert_int_equal(types[i], i < 2 ? 24 : 4);
        }
        assert_int_equal(lengths[0], 1);
        assert_int_equal(lengths[2], 258);
        assert_int_equal(last[1], 77);
        assert_int_equal(last[3], 99);
        assert_int_equal(message.head, 0);
    }
}

static void message_without_a_body_is_whole_with_its_head(void **state)
{
    (void)state;
    struct message message = {0};
    struct span bytes = SPAN("\0\0\0\0\1");
    take_and_expect(&message, &bytes, MESSAGE_BEGUN);
    assert_int_equal(bytes.len, 1);
    assert_int_equal(message.left, 0);
    take_and_expect(&message, &bytes, MESSAGE_WHOLE);
    assert_int_equal(bytes.len, 1);
    take_and_expect(&message, &bytes, MESSAGE_NEEDS_BYTES);
    assert_int_equal(message.head, 1);
    assert_int_equal(message.type, 1);
}

static void length_has_three_bytes(void **state)
{
    (void)state;
    struct message message = {0};
    struct span bytes = SPAN("\4\xff\xfe\xfdx");
    take_and_expect(&message, &bytes, MESSAGE_BEGUN);
    assert_int_equal(message.left, 0xfffefd);
    take_and_expect(&message, &bytes, MESSAGE_NEEDS_BYTES);
    assert_int_equal(message.left, 0xfffefc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_may_be_cut_anywhere),
        cmocka_unit_test(message_without_a_body_is_whole_with_its_head),
        cmocka_unit_test(length_has_three_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
