/* Words between the master and an errand: what arrives, and what is refused. */
#include "packets.h"

#include "word.h"

#include <errno.h>

static uint8_t buffer[WORD_BYTES];

static void word_arrives_as_it_was_said(void **state)
{
    struct pair *pair = *state;
    struct word sent = {.kind = 7, .count = 3, .fields = {SPAN("one"), {0}, SPAN("three\0!")}}, got;
    assert_true(word_send(pair->worker, &sent));
    assert_int_equal(word_receive(pair->master, buffer, &got), WORD_OK);
    assert_int_equal(got.kind, 7);
    assert_int_equal(got.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(span_equal(got.fields[i], sent.fields[i]));
    assert_true(got.fields[0].at > buffer && got.fields[0].at < buffer + sizeof buffer);
    assert_true(word_say(pair->worker, 8, (struct span){0}));
    assert_int_equal(word_receive(pair->master, buffer, &got), WORD_OK);
    assert_int_equal(got.kind, 8);
    assert_int_equal(got.count, 0);
}

static void largest_word_fits_and_a_larger_one_is_refused(void **state)
{
    struct pair *pair = *state;
    static uint8_t bytes[WORD_BYTES];
    struct word got;
    const int size = 2 * WORD_BYTES;
    setsockopt(pair->worker, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    assert_true(word_say(pair->worker, 1, span_of(bytes, WORD_BYTES - 12)));
    assert_int_equal(word_receive(pair->master, buffer, &got), WORD_OK);
    assert_int_equal(got.fields[0].len, WORD_BYTES - 12);
    assert_false(word_say(pair->worker, 1, span_of(bytes, WORD_BYTES - 11)));
    assert_int_equal(errno, EMSGSIZE);
    struct word many = {.count = WORD_FIELDS + 1};
    assert_false(word_send(pair->worker, &many));
    assert_int_equal(errno, EMSGSIZE);
}

static void end_comes_after_the_last_words_even_if_ours_are_unread(void **state)
{
    struct pair *pair = *state;
    struct word got;
    assert_true(word_say(pair->master, 1, SPAN("never read")));
    assert_true(word_say(pair->worker, 2, SPAN("last")));
    close(pair->worker);
    pair->worker = -1;
    pair->descriptors--;
    assert_int_equal(word_receive(pair->master, buffer, &got), WORD_OK);
    assert_true(span_equal(got.fields[0], SPAN("last")));
    assert_int_equal(word_receive(pair->master, buffer, &got), WORD_END);
}

static void nothing_is_no_end(void **state)
{
    struct pair *pair = *state;
    struct word got;
    assert_int_equal(fcntl(pair->master, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(word_receive(pair->master, buffer, &got), WORD_NOTHING);
}

/* Nor do they stay open here. */
static void descriptors_are_no_words(void **state)
{
    struct pair *pair = *state;
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    uint32_t packet[2] = {1, 0};
    struct iovec part = {packet, sizeof packet};
    struct msghdr envelope = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct word got;
    int descriptor = some_descriptor();
    memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    assert_int_equal(sendmsg(pair->worker, &envelope, 0), sizeof packet);
    close(descriptor);
    assert_int_equal(word_receive(pair->master, buffer, &got), WORD_BROKEN);
}

static void what_is_cut_or_surplus_is_broken(void **state)
{
    struct pair *pair = *state;
    const uint32_t good[] = {1, 2, 3, 0x636261, 1, 0x21}; /* lengths 3 and 1 */
    uint8_t packet[32];
    struct word got;
    memcpy(packet, good, 12);
    memcpy(packet + 12, "abc", 3);
    memcpy(packet + 15, &good[4], 4);
    packet[19] = '!';
    assert_true(word_parse(span_of(packet, 20), &got));
    for (size_t length = 0; length < 24; length++)
        assert_true(word_parse(span_of(packet, length), &got) == (length == 20));
    const uint32_t many[] = {1, WORD_FIELDS + 1}, far[] = {1, 1, UINT32_MAX};
    assert_false(word_parse(span_of(many, sizeof many), &got));
    assert_false(word_parse(span_of(far, sizeof far), &got));
    assert_int_equal(send(pair->worker, packet, 19, 0), 19);
    assert_int_equal(word_receive(pair->master, buffer, &got), WORD_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(word_arrives_as_it_was_said, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(largest_word_fits_and_a_larger_one_is_refused, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(end_comes_after_the_last_words_even_if_ours_are_unread, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_no_end, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(descriptors_are_no_words, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(what_is_cut_or_surplus_is_broken, pair_setup, pair_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
