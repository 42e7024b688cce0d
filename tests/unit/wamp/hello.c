/* The realm of a HELLO and the ABORT, in each serializer that is read. */
#include "test.h"

#include "crossgate/wamp.h"

#include <stdlib.h>

enum { JSON = 1, MSGPACK = 2, CBOR = 3 };

/* The message lies in memory of its own size. */
static bool read(unsigned number, struct span message, struct wamp_realm *realm)
{
    uint8_t *copy = malloc(message.len + (message.len == 0));
    assert_non_null(copy);
    if (message.len > 0)
        memcpy(copy, message.at, message.len);
    bool valid = wamp_hello_read(wamp_by_number(number), span_of(copy, message.len), realm);
    free(copy);
    return valid;
}

#define ROW(number, text, realm)                                                                                       \
    {                                                                                                                  \
        number, text, sizeof(text) - 1, realm                                                                          \
    }

struct row {
    unsigned number;
    const char *text;
    size_t length;
    const char *realm; /* NULL: not read */
};

static const struct row rows[] = {
    ROW(JSON, "[1,\"realm1\",{}]", "realm1"),
    ROW(JSON, " [ 1 , \"com.example\\u002erealm\" , {\"roles\": {\"caller\": {}}} ] ", "com.example.realm"),
    ROW(JSON,
        "[1,\"gr\xC3\xBC\xC3\x9F"
        "e\"]",
        "gr\xC3\xBC\xC3\x9F"
        "e"),
    ROW(JSON, "[1,\"r\",{\"x\":\"a\\u0000b\"},4]", "r"),
    ROW(JSON, "[3,\"realm1\",{}]", NULL),
    ROW(JSON, "[1.0,\"realm1\",{}]", NULL),
    ROW(JSON, "[\"1\",\"realm1\",{}]", NULL),
    ROW(JSON, "[1]", NULL),
    ROW(JSON, "[]", NULL),
    ROW(JSON, "[1,null,{}]", NULL),
    ROW(JSON, "[1,\"\",{}]", NULL),
    ROW(JSON, "{\"1\":\"realm1\"}", NULL),
    ROW(JSON, "[1,\"realm1\",{}", NULL),
    ROW(JSON, "[1,\"realm1\",{}]x", NULL),
    ROW(JSON, "[1,\"re\xFFlm\",{}]", NULL),
    ROW(JSON, "\"realm1\"", NULL),
    ROW(JSON, "", NULL),
    ROW(MSGPACK, "\x93\x01\xA6realm1\x80", "realm1"),
    ROW(MSGPACK, "\xDC\x00\x03\xCC\x01\xD9\x06realm1\x80", "realm1"),
    ROW(MSGPACK, "\xDD\xFF\xFF\xFF\xFF\xCE\x00\x00\x00\x01\xDA\x00\x06realm1", "realm1"),
    ROW(MSGPACK, "\x92\xCF\x00\x00\x00\x00\x00\x00\x00\x01\xDB\x00\x00\x00\x06realm1\xC1", "realm1"),
    ROW(MSGPACK, "\x93\x03\xA6realm1\x80", NULL),
    ROW(MSGPACK,
        "\x93\xA1"
        "1\xA6realm1\x80",
        NULL),
    ROW(MSGPACK, "\x93\xFF\xA6realm1\x80", NULL),
    ROW(MSGPACK, "\x91\x01\xA6realm1", NULL),
    ROW(MSGPACK, "\x93\x01\xA6realm", NULL),
    ROW(MSGPACK, "\x93\x01\xDB\xFF\xFF\xFF\xFFrealm1", NULL),
    ROW(MSGPACK, "\x93\x01\xA0\x80", NULL),
    ROW(MSGPACK, "\x93\x01\xA2\xC3\xA9\x80", "\u00e9"),
    ROW(MSGPACK, "\x93\x01\xA2\xC3\x28\x80", NULL),
    ROW(MSGPACK, "\x93\x01\xA1\xC3\x80", NULL),
    ROW(MSGPACK, "\x93\x01\xC4\x06realm1\x80", NULL),
    ROW(MSGPACK, "\x93\x01\xC0\x80", NULL),
    ROW(MSGPACK, "\x83\x01\xA6realm1\x80", NULL),
    ROW(MSGPACK, "\x93\x01", NULL),
    ROW(MSGPACK, "\xDD\x00\x00", NULL),
    ROW(MSGPACK, "", NULL),
    ROW(CBOR, "\x83\x01\x66realm1\xA0", "realm1"),
    ROW(CBOR, "\x98\x03\x18\x01\x78\x06realm1\xA0", "realm1"),
    ROW(CBOR, "\x9F\x19\x00\x01\x79\x00\x06realm1\xA0\xFF", "realm1"),
    ROW(CBOR, "\x9B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE\x1A\x00\x00\x00\x01\x66realm1", "realm1"),
    ROW(CBOR, "\x82\x1B\x00\x00\x00\x00\x00\x00\x00\x01\x66realm1\xFF", "realm1"),
    ROW(CBOR, "\x83\x03\x66realm1\xA0", NULL),
    ROW(CBOR, "\x83\x20\x66realm1\xA0", NULL),
    ROW(CBOR, "\x81\x01\x66realm1", NULL),
    ROW(CBOR, "\x83\x01\x66realm", NULL),
    ROW(CBOR, "\x83\x01\x62\xFF\xFE\xA0", NULL),
    ROW(CBOR, "\x83\x01\x7B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFrealm1", NULL),
    ROW(CBOR, "\x83\x01\x60\xA0", NULL),
    ROW(CBOR, "\x83\x01\x46realm1\xA0", NULL),
    ROW(CBOR, "\x83\x01\x7F\x66realm1\xFF\xA0", NULL),
    ROW(CBOR, "\x83\x01\xF6\xA0", NULL),
    ROW(CBOR, "\xA3\x01\x66realm1\xA0", NULL),
    ROW(CBOR, "\x83\x01", NULL),
    ROW(CBOR, "\x9B\xFF\xFF", NULL),
    ROW(CBOR, "", NULL),
};

