#include "test.h"

#include "proxy_protocol.h"

static const uint8_t ipv4[] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54,
                               0x0A, 0x21, 0x11, 0x00, 0x0F, 192,  0,    2,    7,    10,   0,
                               0,    1,    0x30, 0x39, 0x01, 0xBB, 0x04, 0x00, 0x00};
static const uint8_t ipv6[] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21,
                               0x21, 0x00, 0x24, 0x20, 0x01, 0x0D, 0xB8, 0,    0,    0,    0,    0,    0,
                               0,    0,    0,    0,    0,    9,    0x20, 0x01, 0x0D, 0xB8, 0,    0,    0,
                               0,    0,    0,    0,    0,    0,    0,    0,    1,    0xC0, 0x00, 0x01, 0xBB};

/* Whole, with a visitor's bytes behind it, and cut at each byte. */
static void expect(struct span header, enum proxy_verdict verdict, const char *address)
{
    uint8_t bytes[PROXY_HEADER_MAX + 8];
    char text[PEER_TEXT];
    struct peer peer;
    size_t length = 0;
    memcpy(bytes, header.at, header.len);
    memcpy(bytes + header.len, "GET /", 5);
    assert_int_equal(proxy_header_read(span_of(bytes, header.len + 5), &length, &peer), verdict);
    assert_int_equal(length, header.len);
    for (size_t cut = 0; cut < header.len; cut++)
        assert_int_equal(proxy_header_read(span_of(bytes, cut), &length, &peer), PROXY_MORE);
    if (!address)
        return;
    assert_int_equal(proxy_header_read(header, &length, &peer), verdict);
    peer_print(&peer, text);
    assert_string_equal(text, address);
}

static enum proxy_verdict verdict_on(struct span bytes)
{
    struct peer peer;
    size_t length;
    return proxy_header_read(bytes, &length, &peer);
}

static void addresses_of_both_versions_are_read(void **state)
{
    (void)state;
    expect(span_of(ipv4, sizeof ipv4), PROXY_KNOWN, "192.0.2.7:12345");
    expect(span_of(ipv6, sizeof ipv6), PROXY_KNOWN, "[2001:db8::9]:49152");
    expect(SPAN("PROXY TCP4 192.0.2.7 10.0.0.1 12345 443\r\n"), PROXY_KNOWN, "192.0.2.7:12345");
    expect(SPAN("PROXY TCP6 2001:db8::9 ::1 1 2\r\n"), PROXY_KNOWN, "[2001:db8::9]:1");
    expect(SPAN("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n"), PROXY_KNOWN, "192.0.2.7:1");
    expect(SPAN("PROXY UNKNOWN whatever it says\r\n"), PROXY_LOCAL, NULL);
    expect(SPAN("PROXY UNKNOWN\r\n"), PROXY_LOCAL, NULL);
}

/* The others see the address in one form only. */
static void mapped_addresses_are_ipv4(void **state)
{
    (void)state;
    static const uint8_t mapped[16] = {[10] = 0xFF, [11] = 0xFF, [12] = 192, [14] = 2, [15] = 7};
    uint8_t header[sizeof ipv6];
    memcpy(header, ipv6, sizeof header);
    memcpy(header + PROXY_HEAD_BYTES, mapped, sizeof mapped);
    expect(span_of(header, sizeof header), PROXY_KNOWN, "192.0.2.7:49152");
}

static void a_zero_byte_ends_no_address(void **state)
{
    (void)state;
    struct peer peer;
    size_t length;
    assert_int_equal(proxy_header_read(SPAN("PROXY TCP4 192.0.2.7\0x 10.0.0.1 1 2\r\n"), &length, &peer), PROXY_BROKEN);
}

static void a_balancer_may_speak_for_itself(void **state)
{
    (void)state;
    uint8_t local[sizeof ipv4];
    memcpy(local, ipv4, sizeof local);
    local[12] = 0x20;
    expect(span_of(local, sizeof local), PROXY_LOCAL, NULL);
    local[12] = 0x21;
    local[13] = 0x31; /* AF_UNIX */
    expect(span_of(local, sizeof local), PROXY_LOCAL, NULL);
}

static void what_is_no_header_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "GET / HTTP/1.1\r\n",
        "PROXY TCP5 192.0.2.7 10.0.0.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 1\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 1 2 3\r\n",
        "PROXY TCP4 192.0.2.700 10.0.0.1 1 2\r\n",
        "PROXY TCP4 2001:db8::9 ::1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 65536 2\r\n",
        "PROXY TCP4  192.0.2.7 10.0.0.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n",
        "PROXY \r\n",
        "PROXY UNKNOWN 123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123",
        "\x16\x03\x01",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_int_equal(verdict_on(span_string(lines[i])), PROXY_BROKEN);
    uint8_t bytes[sizeof ipv4];
    memcpy(bytes, ipv4, sizeof bytes);
    bytes[12] = 0x11; /* version 1 in binary */
    assert_int_equal(verdict_on(span_of(bytes, sizeof bytes)), PROXY_BROKEN);
    bytes[12] = 0x21;
    bytes[15] = 11; /* shorter than the addresses of its family */
    assert_int_equal(verdict_on(span_of(bytes, sizeof bytes)), PROXY_BROKEN);
    bytes[14] = 8; /* 2048 + 11 */
    assert_int_equal(verdict_on(span_of(bytes, sizeof bytes)), PROXY_BROKEN);
}

static void networks_hold_their_addresses_only(void **state)
{
    (void)state;
    static const struct {
        const char *network;
        const char *address;
        bool held;
    } cases[] = {
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.9", "192.0.2.9", true},
        {"192.0.2.9", "192.0.2.8", false},
        {"0.0.0.0/0", "203.0.113.1", true},
        {"0.0.0.0/0", "::1", false},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"unix", "192.0.2.9", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct net_network network, address;
        assert_true(net_network_parse(cases[i].network, &network));
        assert_true(net_network_parse(cases[i].address, &address));
        assert_int_equal(net_network_holds(&network, &address.base), cases[i].held);
    }
    static const char *const wrong[] = {"",   "192.0.2.0/33", "192.0.2.0/",    "192.0.2", "2001:db8::/129",
                                        "/8", "a/8",          "192.0.2.0/8/8", "unix/0"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct net_network network;
        assert_false(net_network_parse(wrong[i], &network));
    }
    struct net_network network;
    const struct peer local = {.family = PEER_UNIX};
    assert_true(net_network_parse("unix", &network) && net_network_holds(&network, &local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_both_versions_are_read), cmocka_unit_test(mapped_addresses_are_ipv4),
        cmocka_unit_test(a_zero_byte_ends_no_address),         cmocka_unit_test(a_balancer_may_speak_for_itself),
        cmocka_unit_test(what_is_no_header_is_refused),        cmocka_unit_test(networks_hold_their_addresses_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
