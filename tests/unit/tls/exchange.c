/* Keys of the exchange from our provider: they agree with OpenSSL's own, what is no public key is refused, and DHE has short exponents. */
#include "dh4096.h"
#include "world.h"

#include "provider.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/provider.h>

static const char theirs[] = "provider=default";

/* -- keys -- */

static EVP_PKEY *make_key(const char *type, const char *group, const char *properties)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, type, properties);
    assert_true(make && EVP_PKEY_keygen_init(make) == 1 && EVP_PKEY_CTX_set_group_name(make, group) == 1);
    assert_int_equal(EVP_PKEY_generate(make, &key), 1);
    EVP_PKEY_CTX_free(make);
    return key;
}

static const char *provider_of(const EVP_PKEY *key)
{
    return OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key));
}

/* What has come over the wire, in a group like that of `own`; NULL: it is refused at once. */
static EVP_PKEY *read_public(const EVP_PKEY *own, const uint8_t *at, size_t length)
{
    EVP_PKEY *key = EVP_PKEY_new();
    assert_true(key && EVP_PKEY_copy_parameters(key, own) == 1);
    if (EVP_PKEY_set1_encoded_public_key(key, at, length) == 1)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

/* As libssl does it; false: the key is refused. */
static bool derive(EVP_PKEY *own, EVP_PKEY *public, const char *properties, uint8_t *secret, size_t *length)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, own, properties);
    assert_true(context && EVP_PKEY_derive_init(context) == 1);
    bool worked = EVP_PKEY_derive_set_peer(context, public) == 1 && EVP_PKEY_derive(context, secret, length) == 1;
    EVP_PKEY_CTX_free(context);
    return worked;
}

enum { SECRET_MAX = 1024 };

static bool accepts(EVP_PKEY *own, const char *properties, const uint8_t *at, size_t length)
{
    uint8_t secret[SECRET_MAX];
    size_t secret_length = sizeof secret;
    EVP_PKEY *public = read_public(own, at, length);
    bool accepted = public && derive(own, public, properties, secret, &secret_length);
    EVP_PKEY_free(public);
    return accepted;
}

static size_t agree(EVP_PKEY *own, EVP_PKEY *other, const char *properties, uint8_t *secret)
{
    unsigned char *encoded;
    size_t encoded_length = EVP_PKEY_get1_encoded_public_key(other, &encoded), length = SECRET_MAX;
    EVP_PKEY *public = read_public(own, encoded, encoded_length);
    assert_non_null(public);
    assert_true(derive(own, public, properties, secret, &length));
    EVP_PKEY_free(public);
    OPENSSL_free(encoded);
    return length;
}

static void agree_with_openssl(void **state)
{
    (void)state;
    static const struct {
        const char *type, *group;
    } rows[] = {{"EC", "P-256"}, {"EC", "P-384"}, {"EC", "P-521"}, {"DH", "ffdhe2048"}, {"DH", "ffdhe3072"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t here[SECRET_MAX], there[SECRET_MAX];
        EVP_PKEY *ours = make_key(rows[i].type, rows[i].group, PROVIDER_PREFERRED);
        EVP_PKEY *other = make_key(rows[i].type, rows[i].group, theirs);
        assert_string_equal(provider_of(ours), PROVIDER_NAME);
        assert_string_equal(provider_of(other), "default");
        size_t length = agree(ours, other, PROVIDER_PREFERRED, here);
        assert_int_equal(agree(other, ours, theirs, there), length);
        assert_memory_equal(here, there, length);
        EVP_PKEY_free(ours);
        EVP_PKEY_free(other);
    }
}

/* Where OpenSSL's configuration demands other properties, they are OpenSSL's. */
static void keys_are_preferred_and_not_demanded(void **state)
{
    (void)state;
    assert_int_equal(EVP_set_default_properties(NULL, theirs), 1);
    EVP_PKEY *key = make_key("EC", "P-256", PROVIDER_PREFERRED);
    assert_string_equal(provider_of(key), "default");
    EVP_PKEY_free(key);
    assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
}

/* -- what is no public key -- */

/* p and something, as long as p. */
static void encode(const EVP_PKEY *group, int more, uint8_t *to, int length)
{
    BIGNUM *p = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(group, OSSL_PKEY_PARAM_FFC_P, &p), 1);
    assert_int_equal(more < 0 ? BN_sub_word(p, (BN_ULONG)-more) : BN_add_word(p, (BN_ULONG)more), 1);
    assert_int_equal(BN_bn2binpad(p, to, length), length);
    BN_free(p);
}

static void numbers_outside_of_the_group_are_refused(void **state)
{
    (void)state;
    enum { LENGTH = 256 };
    uint8_t number[LENGTH] = {0};
    EVP_PKEY *own = make_key("DH", "ffdhe2048", PROVIDER_PREFERRED);
    for (uint8_t few = 0; few <= 2; few++) {
        number[LENGTH - 1] = few;
        assert_int_equal(accepts(own, PROVIDER_PREFERRED, number, LENGTH), few == 2);
    }
    for (int more = -1; more <= 2; more++) {
        encode(own, more, number, LENGTH);
        assert_false(accepts(own, PROVIDER_PREFERRED, number, LENGTH));
    }
    EVP_PKEY_free(own);
}

/* p - 2 is a number of the group, of twice the order that keys have: the full check raises it to that and refuses it. So this is
 * where it shows which one is made. */
static void the_full_check_is_not_made(void **state)
{
    (void)state;
    enum { LENGTH = 256 };
    uint8_t number[LENGTH];
    EVP_PKEY *ours = make_key("DH", "ffdhe2048", PROVIDER_PREFERRED);
    EVP_PKEY *other = make_key("DH", "ffdhe2048", theirs);
    encode(ours, -2, number, LENGTH);
    assert_true(accepts(ours, PROVIDER_PREFERRED, number, LENGTH));
    assert_false(accepts(other, theirs, number, LENGTH));
    EVP_PKEY_free(ours);
    EVP_PKEY_free(other);
}

