#include "test.h"

#include "prefix.h"

#include "crossgate/wamp.h"

static void limits_are_powers_of_two(void **state)
{
    (void)state;
    static const struct {
        uint64_t wanted;
        uint32_t limit;
    } rows[] = {{0, 512},
                {1, 512},
                {512, 512},
                {513, 1024},
                {65536, 65536},
                {65537, 131072},
                {(1 << 24) - 1, 1 << 24},
                {1 << 24, 1 << 24},
                {UINT64_MAX, 1 << 24}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(rawsocket_limit(rows[i].wanted), rows[i].limit);
}

static void what_is_printed_is_read(void **state)
{
    (void)state;
    for (unsigned number = 1; number <= 5; number++) {
        for (unsigned shift = 9; shift <= 24; shift++) {
            uint8_t bytes[RAWSOCKET_HANDSHAKE], refusal[RAWSOCKET_HANDSHAKE];
            struct rawsocket_terms terms;
            const char *reason = NULL;
            rawsocket_print(wamp_by_number(number), UINT32_C(1) << shift, bytes);
            assert_int_equal(bytes[1], (shift - 9) << 4 | number);
            assert_int_equal(rawsocket_request_check(bytes, 0xFFFF, &terms, refusal), ENDING_DONE);
            assert_ptr_equal(terms.serializer, wamp_by_number(number));
            assert_int_equal(terms.accepts, UINT32_C(1) << shift);
            assert_int_equal(rawsocket_answer_check(bytes, wamp_by_number(number), &terms, &reason), ENDING_DONE);
            assert_int_equal(terms.accepts, UINT32_C(1) << shift);
        }
    }
}

static void bad_requests_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[RAWSOCKET_HANDSHAKE];
        enum ending why;
        uint8_t second;
    } rows[] = {
        {{0x7F, 0xF0, 0, 0}, ENDING_NO_SERIALIZER, 0x10}, {{0x7F, 0xF2, 0, 0}, ENDING_NO_SERIALIZER, 0x10},
        {{0x7F, 0xF6, 0, 0}, ENDING_NO_SERIALIZER, 0x10}, {{0x7F, 0xF1, 1, 0}, ENDING_RS_HANDSHAKE, 0x30},
        {{0x7F, 0xF1, 0, 1}, ENDING_RS_HANDSHAKE, 0x30},  {{0x7E, 0xF1, 0, 0}, ENDING_RS_HANDSHAKE, 0x30},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rawsocket_terms terms;
        uint8_t refusal[RAWSOCKET_HANDSHAKE];
        assert_int_equal(rawsocket_request_check(rows[i].bytes, 1 << 1 | 1 << 3, &terms, refusal), rows[i].why);
        assert_int_equal(refusal[0], 0x7F);
        assert_int_equal(refusal[1], rows[i].second);
        assert_int_equal(refusal[2] | refusal[3], 0);
    }
}

static void answers_are_judged(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[RAWSOCKET_HANDSHAKE];
        enum ending why;
        const char *reason;
    } rows[] = {
        {{0x7F, 0x10, 0, 0}, ENDING_BACKEND_DENIED, "serializer not supported"},
        {{0x7F, 0x20, 0, 0}, ENDING_BACKEND_DENIED, "message length not acceptable"},
        {{0x7F, 0x30, 0, 0}, ENDING_BACKEND_DENIED, "reserved bits not supported"},
        {{0x7F, 0x40, 0, 0}, ENDING_BACKEND_DENIED, "too many connections"},
        {{0x7F, 0xF0, 0, 0}, ENDING_BACKEND_DENIED, "refused without a known reason"},
        {{0x7F, 0xF2, 0, 0}, ENDING_BACKEND_BROKEN, NULL},
        {{'H', 'T', 'T', 'P'}, ENDING_BACKEND_BROKEN, NULL},
        {{0x7F, 0xF3, 0, 1}, ENDING_BACKEND_BROKEN, NULL},
        {{0x7F, 0xFF, 0, 0}, ENDING_BACKEND_BROKEN, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rawsocket_terms terms;
        const char *reason = NULL;
        assert_int_equal(rawsocket_answer_check(rows[i].bytes, wamp_by_number(3), &terms, &reason), rows[i].why);
        if (rows[i].reason)
            assert_string_equal(reason, rows[i].reason);
    }
}

static void prefixes_are_read_and_printed(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0, 1, 255, 256, 65536, PREFIX_LENGTH_MAX};
    for (unsigned type = PREFIX_MESSAGE; type <= PREFIX_PONG; type++) {
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            uint8_t bytes[PREFIX_BYTES];
            struct prefix prefix;
            prefix_print((struct prefix){(enum prefix_type)type, lengths[i]}, bytes);
            assert_true(prefix_read(bytes, &prefix));
            assert_int_equal(prefix.type, type);
            assert_int_equal(prefix.length, lengths[i]);
        }
    }
    struct prefix prefix;
    assert_true(prefix_read((const uint8_t[]){0x08, 0, 0, 0}, &prefix));
    assert_int_equal(prefix.length, 1 << 24);
    assert_false(prefix_read((const uint8_t[]){0x08, 0, 0, 1}, &prefix));
    assert_false(prefix_read((const uint8_t[]){0x03, 0, 0, 1}, &prefix));
    for (unsigned bit = 0x10; bit <= 0x80; bit <<= 1)
        assert_false(prefix_read((const uint8_t[]){(uint8_t)bit, 0, 0, 1}, &prefix));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_powers_of_two),
        cmocka_unit_test(what_is_printed_is_read),
        cmocka_unit_test(bad_requests_are_refused_with_the_reason),
        cmocka_unit_test(answers_are_judged),
        cmocka_unit_test(prefixes_are_read_and_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
