#include "test.h"

#include "crossgate/probe.h"

#include <stdio.h>
#include <string.h>

static void hosts_ports_and_urls_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *word, *host, *path;
        uint16_t port;
        enum probe_scheme scheme;
        bool is_address;
    } rows[] = {
        {"example.com", "example.com", "", 443, PROBE_HTTPS, false},
        {"example.com:8443", "example.com", "", 8443, PROBE_HTTPS, false},
        {"127.0.0.1:1", "127.0.0.1", "", 1, PROBE_HTTPS, true},
        {"[::1]:8443", "::1", "", 8443, PROBE_HTTPS, true},
        {"[::1]", "::1", "", 443, PROBE_HTTPS, true},
        {"2001:db8::1", "2001:db8::1", "", 443, PROBE_HTTPS, true},
        {"fe80::1%eth0", "fe80::1%eth0", "", 443, PROBE_HTTPS, true},
        {"https://a/b/c?d=e#f", "a", "/b/c?d=e", 443, PROBE_HTTPS, false},
        {"WSS://a:65535/ws", "a", "/ws", 65535, PROBE_WSS, false},
        {"wss://[::1]:444", "::1", "", 444, PROBE_WSS, true},
        {"rss://node:9000", "node", "", 9000, PROBE_RAWSOCKET, false},
        {"my_host.local/", "my_host.local", "/", 443, PROBE_HTTPS, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct probe_target target;
        struct error error = {0};
        if (!probe_target_parse(rows[i].word, &target, &error))
            fail_msg("%s: %s", rows[i].word, error.text);
        assert_string_equal(target.host, rows[i].host);
        assert_string_equal(target.path, rows[i].path);
        assert_int_equal(target.port, rows[i].port);
        assert_int_equal(target.scheme, rows[i].scheme);
        assert_int_equal(target.is_address, rows[i].is_address);
    }
}

static void what_is_no_target_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        ":443",
        "a:",
        "a:0",
        "a:65536",
        "a:x",
        "[::1",
        "[::1]x",
        "[]:1",
        "a b",
        "a\nb",
        "http://a",
        "ws://a",
        "ftp://a/b",
        "a@b",
        "https:///x",
        "m\xC3\xBCnchen.de",
        "a/b c",
        "a/\x7F",
        "wss://a/\xC3\xBC",
        "rs://a",
        "https://",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct probe_target target;
        struct error error = {0};
        if (probe_target_parse(rows[i], &target, &error))
            fail_msg("taken: %s", rows[i]);
        assert_int_equal(error.class, ERROR_INPUT);
    }
}

static void what_is_too_long_is_refused(void **state)
{
    (void)state;
    struct probe_target target;
    struct error error = {0};
    char host[PROBE_TEXT + 1], path[2 + PROBE_PATH + 1];
    memset(host, 'a', PROBE_TEXT);
    host[PROBE_TEXT] = '\0';
    assert_false(probe_target_parse(host, &target, &error));
    host[PROBE_TEXT - 1] = '\0';
    assert_true(probe_target_parse(host, &target, &error));
    memset(path, 'b', sizeof path - 1);
    memcpy(path, "a/", 2);
    path[sizeof path - 1] = '\0';
    assert_false(probe_target_parse(path, &target, &error));
    path[1 + PROBE_PATH - 1] = '\0';
    assert_true(probe_target_parse(path, &target, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_ports_and_urls_are_taken),
        cmocka_unit_test(what_is_no_target_is_refused),
        cmocka_unit_test(what_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
