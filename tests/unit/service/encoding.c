#include "test.h"

#include "encoding.h"

#include <stdio.h>

/* The codings in order, as "br gzip". */
static const char *accepted(const char *first, const char *second)
{
    static char text[64];
    struct http_header fields[] = {
        {SPAN("Accept"), SPAN("br")},
        {SPAN("accept-encoding"), span_string(first)},
        {SPAN("Accept-Encoding"), span_string(second)},
    };
    const struct http_headers headers = {fields, second ? 3 : first ? 2 : 1};
    enum encoding order[ENCODINGS];
    size_t count = encodings_accepted(&headers, order), length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%.*s", i > 0 ? " " : "",
                                   SPAN_ARGS(encoding_name(order[i])));
    return text;
}

static void weights_decide_and_of_equals_the_smaller_form(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second, *order;
    } rows[] = {
        {NULL, NULL, ""},
        {"", NULL, ""},
        {"gzip", NULL, "gzip"},
        {"x-gzip", NULL, "gzip"},
        {"GZIP, BR", NULL, "br gzip"},
        {"gzip, deflate, br, zstd", NULL, "br gzip"},
        {"deflate, zstd", NULL, ""},
        {"gzip;q=1.0, br;q=0.9", NULL, "gzip br"},
        {"gzip ; q=0.001 , br\t;\tQ=0.01", NULL, "br gzip"},
        {"gzip;q=0, br;q=0.000", NULL, ""},
        {"*", NULL, "br gzip"},
        {"*;q=0", NULL, ""},
        {"br;q=0, *", NULL, "gzip"},
        {"gzip, *;q=0", NULL, "gzip"},
        {"br", "gzip", "br gzip"},
        {"br;q=0.5", "gzip", "gzip br"},
        {"identity, gzip;q=0.5, br", NULL, "br"},
        {"identity;q=0.5, gzip;q=0.5", NULL, "gzip"},
        {"identity;q=0, gzip", NULL, "gzip"},
        {"identity", NULL, ""},
        {"gzip;q=2, br;q=1.001", NULL, ""},
        {"gzip;q=0.1234, br;q=", NULL, ""},
        {"gzip;q=-1, br;q=.5", NULL, ""},
        {"gzip;q=0,5, br;q=0x1", NULL, ""},
        {"gzip;level=9, br; =1", NULL, ""},
        {"gzip;q=1., br;q=0.", NULL, "gzip"},
        {"gzipped, brr, b", NULL, ""},
        {";;;,,;q=1,=", NULL, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *order = accepted(rows[i].first, rows[i].second);
        if (strcmp(order, rows[i].order) != 0)
            fail_msg("row %zu: %s", i, order);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_decide_and_of_equals_the_smaller_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
