/* Keys of TLS, derived by our provider: OpenSSL prefers it where it is asked to, and both derive the same. */
#include "test.h"

#include "provider.h"

#include "crossgate/tls.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <string.h>

enum { LENGTH_MAX = 400 };

/* -- who derives -- */

static const char *provider_of(const char *name, const char *properties)
{
    EVP_KDF *algorithm = EVP_KDF_fetch(NULL, name, properties);
    const char *found = algorithm ? OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(algorithm)) : NULL;
    EVP_KDF_free(algorithm);
    return found;
}

static void is_preferred_where_it_is_asked_for(void **state)
{
    (void)state;
    static const char *const names[] = {OSSL_KDF_NAME_TLS1_3_KDF, OSSL_KDF_NAME_TLS1_PRF};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_string_equal(provider_of(names[i], PROVIDER_PREFERRED), PROVIDER_NAME);
    assert_string_equal(provider_of(OSSL_KDF_NAME_HKDF, PROVIDER_PREFERRED), "default");
}

/* What the operator demands comes first. */
static void is_no_fips_provider(void **state)
{
    (void)state;
    assert_int_equal(EVP_default_properties_enable_fips(NULL, 1), 1);
    assert_null(provider_of(OSSL_KDF_NAME_TLS1_3_KDF, PROVIDER_PREFERRED));
    assert_int_equal(EVP_default_properties_enable_fips(NULL, 0), 1);
    assert_string_equal(provider_of(OSSL_KDF_NAME_TLS1_3_KDF, PROVIDER_PREFERRED), PROVIDER_NAME);
}

/* A demand for another provider, or a wish, is not replaced by ours. */
static void leaves_the_choice_of_a_provider(void **state)
{
    (void)state;
    static const char *const properties[] = {"provider=default", "provider!=" PROVIDER_NAME};
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        assert_int_equal(EVP_set_default_properties(NULL, properties[i]), 1);
        assert_string_equal(provider_of(OSSL_KDF_NAME_TLS1_3_KDF, PROVIDER_PREFERRED), "default");
    }
    assert_int_equal(EVP_set_default_properties(NULL, "provider=none"), 1);
    assert_null(provider_of(OSSL_KDF_NAME_HKDF, PROVIDER_PREFERRED));
    assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
    assert_string_equal(provider_of(OSSL_KDF_NAME_TLS1_3_KDF, PROVIDER_PREFERRED), PROVIDER_NAME);
}

/* -- what is derived -- */

static bool derive(const char *name, const char *properties, const OSSL_PARAM *parameters, uint8_t *to, size_t length)
{
    EVP_KDF *algorithm = EVP_KDF_fetch(NULL, name, properties);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(algorithm);
    assert_non_null(context);
    bool worked = EVP_KDF_derive(context, to, length, parameters) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(algorithm);
    return worked;
}

static void assert_same(const char *name, const OSSL_PARAM *parameters, size_t length)
{
    uint8_t ours[LENGTH_MAX], theirs[LENGTH_MAX];
    assert_true(length <= LENGTH_MAX);
    assert_true(derive(name, "provider=default", parameters, theirs, length));
    assert_true(derive(name, PROVIDER_PROPERTY, parameters, ours, length));
    assert_memory_equal(ours, theirs, length);
}

static void assert_refused(const char *name, const OSSL_PARAM *parameters, size_t length)
{
    uint8_t bytes[LENGTH_MAX];
    assert_false(derive(name, PROVIDER_PROPERTY, parameters, bytes, length));
}

static OSSL_PARAM octets(const char *name, const void *bytes, size_t length)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)bytes, length);
}

static OSSL_PARAM text(const char *name, const char *value)
{
    return OSSL_PARAM_construct_utf8_string(name, (char *)(uintptr_t)value, 0);
}

static const char *const digests[] = {"SHA2-256", "SHA256", "SHA2-384", "sha384"};
enum { DIGESTS = sizeof digests / sizeof digests[0] };

