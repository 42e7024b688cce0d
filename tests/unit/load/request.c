#include "test.h"

#include "request.h"

static struct request request;

static const char *print(const struct load_settings *settings)
{
    struct error error = {0};
    if (!request_print(&request, settings, "", &error))
        fail_msg("%s", error.text);
    request.text[request.length] = '\0';
    return request.text;
}

static struct load_settings settings_for(const char *url)
{
    struct load_settings settings = {0};
    struct error error = {0};
    assert_true(load_target_parse(url, &settings.target, &error));
    return settings;
}

static void the_host_is_named_with_its_port(void **state)
{
    (void)state;
    struct load_settings settings = settings_for("https://a.example/b?c");
    assert_string_equal(print(&settings), "GET /b?c HTTP/1.1\r\nHost: a.example\r\n\r\n");
    settings = settings_for("http://[::1]:8080");
    assert_string_equal(print(&settings), "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n");
}

static void headers_are_sent_and_may_name_the_host(void **state)
{
    (void)state;
    const char *const headers[] = {"Cookie: a=b", "host: other"};
    struct load_settings settings = settings_for("https://a");
    settings.headers = headers;
    settings.header_count = 1;
    assert_string_equal(print(&settings), "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\n\r\n");
    settings.header_count = 2;
    assert_string_equal(print(&settings), "GET / HTTP/1.1\r\nCookie: a=b\r\nhost: other\r\n\r\n");
}

static void what_would_be_two_headers_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"a: b\r\nc: d", "no colon", ": x", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct load_settings settings = settings_for("https://a");
        struct error error = {0};
        settings.headers = &bad[i];
        settings.header_count = 1;
        assert_false(request_print(&request, &settings, "", &error));
        assert_int_equal(error.class, ERROR_INPUT);
    }
}

static void a_head_that_is_too_long_is_refused(void **state)
{
    (void)state;
    static char header[REQUEST_MAX] = "a: ";
    const char *const headers[] = {header};
    struct error error = {0};
    memset(header + 3, 'x', sizeof header - 4);
    struct load_settings settings = settings_for("https://a");
    settings.headers = headers;
    settings.header_count = 1;
    assert_false(request_print(&request, &settings, "", &error));
    assert_int_equal(error.class, ERROR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_is_named_with_its_port),
        cmocka_unit_test(headers_are_sent_and_may_name_the_host),
        cmocka_unit_test(what_would_be_two_headers_is_refused),
        cmocka_unit_test(a_head_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
