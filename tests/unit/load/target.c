#include "test.h"

#include "crossgate/load.h"

static void urls_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *word, *host, *path;
        uint16_t port;
        bool tls, websocket, is_address;
    } rows[] = {
        {"http://a", "a", "/", 80, false, false, false},
        {"https://a.example/b?c=d#e", "a.example", "/b?c=d", 443, true, false, false},
        {"ws://127.0.0.1:8080/ws", "127.0.0.1", "/ws", 8080, false, true, true},
        {"WSS://[::1]:8443", "::1", "/", 8443, true, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct load_target target;
        struct error error = {0};
        if (!load_target_parse(rows[i].word, &target, &error))
            fail_msg("%s: %s", rows[i].word, error.text);
        assert_string_equal(target.host, rows[i].host);
        assert_string_equal(target.path, rows[i].path);
        assert_int_equal(target.port, rows[i].port);
        assert_int_equal(target.tls, rows[i].tls);
        assert_int_equal(target.websocket, rows[i].websocket);
        assert_int_equal(target.is_address, rows[i].is_address);
    }
}

static void what_is_no_url_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"",        "a",       "a:443",      "://a",        "ftp://a",
                                       "rss://a", "http://", "http://a:0", "http://a/b c"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct load_target target;
        struct error error = {0};
        if (load_target_parse(rows[i], &target, &error))
            fail_msg("taken: %s", rows[i]);
        assert_int_equal(error.class, ERROR_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken),
        cmocka_unit_test(what_is_no_url_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