static void expands_as_openssl_does(void **state)
{
    (void)state;
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    uint8_t random[600];
    assert_int_equal(RAND_bytes(random, sizeof random), 1);
    static const size_t secrets[] = {1, 32, 48, 64, 65, 128, 129}, lengths[] = {1, 12, 16, 32, 48, 49, 97, 255};
    for (size_t i = 0; i < DIGESTS * 7 * 8 * 2; i++) {
        size_t context = i % 2 * 48;
        const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
                                         text(OSSL_KDF_PARAM_DIGEST, digests[i / 2 % DIGESTS]),
                                         octets(OSSL_KDF_PARAM_KEY, random, secrets[i / 8 % 7]),
                                         octets(OSSL_KDF_PARAM_PREFIX, "tls13 ", 6),
                                         octets(OSSL_KDF_PARAM_LABEL, "c hs traffic", 12),
                                         octets(OSSL_KDF_PARAM_DATA, random + 300, context),
                                         OSSL_PARAM_construct_end()};
        assert_same(OSSL_KDF_NAME_TLS1_3_KDF, parameters, lengths[i / 56 % 8]);
    }
}

/* With and without what came before, and what comes in: the three rows of the figure in RFC 8446 section 7.1. */
static void extracts_as_openssl_does(void **state)
{
    (void)state;
    int mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
    uint8_t random[200];
    assert_int_equal(RAND_bytes(random, sizeof random), 1);
    for (size_t i = 0; i < DIGESTS * 4; i++) {
        size_t size = i / 4 < 2 ? 32 : 48, count = 4;
        OSSL_PARAM parameters[7] = {
            OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode), text(OSSL_KDF_PARAM_DIGEST, digests[i / 4]),
            octets(OSSL_KDF_PARAM_PREFIX, "tls13 ", 6), octets(OSSL_KDF_PARAM_LABEL, "derived", 7)};
        if (i & 1)
            parameters[count++] = octets(OSSL_KDF_PARAM_KEY, random, 66);
        if (i & 2)
            parameters[count++] = octets(OSSL_KDF_PARAM_SALT, random + 100, size);
        parameters[count] = OSSL_PARAM_construct_end();
        assert_same(OSSL_KDF_NAME_TLS1_3_KDF, parameters, size);
        assert_refused(OSSL_KDF_NAME_TLS1_3_KDF, parameters, size + 1);
    }
}

static void has_the_prf_of_tls_1_2(void **state)
{
    (void)state;
    uint8_t random[400];
    assert_int_equal(RAND_bytes(random, sizeof random), 1);
    static const size_t secrets[] = {32, 48, 64, 66, 128, 129, 256}, lengths[] = {12, 32, 48, 104, 136, 256};
    for (size_t i = 0; i < DIGESTS * 7 * 6; i++) {
        const OSSL_PARAM parameters[] = {text(OSSL_KDF_PARAM_DIGEST, digests[i % DIGESTS]),
                                         octets(OSSL_KDF_PARAM_SECRET, random, secrets[i / DIGESTS % 7]),
                                         octets(OSSL_KDF_PARAM_SEED, "key expansion", 13),
                                         octets(OSSL_KDF_PARAM_SEED, random + 300, 32),
                                         octets(OSSL_KDF_PARAM_SEED, NULL, 0),
                                         octets(OSSL_KDF_PARAM_SEED, random + 350, 32),
                                         OSSL_PARAM_construct_end()};
        assert_same(OSSL_KDF_NAME_TLS1_PRF, parameters, lengths[i / DIGESTS / 7]);
    }
}

