/* RFC 3629 section 4, each row at its edges, in parts of all sizes and among runs of ASCII of all lengths. */
#include "test.h"

#include "crossgate/base/utf8.h"

#include <stdlib.h>

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

enum { GOOD = sizeof good / sizeof *good, BAD = sizeof bad / sizeof *bad, LEAD = 70 };

/* `text` behind that many letters and before `more` of them, in memory of exactly that size, fed in parts of that size. */
static bool judge(size_t letters, const char *text, size_t more, size_t part)
{
    size_t length = letters + strlen(text) + more;
    uint8_t *whole = malloc(length + 1);
    struct utf8 utf8 = {0};
    bool valid = true;
    memset(whole, 'a', length);
    memcpy(whole + letters, text, strlen(text));
    for (struct span rest = span_of(whole, length); valid && rest.len > 0; rest = span_tail(rest, part)) {
        struct span next = span_head(rest, part);
        uint8_t *copy = malloc(next.len);
        memcpy(copy, next.at, next.len);
        valid = utf8_feed(&utf8, span_of(copy, next.len));
        free(copy);
    }
    free(whole);
    return valid && utf8_is_whole(&utf8);
}

static void texts_are_judged_the_same_in_all_parts(void **state)
{
    (void)state;
    static const size_t parts[] = {1, 2, 3, 5, 8, 31, 32, 33, 64, SIZE_MAX};
    for (size_t letters = 0; letters < LEAD; letters++) {
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
            for (size_t i = 0; i < GOOD; i++) {
                assert_true(judge(letters, good[i], 0, parts[p]));
                assert_true(judge(letters, good[i], LEAD, parts[p]));
            }
            for (size_t i = 0; i < BAD; i++) {
                assert_false(judge(letters, bad[i], 0, parts[p]));
                assert_false(judge(letters, bad[i], LEAD, parts[p]));
            }
        }
    }
}

/* All that four bytes can say, thinned out: against the table of RFC 3629 section 4 as ranges of code points. */
static bool is_encoding(const uint8_t b[4], size_t size)
{
    uint32_t lead[] = {0, 0x7F, 0x1F, 0x0F, 0x07}, least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t point = b[0] & lead[size];
    for (size_t i = 1; i < size; i++) {
        if ((b[i] & 0xC0) != 0x80)
            return false;
        point = point << 6 | (b[i] & 0x3F);
    }
    return point >= least[size] && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
}

static void characters_are_those_that_unicode_has(void **state)
{
    (void)state;
    static const uint8_t tails[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    enum { TAILS = sizeof tails };
    for (unsigned lead = 0x80; lead < 256; lead++) {
        size_t size = lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 0;
        for (size_t n = 0; n < TAILS * TAILS * TAILS; n++) {
            const uint8_t b[4] = {(uint8_t)lead, tails[n % TAILS], tails[n / TAILS % TAILS], tails[n / TAILS / TAILS]};
            bool expected = size > 0 && is_encoding(b, size);
            assert_int_equal(utf8_is_valid(span_of(b, size > 0 ? size : 1)), expected);
        }
    }
}

/* Fail-fast: the byte that cannot be made right by any other is where it ends. */
static void what_is_wrong_is_found_at_the_first_byte_that_is(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } rows[] = {
        {"\x80", 0}, {"a\xC0", 1}, {"\xE0\x80", 1}, {"\xED\xA0", 1}, {"\xF4\x90", 1}, {"\xF5", 0}, {"\xE2\x82z", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct utf8 utf8 = {0};
        assert_true(utf8_feed(&utf8, span_of(rows[i].text, rows[i].at)));
        assert_false(utf8_feed(&utf8, span_of(rows[i].text + rows[i].at, 1)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_judged_the_same_in_all_parts),
        cmocka_unit_test(characters_are_those_that_unicode_has),
        cmocka_unit_test(what_is_wrong_is_found_at_the_first_byte_that_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
