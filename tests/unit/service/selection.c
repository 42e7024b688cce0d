#include "test.h"

#include "selection.h"

#define TAG  "\"1-2-3.4\""
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

enum { SIZE = 1000 };

static struct selection select_with(enum http_method method, uint64_t size, const char *const (*fields)[2])
{
    struct http_header headers[4];
    struct http_request request = {.method = method, .headers = {headers, 0}};
    for (size_t i = 0; i < 4 && fields[i][0]; i++)
        headers[request.headers.count++] = (struct http_header){span_string(fields[i][0]), span_string(fields[i][1])};
    const struct validators file = {.etag = SPAN(TAG), .modified = 784111777, .size = size};
    return selection_of(&request, &file);
}

static void conditions_and_ranges_are_those_of_rfc_9110(void **state)
{
    (void)state;
    static const struct {
        enum http_method method;
        const char *fields[4][2];
        unsigned status;
        uint64_t first, length;
    } rows[] = {
        {HTTP_GET, {{0}}, 200, 0, SIZE},
        {HTTP_GET, {{"If-None-Match", TAG}}, 304, 0, SIZE},
        {HTTP_GET, {{"If-None-Match", "W/" TAG}}, 304, 0, SIZE},
        {HTTP_GET, {{"If-None-Match", "\"x\", " TAG ", \"y\""}}, 304, 0, SIZE},
        {HTTP_GET, {{"If-None-Match", "\"x\""}, {"If-None-Match", TAG}}, 304, 0, SIZE},
        {HTTP_GET, {{"If-None-Match", "*"}}, 304, 0, SIZE},
        {HTTP_HEAD, {{"If-None-Match", TAG}}, 304, 0, SIZE},
        {HTTP_GET, {{"If-None-Match", "\"x\""}}, 200, 0, SIZE},
        {HTTP_GET, {{"If-None-Match", "\"x\""}, {"If-Modified-Since", DATE}}, 200, 0, SIZE},
        {HTTP_GET, {{"If-Modified-Since", DATE}}, 304, 0, SIZE},
        {HTTP_GET, {{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"}}, 200, 0, SIZE},
        {HTTP_GET, {{"If-Modified-Since", "yesterday"}}, 200, 0, SIZE},
        {HTTP_GET, {{"If-Match", TAG}}, 200, 0, SIZE},
        {HTTP_GET, {{"If-Match", "*"}}, 200, 0, SIZE},
        {HTTP_GET, {{"If-Match", "W/" TAG}}, 412, 0, SIZE},
        {HTTP_GET, {{"If-Match", "\"x\""}}, 412, 0, SIZE},
        {HTTP_GET, {{"If-Match", TAG}, {"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"}}, 200, 0, SIZE},
        {HTTP_GET, {{"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"}}, 412, 0, SIZE},
        {HTTP_GET, {{"If-Unmodified-Since", DATE}}, 200, 0, SIZE},
        {HTTP_GET, {{"If-Match", "\"x\""}, {"If-None-Match", TAG}}, 412, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=0-0"}}, 206, 0, 1},
        {HTTP_GET, {{"Range", "BYTES=10-19"}}, 206, 10, 10},
        {HTTP_GET, {{"Range", "bytes=990-"}}, 206, 990, 10},
        {HTTP_GET, {{"Range", "bytes=990-5000"}}, 206, 990, 10},
        {HTTP_GET, {{"Range", "bytes=-10"}}, 206, 990, 10},
        {HTTP_GET, {{"Range", "bytes=-5000"}}, 206, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=0-9223372036854775807"}}, 206, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=1000-"}}, 416, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=-0"}}, 416, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=5-4"}}, 200, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=0-1,3-4"}}, 200, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=a-b"}}, 200, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=-"}}, 200, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes="}}, 200, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=1"}}, 200, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=99999999999999999999-"}}, 200, 0, SIZE},
        {HTTP_GET, {{"Range", "lines=1-2"}}, 200, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=0-1"}, {"Range", "bytes=3-4"}}, 200, 0, SIZE},
        {HTTP_HEAD, {{"Range", "bytes=0-0"}}, 200, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=0-0"}, {"If-Range", TAG}}, 206, 0, 1},
        {HTTP_GET, {{"Range", "bytes=0-0"}, {"If-Range", "W/" TAG}}, 200, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=0-0"}, {"If-Range", "\"x\""}}, 200, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=0-0"}, {"If-Range", DATE}}, 206, 0, 1},
        {HTTP_GET, {{"Range", "bytes=0-0"}, {"If-Range", "Sun, 06 Nov 1994 08:49:38 GMT"}}, 200, 0, SIZE},
        {HTTP_GET, {{"Range", "bytes=0-0"}, {"If-None-Match", TAG}}, 304, 0, SIZE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct selection selection = select_with(rows[i].method, SIZE, rows[i].fields);
        if (selection.status != rows[i].status)
            fail_msg("row %zu: %u", i, selection.status);
        if (selection.status == 200 || selection.status == 206) {
            assert_int_equal(selection.first, rows[i].first);
            assert_int_equal(selection.length, rows[i].length);
        }
    }
}

static void an_empty_file_has_no_ranges(void **state)
{
    (void)state;
    static const char *const fields[4][2] = {{"Range", "bytes=0-0"}};
    assert_int_equal(select_with(HTTP_GET, 0, fields).status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_and_ranges_are_those_of_rfc_9110),
        cmocka_unit_test(an_empty_file_has_no_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