/* RFC 8448 section 3, "{server} derive write traffic keys for handshake data", so that both are not wrong alike. */
static void derives_the_key_of_rfc_8448(void **state)
{
    (void)state;
    static const uint8_t secret[] = {0xb6, 0x7b, 0x7d, 0x69, 0x0c, 0xc1, 0x6c, 0x4e, 0x75, 0xe5, 0x42,
                                     0x13, 0xcb, 0x2d, 0x37, 0xb4, 0xe9, 0xc9, 0x12, 0xbc, 0xde, 0xd9,
                                     0x10, 0x5d, 0x42, 0xbe, 0xfd, 0x59, 0xd3, 0x91, 0xad, 0x38};
    static const uint8_t key[] = {0x3f, 0xce, 0x51, 0x60, 0x09, 0xc2, 0x17, 0x27,
                                  0xd0, 0xf2, 0xe4, 0xe8, 0x6e, 0xe4, 0x03, 0xbc};
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    uint8_t derived[sizeof key];
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
                                     text(OSSL_KDF_PARAM_DIGEST, "SHA2-256"),
                                     octets(OSSL_KDF_PARAM_KEY, secret, sizeof secret),
                                     octets(OSSL_KDF_PARAM_PREFIX, "tls13 ", 6),
                                     octets(OSSL_KDF_PARAM_LABEL, "key", 3),
                                     OSSL_PARAM_construct_end()};
    assert_true(derive(OSSL_KDF_NAME_TLS1_3_KDF, PROVIDER_PROPERTY, parameters, derived, sizeof derived));
    assert_memory_equal(derived, key, sizeof key);
}

static void refuses_what_it_cannot_derive(void **state)
{
    (void)state;
    static const uint8_t bytes[256];
    int expand = EVP_KDF_HKDF_MODE_EXPAND_ONLY, both = EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND;
    const OSSL_PARAM mode = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &expand),
                     digest = text(OSSL_KDF_PARAM_DIGEST, "SHA2-256"), key = octets(OSSL_KDF_PARAM_KEY, bytes, 32),
                     secret = octets(OSSL_KDF_PARAM_SECRET, bytes, 48), seed = octets(OSSL_KDF_PARAM_SEED, bytes, 32),
                     end = OSSL_PARAM_construct_end();
    const OSSL_PARAM tls13[][6] = {
        {mode, key, end},                                                         /* no digest */
        {mode, text(OSSL_KDF_PARAM_DIGEST, "SHA1"), key, end},                    /* none of TLS 1.3 */
        {mode, text(OSSL_KDF_PARAM_DIGEST, "no such digest"), key, end},          /* none at all */
        {mode, digest, end},                                                      /* no secret */
        {digest, key, end},                                                       /* no mode */
        {OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &both), digest, key, end}, /* not that of TLS */
        {mode, digest, key, octets(OSSL_KDF_PARAM_LABEL, bytes, 256), end},       /* longer than can be said */
        {mode, digest, key, octets(OSSL_KDF_PARAM_DATA, bytes, 256), end},        /* the same */
        {mode, digest, text(OSSL_KDF_PARAM_KEY, "text"), end},                    /* no octets */
    };
    for (size_t i = 0; i < sizeof tls13 / sizeof tls13[0]; i++)
        assert_refused(OSSL_KDF_NAME_TLS1_3_KDF, tls13[i], 32);
    const OSSL_PARAM tls12[][9] = {
        {digest, secret, end},                                        /* no seed */
        {digest, seed, end},                                          /* no secret */
        {text(OSSL_KDF_PARAM_DIGEST, "MD5-SHA1"), secret, seed, end}, /* of TLS 1.1 */
        {digest, secret, seed, seed, seed, seed, seed, seed, end},    /* more than TLS has */
    };
    for (size_t i = 0; i < sizeof tls12 / sizeof tls12[0]; i++)
        assert_refused(OSSL_KDF_NAME_TLS1_PRF, tls12[i], 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_preferred_where_it_is_asked_for), cmocka_unit_test(is_no_fips_provider),
        cmocka_unit_test(leaves_the_choice_of_a_provider),    cmocka_unit_test(expands_as_openssl_does),
        cmocka_unit_test(extracts_as_openssl_does),           cmocka_unit_test(has_the_prf_of_tls_1_2),
        cmocka_unit_test(derives_the_key_of_rfc_8448),        cmocka_unit_test(refuses_what_it_cannot_derive),
    };
    if (!tls_provider_prepare())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
