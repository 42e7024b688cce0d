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

static void lengths_are_in_network_order(void **state)
{
    (void)state;
    assert_int_equal(frame_payload_length((const uint8_t[]){0x81, 0x80 | 5}), 5);
    assert_int_equal(frame_payload_length((const uint8_t[]){0x81, 126, 1, 2}), 258);
    assert_int_equal(frame_payload_length((const uint8_t[]){0x81, 127, 0, 0, 0, 1, 0, 0, 0, 2}), 0x100000002);
    assert_true(frame_payload_length((const uint8_t[]){0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255}) ==
                UINT64_MAX);
}

static void control_heads_are_judged_for_each_role(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        bool good = first == 0x88 || first == 0x89 || first == 0x8A;
        for (unsigned second = 0; second < 256; second++) {
            bool fits = (second & 0x7F) <= 125;
            bool masked = second >= 0x80;
            assert_int_equal(frame_control_head_is_valid(WEBSOCKET_SERVER, (uint8_t)first, (uint8_t)second),
                             good && fits && masked);
            assert_int_equal(frame_control_head_is_valid(WEBSOCKET_CLIENT, (uint8_t)first, (uint8_t)second),
                             good && fits && !masked);
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

/* RFC 3629 section 4, each row at its edges. */
static void reasons_are_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "\x01\x7F",
                                       "\xC2\x80\xDF\xBF",
                                       "\xE0\xA0\x80\xE0\xBF\xBF",
                                       "\xE1\x80\x80\xEC\xBF\xBF",
                                       "\xED\x80\x80\xED\x9F\xBF",
                                       "\xEE\x80\x80\xEF\xBF\xBF",
                                       "\xF0\x90\x80\x80\xF0\xBF\xBF\xBF",
                                       "\xF1\x80\x80\x80\xF3\xBF\xBF\xBF",
                                       "\xF4\x80\x80\x80\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xC2\x7F",
                                      "\xC2\xC0",
                                      "\xDF",
                                      "\xE0\x9F\xBF",
                                      "\xE0\xC0\x80",
                                      "\xE1\x7F\x80",
                                      "\xE1\x80",
                                      "\xE1\x80\x7F",
                                      "\xE1\x80\xC0",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xEF\xC0\x80",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF0\x90\x80",
                                      "\xF1\x80\x7F\x80",
                                      "\xF1\x80\x80\xC0",
                                      "\xF3\xC0\x80\x80",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFE",
                                      "\xFF",
                                      "ok\xE2\x82"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(parse(good[i]), ENDING_DONE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse(bad[i]), ENDING_WS_BAD_TEXT);
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
        cmocka_unit_test(head_sizes_follow_length_and_mask),      cmocka_unit_test(lengths_are_in_network_order),
        cmocka_unit_test(control_heads_are_judged_for_each_role), cmocka_unit_test(reasons_are_utf8),
        cmocka_unit_test(close_codes_are_those_a_peer_may_send),  cmocka_unit_test(what_is_printed_is_parsed),
        cmocka_unit_test(every_endings_text_is_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
