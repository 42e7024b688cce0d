#include "crossgate/tls.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The example of RFC 6455 section 1.3. */
static void accepts_as_in_rfc_6455(void **state)
{
    (void)state;
    char text[TLS_SHA1_BASE64];
    assert_true(tls_sha1_base64(SPAN("dGhlIHNhbXBsZSBub25jZQ=="), SPAN("258EAFA5-E914-47DA-95CA-C5AB0DC85B11"), text));
    assert_string_equal(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* RFC 4648 section 10. */
static void encodes_base64_with_padding(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *coded;
    } rows[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[16];
        tls_base64(span_string(rows[i].plain), text);
        assert_string_equal(text, rows[i].coded);
    }
}

static void names_the_library(void **state)
{
    (void)state;
    assert_ptr_equal(strstr(tls_library_version(), "OpenSSL "), tls_library_version());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_as_in_rfc_6455),
        cmocka_unit_test(encodes_base64_with_padding),
        cmocka_unit_test(names_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
