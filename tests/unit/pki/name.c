/* What may be a name in a certificate, and what people are told who wrote something else. */
#include "../test.h"

#include "crossgate/pki.h"

static void test_good_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "localhost", "box1.example.com", "*.example.com", "xn--bcher-kva.example", "127.0.0.1",
        "::1",       "2001:db8::1:2",    "a-b.c",         "1st.example",           "EXAMPLE.com",
        "x.3com",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct error error = {0};
        if (!pki_name_check(names[i], &error))
            fail_msg("%s: %s", names[i], error.text);
    }
}

static void test_bad_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *why;
    } rows[] = {
        {"", "it is empty"},
        {"localhost:8080", "leave the port out, as in \"localhost\""},
        {"https://a.example/x", "leave the scheme out, as in \"a.example\""},
        {"wss://[::1]:443/ws", "leave the scheme out, as in \"::1\""},
        {"[::1]", "leave the bracket out, as in \"::1\""},
        {"[::1]:443", "leave the bracket out, as in \"::1\""},
        {"a.example/ws", "leave the path out, as in \"a.example\""},
        {"127.0.0.1:80", "leave the port out, as in \"127.0.0.1\""},
        {"10.0.0.0/8", "leave the path out"},
        {"someone@example.com", "mail address"},
        {"b\xc3\xbc"
         "cher.example",
         "begins with xn--"},
        {"fe80::1%eth0", "zone"},
        {"a_b.example", "underscore"},
        {"1.2.3", "no IP address"},
        {"256.1.1.1", "no IP address"},
        {"example.com.", "dot at its end"},
        {"*.com", "two labels"},
        {"*", "letters, digits"},
        {"a.*.example.com", "letters, digits"},
        {"-a.example", "inner hyphens"},
        {"a-.example", "inner hyphens"},
        {"a..example", "letters, digits"},
        {".example", "letters, digits"},
        {"a b.example", "letters, digits"},
        {"a\nb", "letters, digits"},
        {"x1234567890123456789012345678901234567890123456789012345678901234.example", "at most 63"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {0};
        if (pki_name_check(rows[i].name, &error) || !strstr(error.text, rows[i].why))
            fail_msg("%s: %s, expected: %s", rows[i].name, error.text, rows[i].why);
        assert_int_equal(error.class, ERROR_INPUT);
    }
}

static void test_length_of_names(void **state)
{
    (void)state;
    char name[256];
    struct error error = {0};
    for (size_t i = 0; i < 255; i++)
        name[i] = i % 2 == 0 ? 'a' : '.';
    name[253] = '\0';
    assert_int_equal(strlen(name), 253);
    assert_true(pki_name_check(name, &error));
    name[253] = 'a';
    name[254] = '\0';
    assert_false(pki_name_check(name, &error));
    assert_non_null(strstr(error.text, "more than 253"));
}

static void assert_network(const char *text, size_t length, const char *bytes)
{
    struct pki_network network;
    if (!pki_network_read(text, &network))
        fail_msg("%s", text);
    assert_int_equal(network.length, length);
    assert_memory_equal(network.bytes, bytes, 2 * length);
}

static void test_networks(void **state)
{
    (void)state;
    struct pki_network network;
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "::1/129",
                                      "example.com", "/8",        "",           "1.2.3/8"};
    assert_network("10.1.2.3/8", 4, "\x0a\0\0\0\xff\0\0\0");
    assert_network("127.0.0.1", 4, "\x7f\0\0\1\xff\xff\xff\xff");
    assert_network("1.2.3.4/0", 4, "\0\0\0\0\0\0\0\0");
    assert_network("10.255.0.0/9", 4, "\x0a\x80\0\0\xff\x80\0\0");
    assert_network("fe80::1/10", 16, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xc0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (pki_network_read(bad[i], &network))
            fail_msg("%s", bad[i]);
    }
}

static void test_constraints(void **state)
{
    (void)state;
    struct error error = {0};
    assert_true(pki_constraint_check("example.com", &error));
    assert_true(pki_constraint_check("192.168.0.0/16", &error));
    assert_true(pki_constraint_check("::1", &error));
    assert_false(pki_constraint_check("*.example.com", &error));
    assert_non_null(strstr(error.text, "leave the * out"));
    error = (struct error){0};
    assert_false(pki_constraint_check("10.0.0.0/33", &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_names), cmocka_unit_test(test_bad_names),   cmocka_unit_test(test_length_of_names),
        cmocka_unit_test(test_networks),   cmocka_unit_test(test_constraints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
