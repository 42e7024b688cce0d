#include "test.h"

#include "histogram.h"

#include <stdlib.h>

static struct histogram *make(void)
{
    struct histogram *histogram = calloc(1, sizeof *histogram);
    assert_non_null(histogram);
    return histogram;
}

static void each_value_is_at_most_two_thousandths_off(void **state)
{
    (void)state;
    struct histogram *histogram = make();
    for (uint64_t value = 1; value < UINT64_C(1) << 40; value += 1 + value / 37) {
        *histogram = (struct histogram){.count = 0};
        histogram_add(histogram, value);
        histogram->max = UINT64_MAX; /* which would hide the bucket */
        uint64_t read = histogram_percentile(histogram, 0.5);
        uint64_t off = read > value ? read - value : value - read;
        assert_true(read == UINT64_MAX || off * 1000 <= value * 2);
    }
    free(histogram);
}

static void percentiles_are_the_ranks(void **state)
{
    (void)state;
    struct histogram *histogram = make();
    for (uint64_t value = 1; value <= 200; value++)
        histogram_add(histogram, value);
    assert_int_equal(histogram_percentile(histogram, 0), 1);
    assert_int_equal(histogram_percentile(histogram, 0.5), 100);
    assert_int_equal(histogram_percentile(histogram, 0.99), 198);
    assert_int_equal(histogram_percentile(histogram, 0.999), 200);
    assert_int_equal(histogram_percentile(histogram, 1), 200);
    assert_true(histogram_mean(histogram) > 100.4 && histogram_mean(histogram) < 100.6);
    free(histogram);
}

static void an_empty_one_has_nothing(void **state)
{
    (void)state;
    struct histogram *histogram = make();
    assert_int_equal(histogram_percentile(histogram, 0.5), 0);
    assert_true(histogram_mean(histogram) < 0.001);
    free(histogram);
}

static void what_is_too_long_counts_and_the_maximum_is_exact(void **state)
{
    (void)state;
    struct histogram *histogram = make();
    histogram_add(histogram, 0);
    histogram_add(histogram, UINT64_C(1) << 50);
    assert_int_equal(histogram_percentile(histogram, 0.5), 0);
    assert_int_equal(histogram_percentile(histogram, 0.9), UINT64_C(1) << 50);
    histogram_add(histogram, UINT64_MAX / 2);
    assert_int_equal(histogram->max, UINT64_MAX / 2);
    free(histogram);
}

static void no_percentile_is_above_the_maximum(void **state)
{
    (void)state;
    struct histogram *histogram = make();
    for (int i = 0; i < 1000; i++)
        histogram_add(histogram, 1000001);
    assert_true(histogram_percentile(histogram, 0.999) <= histogram->max);
    free(histogram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_is_at_most_two_thousandths_off),
        cmocka_unit_test(percentiles_are_the_ranks),
        cmocka_unit_test(an_empty_one_has_nothing),
        cmocka_unit_test(what_is_too_long_counts_and_the_maximum_is_exact),
        cmocka_unit_test(no_percentile_is_above_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
