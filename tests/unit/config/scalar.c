/* Plain scalars against the rules of YAML 1.1 as PyYAML has them. tests/integration/test_yaml.py asks PyYAML itself. */
#include "scalar.h"

#include "../test.h"

#include <string.h>

static void words_have_types(void **state)
{
    static const struct {
        const char *text;
        enum scalar_kind kind;
    } cases[] = {
        {"", SCALAR_NULL},
        {"~", SCALAR_NULL},
        {"Null", SCALAR_NULL},
        {"nULL", SCALAR_STRING},
        {"yes", SCALAR_BOOL},
        {"OFF", SCALAR_BOOL},
        {"oFF", SCALAR_STRING},
        {"y", SCALAR_STRING},
        {"trueish", SCALAR_STRING},
        {"<<", SCALAR_MERGE},
        {"=", SCALAR_DEFAULT},
        {"==", SCALAR_STRING},
        {"-", SCALAR_STRING},
        {"+", SCALAR_STRING},
        {".", SCALAR_STRING},
        {"_1", SCALAR_STRING},
        {"1e3", SCALAR_STRING}, /* the trap of YAML 1.1: a float has a point */
        {"1.0e3", SCALAR_STRING},
        {"0o17", SCALAR_STRING},
        {"08", SCALAR_STRING},
        {"1:60", SCALAR_STRING},
        {"1:67", SCALAR_STRING},
        {"01:30", SCALAR_STRING},
        {"127.0.0.1", SCALAR_STRING},
        {"::1", SCALAR_STRING},
        {"1:", SCALAR_STRING},
        {"+.5", SCALAR_STRING},
        {"1-2", SCALAR_STRING},
        {"2026-11-26", SCALAR_DATE},
        {"2026-1-26", SCALAR_STRING},
        {"2026-11-26T10:00:00Z", SCALAR_DATE},
        {"2026-1-2 1:00:00.5 +01:30", SCALAR_DATE},
        {"2026-1-2t1:00:00-1", SCALAR_DATE},
        {"2026-1-2 1:00", SCALAR_STRING},
        {"2026-11-26x", SCALAR_STRING},
        {".inf", SCALAR_BEYOND},
        {"-.Inf", SCALAR_BEYOND},
        {".NaN", SCALAR_BEYOND},
        {"-.nan", SCALAR_STRING},
        {"9223372036854775808", SCALAR_BEYOND},
        {"0x8000000000000000", SCALAR_BEYOND},
        {"0x_", SCALAR_BEYOND},
        {"9999999999999999:00", SCALAR_INTEGER},
        {"999999999999999999:00", SCALAR_BEYOND},
        {"1.0e+999", SCALAR_BEYOND},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (scalar_resolve(cases[i].text).kind != cases[i].kind)
            print_error("%s: %s\n", cases[i].text, scalar_kind_name(scalar_resolve(cases[i].text).kind));
        assert_int_equal(scalar_resolve(cases[i].text).kind, cases[i].kind);
    }
    assert_true(scalar_resolve("On").boolean);
    assert_false(scalar_resolve("No").boolean);
}

static void integers_have_values(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"+7", 7},
        {"1_000", 1000},
        {"017", 15},
        {"-017", -15},
        {"0_7", 7},
        {"00", 0},
        {"0x1f", 31},
        {"0xF_F", 255},
        {"0b101", 5},
        {"-0b1", -1},
        {"1:30", 90},
        {"190:20:30", 685230},
        {"-1:0", -60},
        {"1:5", 65},
        {"1_0:30", 630},
        {"1_", 1},
        {"9223372036854775807", INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scalar scalar = scalar_resolve(cases[i].text);
        if (scalar.kind != SCALAR_INTEGER || scalar.integer != cases[i].value)
            print_error("%s\n", cases[i].text);
        assert_int_equal(scalar.kind, SCALAR_INTEGER);
        assert_true(scalar.integer == cases[i].value);
    }
}

static void reals_have_values(void **state)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"1.", 1},       {".5", 0.5},     {"-1.5", -1.5},   {"1_0.2_5", 10.25},
        {"1.5e+2", 150}, {".5E-1", 0.05}, {"1:30.5", 90.5}, {"-0:1.5", -1.5},
    };
    char longest[200];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scalar scalar = scalar_resolve(cases[i].text);
        if (scalar.kind != SCALAR_REAL)
            print_error("%s\n", cases[i].text);
        assert_int_equal(scalar.kind, SCALAR_REAL);
        assert_true(scalar.real > cases[i].value - 1e-9 && scalar.real < cases[i].value + 1e-9);
    }
    memset(longest, '1', sizeof longest);
    longest[50] = '.';
    longest[100] = '\0';
    assert_int_equal(scalar_resolve(longest).kind, SCALAR_REAL);
    longest[100] = '1';
    longest[101] = '\0';
    assert_int_equal(scalar_resolve(longest).kind, SCALAR_STRING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_have_types),
        cmocka_unit_test(integers_have_values),
        cmocka_unit_test(reals_have_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
