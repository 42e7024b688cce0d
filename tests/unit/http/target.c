#include "test.h"

#include "target.h"

static struct http_request request_to(struct arena *arena, const char *method, const char *target)
{
    return (struct http_request){
        .arena = arena,
        .method = strcmp(method, "OPTIONS") == 0 ? HTTP_OPTIONS : HTTP_GET,
        .method_name = span_string(method),
        .target = span_string(target),
        .host = SPAN("first.example"),
    };
}

static void targets_are_split_and_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path, *raw, *query, *host;
    } rows[] = {
        {"/", "/", "/", "", "first.example"},
        {"/a/b", "/a/b", "/a/b", "", "first.example"},
        {"/a/", "/a/", "/a/", "", "first.example"},
        {"/a%20b?c=%2F&d", "/a b", "/a%20b", "c=%2F&d", "first.example"},
        {"/?", "/", "/", "", "first.example"},
        {"/a?b?c", "/a", "/a", "b?c", "first.example"},
        {"/%C3%A4", "/\xc3\xa4", "/%C3%A4", "", "first.example"},
        {"/a..b/...", "/a..b/...", "/a..b/...", "", "first.example"},
        {"/.a", "/.a", "/.a", "", "first.example"},
        {"/?../..//", "/", "/", "../..//", "first.example"},
        {"http://x.example/a?b", "/a", "/a", "b", "x.example"},
        {"HTTPS://x.example:8443/", "/", "/", "", "x.example:8443"},
        {"http://x.example", "/", "/", "", "x.example"},
        {"http://x.example?q", "/", "/", "q", "x.example"},
        {"http://[::1]:80/p", "/p", "/p", "", "[::1]:80"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *arena = arena_new();
        struct http_request request = request_to(arena, "GET", rows[i].target);
        assert_int_equal(target_read(&request), ENDING_DONE);
        assert_true(span_equal(request.path, span_string(rows[i].path)));
        assert_true(span_equal(request.raw_path, span_string(rows[i].raw)));
        assert_true(span_equal(request.query, span_string(rows[i].query)));
        assert_true(span_equal(request.host, span_string(rows[i].host)));
        assert_int_equal(request.target.at[0], '/');
        arena_free(arena);
    }
}

static void paths_that_could_be_read_in_two_ways_are_refused(void **state)
{
    (void)state;
    static const char *const targets[] = {
        "/..",    "/../a", "/a/..",       "/a/../b", "/.",        "/a/./b",      "/%2e%2e/a", "/%2E./",
        "/.%2e",  "/%2e",  "//",          "//a",     "/a//b",     "/a//",        "/%2F",      "/a%2fb",
        "/%00",   "/a%0a", "/%7f",        "/%",      "/%4",       "/%zz",        "/a%2",      "/a#b",
        "a",      "",      "*",           "http://", "http:///a", "http://u@h/", "ftp://h/",  "http://h:99999/",
        "/a\x80", "/a b",  "http://%41/", "http:/a", "h:443",     "/?a#b",
    };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct arena *arena = arena_new();
        struct http_request request = request_to(arena, "GET", targets[i]);
        assert_int_equal(target_read(&request), ENDING_BAD_REQUEST);
        arena_free(arena);
    }
}

static void the_absolute_form_replaces_the_host_field(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct http_header field = {SPAN("host"), SPAN("first.example")};
    struct http_request request = request_to(arena, "GET", "http://second.example/");
    request.headers = (struct http_headers){&field, 1};
    assert_int_equal(target_read(&request), ENDING_DONE);
    assert_true(span_equal(field.value, SPAN("second.example")));
    arena_free(arena);
}

static void the_asterisk_is_for_options_and_connect_is_for_nobody(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct http_request request = request_to(arena, "OPTIONS", "*");
    assert_int_equal(target_read(&request), ENDING_DONE);
    assert_int_equal(request.path.len, 0);
    request = request_to(arena, "CONNECT", "h:443");
    assert_int_equal(target_read(&request), ENDING_NOT_IMPLEMENTED);
    arena_free(arena);
}

static void hosts_are_names_literals_and_ports(void **state)
{
    (void)state;
    static const char *const good[] = {"a",          "a.example", "A-b_c.example:443", "127.0.0.1", "[::1]",
                                       "[::1]:8443", "a:",        "a.example:0",       "a:65535",   "[2001:db8::7f]"};
    static const char *const bad[] = {"",      ":80", "a:65536", "a:b",   "a b",    "a/b", "a@b",
                                      "a,b",   "[]",  "[::1",    "[g]",   "[::1]x", "a\"", "a%41",
                                      "a:1:2", "a?",  "a\200b",  "[1]80", "::1",    "a;b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(target_host_is_valid(span_string(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(target_host_is_valid(span_string(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_split_and_decoded),
        cmocka_unit_test(paths_that_could_be_read_in_two_ways_are_refused),
        cmocka_unit_test(the_absolute_form_replaces_the_host_field),
        cmocka_unit_test(the_asterisk_is_for_options_and_connect_is_for_nobody),
        cmocka_unit_test(hosts_are_names_literals_and_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
