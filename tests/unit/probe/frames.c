#include "test.h"

#include "frames.h"

/* Whole, and byte by byte: the same. */
static struct frames read_both(struct span in)
{
    struct frames whole = {.expected = "ping"}, cut = whole;
    frames_read(&whole, in);
    for (size_t i = 0; i < in.len; i++)
        frames_read(&cut, span_of(in.at + i, 1));
    assert_int_equal(whole.ponged, cut.ponged);
    assert_int_equal(whole.closed, cut.closed);
    assert_int_equal(whole.broken, cut.broken);
    assert_int_equal(whole.code, cut.code);
    assert_string_equal(whole.reason, cut.reason);
    return whole;
}

static void a_pong_counts_with_our_payload_only(void **state)
{
    (void)state;
    assert_true(read_both(SPAN("\x8A\x04ping")).ponged);
    assert_false(read_both(SPAN("\x8A\x04pong")).ponged);
    assert_false(read_both(SPAN("\x8A\x00")).ponged);
    assert_false(read_both(SPAN("\x89\x04ping")).ponged);
}

static void data_is_passed_over_in_all_lengths(void **state)
{
    (void)state;
    uint8_t bytes[8 + 70000 + 16] = {0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70}; /* 70000 */
    memcpy(bytes + 10 + 70000, "\x8A\x04ping", 6);
    assert_true(read_both(span_of(bytes, 10 + 70000 + 6)).ponged);
    assert_true(read_both(SPAN("\x01\x02{}\x80\x7E\x00\x03{ }\x8A\x04ping")).ponged);
}

static void a_close_tells_why_and_ends_it(void **state)
{
    (void)state;
    struct frames frames = read_both(SPAN("\x88\x07\x03\xEAsorry\x8A\x04ping"));
    assert_true(frames.closed && !frames.ponged);
    assert_int_equal(frames.code, 1002);
    assert_string_equal(frames.reason, "sorry");
    assert_int_equal(read_both(SPAN("\x88\x00")).code, 0);
    assert_string_equal(read_both(SPAN("\x88\x05\x03\xEA\x1B[m")).reason, "?[m");
}

static void what_breaks_the_protocol_is_not_read_on(void **state)
{
    (void)state;
    const struct span rows[] = {
        SPAN("\x8A\x84pingpong"),         /* masked */
        SPAN("\x8A\x7E\x00\x7E"),         /* a control frame of 126 bytes */
        SPAN("\x0A\x04ping\x8A\x04ping"), /* one in pieces */
        SPAN("\xAA\x04ping\x8A\x04ping"), /* reserved bits */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct frames frames = read_both(rows[i]);
        assert_true(frames.broken && !frames.ponged && !frames.closed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pong_counts_with_our_payload_only),
        cmocka_unit_test(data_is_passed_over_in_all_lengths),
        cmocka_unit_test(a_close_tells_why_and_ends_it),
        cmocka_unit_test(what_breaks_the_protocol_is_not_read_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