static void the_realm_is_found_or_the_message_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wamp_realm realm = {.length = 0};
        bool valid = read(rows[i].number, span_of(rows[i].text, rows[i].length), &realm);
        if (valid != (rows[i].realm != NULL))
            print_error("row %zu\n", i);
        assert_int_equal(valid, rows[i].realm != NULL);
        if (valid)
            assert_string_equal(realm.text, rows[i].realm);
        if (valid)
            assert_int_equal(realm.length, strlen(rows[i].realm));
    }
}

/* A realm of that many letters. */
static size_t print_long(unsigned number, size_t letters, uint8_t *out)
{
    static const char *const heads[] = {[JSON] = "[1,\"", [MSGPACK] = "\x92\x01\xDA", [CBOR] = "\x82\x01\x79"};
    size_t n = strlen(heads[number]);
    memcpy(out, heads[number], n);
    if (number != JSON) {
        out[n++] = (uint8_t)(letters >> 8);
        out[n++] = (uint8_t)letters;
    }
    memset(out + n, 'x', letters);
    n += letters;
    if (number == JSON) {
        memcpy(out + n, "\"]", 2);
        n += 2;
    }
    return n;
}

static void a_realm_has_a_longest_length(void **state)
{
    (void)state;
    for (unsigned number = JSON; number <= CBOR; number++) {
        uint8_t text[300];
        struct wamp_realm realm;
        assert_true(read(number, span_of(text, print_long(number, WAMP_REALM_MAX, text)), &realm));
        assert_int_equal(realm.length, WAMP_REALM_MAX);
        assert_int_equal(strlen(realm.text), WAMP_REALM_MAX);
        assert_false(read(number, span_of(text, print_long(number, WAMP_REALM_MAX + 1, text)), &realm));
    }
}

/* As deep as WAMP_HELLO_MAX allows. */
static void depth_harms_nobody(void **state)
{
    (void)state;
    static uint8_t text[WAMP_HELLO_MAX];
    struct wamp_realm realm;
    memset(text, '[', sizeof text);
    assert_false(read(JSON, span_of(text, sizeof text), &realm));
    memset(text, 0x91, sizeof text);
    assert_false(read(MSGPACK, span_of(text, sizeof text), &realm));
    memset(text, 0x81, sizeof text);
    assert_false(read(CBOR, span_of(text, sizeof text), &realm));
    memcpy(text, "\x82\x01\x61r", 4); /* what follows is not looked at */
    assert_true(read(CBOR, span_of(text, sizeof text), &realm));
}

static void aborts_are_printed(void **state)
{
    (void)state;
    static const char json[] = "[3,{\"message\":\"no \\\"way\\\"\"},\"wamp.error.x\"]";
    static const char msgpack[] = "\x93\x03\x81\xA7message\xA8no \"way\"\xACwamp.error.x";
    static const char cbor[] = "\x83\x03\xA1\x67message\x68no \"way\"\x6Cwamp.error.x";
    static const struct {
        unsigned number;
        struct span bytes;
    } expected[] = {{JSON, {(const uint8_t *)json, sizeof json - 1}},
                    {MSGPACK, {(const uint8_t *)msgpack, sizeof msgpack - 1}},
                    {CBOR, {(const uint8_t *)cbor, sizeof cbor - 1}}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        uint8_t out[WAMP_ABORT_MAX];
        size_t n = wamp_abort_print(wamp_by_number(expected[i].number), "wamp.error.x", "no \"way\"", out);
        assert_int_equal(n, expected[i].bytes.len);
        assert_memory_equal(out, expected[i].bytes.at, n);
    }
}

static void an_abort_that_is_too_long_is_none(void **state)
{
    (void)state;
    char text[WAMP_ABORT_MAX];
    for (unsigned number = JSON; number <= CBOR; number++) {
        size_t fits = 0;
        memset(text, 'x', sizeof text);
        for (size_t length = sizeof text - 1; length > 0; length--) {
            uint8_t out[WAMP_ABORT_MAX];
            text[length] = '\0';
            size_t n = wamp_abort_print(wamp_by_number(number), "u", text, out);
            assert_true(n == 0 || n > length);
            assert_true(n > 0 || fits == 0);
            fits += n > 0;
        }
        assert_true(fits > 400 && fits < sizeof text - 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_realm_is_found_or_the_message_refused),
        cmocka_unit_test(a_realm_has_a_longest_length),
        cmocka_unit_test(depth_harms_nobody),
        cmocka_unit_test(aborts_are_printed),
        cmocka_unit_test(an_abort_that_is_too_long_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
