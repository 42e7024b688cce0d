#include "test.h"

#include "frame.h"

static void head_sizes_follow_length_and_mask(void **state)
{
    (void)state;
    static const struct {
        uint8_t second;
        size_t size;
    } rows[] = {{0, 2}, {125, 2}, {126, 4}, {127, 10}, {0x80, 6}, {0x80 | 125, 6}, {0x80 | 126, 8}, {0x80 | 127, 14}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(frame_head_size(rows[i].second), rows[i].size);
}

static void lengths_are_in_network_order_and_in_their_shortest_form(void **state)
{
    (void)state;
    static const struct {
        uint8_t head[10];
        bool valid;
        uint64_t length;
    } rows[] = {
        {{0x81, 0x80 | 5}, true, 5},
        {{0x81, 126, 1, 2}, true, 258},
        {{0x81, 126, 0, 126}, true, 126},
        {{0x81, 126, 0, 125}, false, 0},
        {{0x81, 127, 0, 0, 0, 1, 0, 0, 0, 2}, true, 0x100000002},
        {{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}, true, 65536},
        {{0x81, 127, 0, 0, 0, 0, 0, 0, 255, 255}, false, 0},
        {{0x81, 127, 0x7F, 255, 255, 255, 255, 255, 255, 255}, true, INT64_MAX},
        {{0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t length;
        assert_int_equal(frame_payload_length(rows[i].head, &length), rows[i].valid);
        if (rows[i].valid)
            assert_true(length == rows[i].length);
    }
}

/* Every pair of first bytes, against the words of RFC 6455 section 5. */
static void starts_are_judged_by_the_rules(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        const struct frame_rules rules = {.masked = n & 1, .unmasked = n & 2, .rsv1 = n & 4};
        for (unsigned first = 0; first < 256; first++) {
            bool control = first == 0x88 || first == 0x89 || first == 0x8A;
            bool data = (first & 0x7F) <= 2;
            bool extended = (first & 0x7F) == 0x41 || (first & 0x7F) == 0x42;
            for (unsigned second = 0; second < 256; second++) {
                bool known = data || (extended && rules.rsv1) || (control && (second & 0x7F) <= 125);
                bool mask = second >= 0x80 ? rules.masked : rules.unmasked;
                assert_int_equal(frame_start_is_valid((uint8_t)first, (uint8_t)second, &rules), known && mask);
            }
        }
    }
}

static void masks_are_applied_at_any_offset(void **state)
{
    (void)state;
    static const uint8_t key[FRAME_KEY] = {1, 0x80, 0xFF, 0x5A};
    uint8_t from[100], to[100];
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (uint8_t)(i * 7);
    for (size_t offset = 0; offset < 9; offset++) {
        for (size_t length = 0; length <= sizeof from; length++) {
            frame_mask(to, span_of(from, length), key, offset);
            for (size_t i = 0; i < length; i++)
                assert_int_equal(to[i], from[i] ^ key[(offset + i) % FRAME_KEY]);
            frame_mask(to, span_of(to, length), key, offset);
            assert_memory_equal(to, from, length);
        }
    }
}

static enum ending parse(const char *reason)
{
    char payload[FRAME_CONTROL_PAYLOAD_MAX + 1] = "\x03\xE8";
    uint16_t code;
    struct span found;
    size_t length = strlen(reason);
    memcpy(payload + 2, reason, length);
    enum ending why = frame_close_parse(span_of(payload, 2 + length), &code, &found);
    assert_int_equal(code, 1000);
    assert_true(span_equal(found, span_string(reason)));
    return why;
}

static void reasons_are_utf8(void **state)
{
    (void)state;
    assert_int_equal(parse("\xE2\x82\xAC"), ENDING_DONE);
    assert_int_equal(parse("\xE2\x82"), ENDING_WS_BAD_TEXT);
    assert_int_equal(parse("\xFF"), ENDING_WS_BAD_TEXT);
}

static void close_codes_are_those_a_peer_may_send(void **state)
{
    (void)state;
    for (unsigned n = 0; n <= UINT16_MAX; n++) {
        const uint8_t payload[2] = {(uint8_t)(n >> 8), (uint8_t)n};
        uint16_t code;
        struct span reason;
        bool good = (n >= 1000 && n <= 1003) || (n >= 1007 && n <= 1014) || (n >= 3000 && n <= 4999);
        assert_int_equal(frame_close_parse(span_of(payload, 2), &code, &reason),
                         good ? ENDING_DONE : ENDING_WS_PROTOCOL);
    }
}

static void what_is_printed_is_parsed(void **state)
{
    (void)state;
    uint8_t payload[FRAME_CONTROL_PAYLOAD_MAX], longest[FRAME_REASON_MAX];
    uint16_t code;
    struct span reason;
    memset(longest, 'r', sizeof longest);
    assert_int_equal(frame_close_print(0, SPAN("x"), payload), 0);
    assert_int_equal(frame_close_print(CLOSE_NO_CODE, SPAN("x"), payload), 0);
    size_t length = frame_close_print(4999, span_of(longest, sizeof longest), payload);
    assert_int_equal(length, FRAME_CONTROL_PAYLOAD_MAX);
    assert_int_equal(frame_close_parse(span_of(payload, length), &code, &reason), ENDING_DONE);
    assert_int_equal(code, 4999);
    assert_true(span_equal(reason, span_of(longest, sizeof longest)));
}

/* An abort sends its row's text as the reason. */
static void every_endings_text_is_a_reason(void **state)
{
    (void)state;
    for (int i = 0; i < ENDING_COUNT; i++) {
        const struct ending_row *row = ending_row((enum ending)i);
        uint16_t code;
        struct span reason;
        uint8_t payload[FRAME_CONTROL_PAYLOAD_MAX];
        if (row->ws == 0)
            continue;
        assert_true(strlen(row->text) <= FRAME_REASON_MAX);
        size_t length = frame_close_print(row->ws, span_string(row->text), payload);
        assert_int_equal(frame_close_parse(span_of(payload, length), &code, &reason), ENDING_DONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_sizes_follow_length_and_mask),
        cmocka_unit_test(lengths_are_in_network_order_and_in_their_shortest_form),
        cmocka_unit_test(starts_are_judged_by_the_rules),
        cmocka_unit_test(masks_are_applied_at_any_offset),
        cmocka_unit_test(reasons_are_utf8),
        cmocka_unit_test(close_codes_are_those_a_peer_may_send),
        cmocka_unit_test(what_is_printed_is_parsed),
        cmocka_unit_test(every_endings_text_is_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
