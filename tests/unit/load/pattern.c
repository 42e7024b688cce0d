#include "test.h"

#include "pattern.h"

static struct pattern pattern;

static void stretches_are_recognised_across_the_end(void **state)
{
    (void)state;
    static uint8_t long_one[3 * PATTERN_BYTES];
    uint64_t place = PATTERN_BYTES - 5;
    assert_true(pattern_fill(&pattern));
    for (size_t done = 0; done < sizeof long_one; done += 1000) {
        size_t n = sizeof long_one - done < 1000 ? sizeof long_one - done : 1000;
        memcpy(long_one + done, pattern_at(&pattern, place + done, n).at, n);
    }
    assert_true(pattern_is(&pattern, place, span_of(long_one, sizeof long_one)));
    assert_true(pattern_is(&pattern, place + 100, span_of(long_one + 100, 7)));
    assert_true(pattern_is(&pattern, place, span_of(NULL, 0)));
    assert_false(pattern_is(&pattern, place + 1, span_of(long_one, sizeof long_one)));
    long_one[sizeof long_one - 1] ^= 1;
    assert_false(pattern_is(&pattern, place, span_of(long_one, sizeof long_one)));
}

static void neighbours_differ(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_not_equal(pattern_place(i, 0) % PATTERN_BYTES, pattern_place(i + 1, 0) % PATTERN_BYTES);
        assert_int_not_equal(pattern_place(3, i) % PATTERN_BYTES, pattern_place(3, i + 1) % PATTERN_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stretches_are_recognised_across_the_end),
        cmocka_unit_test(neighbours_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