static void points_beside_the_curve_are_refused(void **state)
{
    (void)state;
    static const uint8_t infinity[] = {0};
    static const char *const curves[] = {"P-256", "P-384", "P-521"};
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        unsigned char *point;
        EVP_PKEY *own = make_key("EC", curves[i], PROVIDER_PREFERRED);
        size_t length = EVP_PKEY_get1_encoded_public_key(own, &point);
        assert_true(accepts(own, PROVIDER_PREFERRED, point, length));
        assert_false(accepts(own, PROVIDER_PREFERRED, point, length - 1));
        assert_false(accepts(own, PROVIDER_PREFERRED, infinity, sizeof infinity));
        point[length - 1] ^= 1;
        assert_false(accepts(own, PROVIDER_PREFERRED, point, length));
        memset(point + 1, 0xff, length - 1);
        assert_false(accepts(own, PROVIDER_PREFERRED, point, length));
        OPENSSL_free(point);
        EVP_PKEY_free(own);
    }
}

/* -- exponents -- */

static int exponent_bits(const EVP_PKEY *key)
{
    BIGNUM *exponent = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &exponent), 1);
    int bits = BN_num_bits(exponent);
    BN_clear_free(exponent);
    return bits;
}

/* Of a key that is chosen by chance: it may have some leading zeros. */
static void assert_bits(int bits, int wanted)
{
    assert_in_range(bits, wanted - 40, wanted);
}

static EVP_PKEY *group_that_says(int bits)
{
    EVP_PKEY *group = NULL;
    BIO *text = BIO_new_mem_buf(dh4096, -1);
    EVP_PKEY *read = PEM_read_bio_Parameters_ex(text, NULL, NULL, theirs);
    BIO_free(text);
    OSSL_PARAM *numbers = NULL;
    assert_true(read && EVP_PKEY_todata(read, EVP_PKEY_KEY_PARAMETERS, &numbers) == 1);
    const OSSL_PARAM length[] = {OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_DH_PRIV_LEN, &bits),
                                 OSSL_PARAM_construct_end()};
    OSSL_PARAM *all = OSSL_PARAM_merge(numbers, length);
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "DH", PROVIDER_PREFERRED);
    assert_int_equal(EVP_PKEY_fromdata_init(make), 1);
    assert_int_equal(EVP_PKEY_fromdata(make, &group, EVP_PKEY_KEY_PARAMETERS, all), 1);
    EVP_PKEY_CTX_free(make);
    OPENSSL_free(all);
    OSSL_PARAM_free(numbers);
    EVP_PKEY_free(read);
    return group;
}

static void a_group_says_how_long_exponents_are(void **state)
{
    (void)state;
    static const struct {
        int said, made;
    } rows[] = {{325, 325}, {512, 512}, {0, 4095}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EVP_PKEY *key = NULL, *group = group_that_says(rows[i].said);
        EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_pkey(NULL, group, PROVIDER_PREFERRED);
        assert_int_equal(EVP_PKEY_keygen_init(make), 1);
        assert_int_equal(EVP_PKEY_generate(make, &key), 1);
        assert_bits(exponent_bits(key), rows[i].made);
        EVP_PKEY_CTX_free(make);
        EVP_PKEY_free(group);
        EVP_PKEY_free(key);
    }
}

/* -- handshakes -- */

static int seen_bits;

static void look_at_key(const SSL *ssl, int where, int result)
{
    EVP_PKEY *key = NULL;
    (void)where, (void)result;
    if (SSL_get_tmp_key((SSL *)(uintptr_t)ssl, &key) != 1)
        return;
    assert_string_equal(provider_of(key), PROVIDER_NAME);
    seen_bits = exponent_bits(key);
    EVP_PKEY_free(key);
}

static struct pki_file standard_file(const char *name)
{
    BIO *text = BIO_new(BIO_s_mem());
    EVP_PKEY *key = make_key("DH", name, theirs);
    assert_int_equal(PEM_write_bio_Parameters(text, key), 1);
    EVP_PKEY_free(key);
    return forge_file(world.arena, "dh.pem", text);
}

static void dhe_has_short_exponents_whatever_the_file(void **state)
{
    (void)state;
    const struct {
        struct pki_file file;
        int bits;
    } rows[] = {{{0}, 225}, {standard_file("ffdhe3072"), 275}, {forge_text(world.arena, "dh.pem", dh4096), 325}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tls_server_settings settings = rsa_settings();
        struct tls_client_settings client = client_settings();
        settings.dhparam = rows[i].file;
        struct tls_context *server = make_server(&settings), *context = make_client(&client);
        SSL_CTX_set_info_callback(server->ssl, look_at_key);
        SSL_CTX_set_max_proto_version(context->ssl, TLS1_2_VERSION);
        assert_int_equal(SSL_CTX_set_cipher_list(context->ssl, "DHE-RSA-AES128-GCM-SHA256"), 1);
        seen_bits = 0;
        join(server, context);
        run_all();
        assert_int_equal(world.client.opened, 1);
        assert_bits(seen_bits, rows[i].bits);
        hang_up();
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(agree_with_openssl),
        TEST(keys_are_preferred_and_not_demanded),
        TEST(numbers_outside_of_the_group_are_refused),
        TEST(the_full_check_is_not_made),
        TEST(points_beside_the_curve_are_refused),
        TEST(a_group_says_how_long_exponents_are),
        TEST(dhe_has_short_exponents_whatever_the_file),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
