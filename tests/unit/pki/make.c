/* What we make, read by OpenSSL: keys, requests, certificates that verify against their authority. */
#include "crossgate/pki/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

static struct error error;

static struct span span_of_text(const struct pki_text *text)
{
    return span_of(text->at, text->len);
}

static struct pki_text new_key(enum pki_key_kind kind)
{
    struct pki_text key = {0};
    error = (struct error){0};
    assert_true(pki_make_key(kind, &key, &error));
    return key;
}

static struct pki_text new_certificate(const struct pki_order *order, struct span subject,
                                       const struct pki_signer *signer)
{
    struct pki_text certificate = {0};
    error = (struct error){0};
    if (!pki_make_certificate(order, subject, signer, &certificate, &error))
        fail_msg("%s", error.text);
    return certificate;
}

static void test_keys(void **state)
{
    (void)state;
    static const int bits[] = {256, 384, 2048, 4096};
    for (int kind = PKI_KEY_P256; kind <= PKI_KEY_RSA_4096; kind++) {
        struct pki_text text = new_key((enum pki_key_kind)kind);
        EVP_PKEY *key = pki_text_key(span_of_text(&text));
        assert_non_null(key);
        assert_int_equal(EVP_PKEY_get_bits(key), bits[kind]);
        EVP_PKEY_free(key);
        pki_text_free(&text);
        assert_null(text.at);
    }
}

static void test_self_signed(void **state)
{
    (void)state;
    const char *names[] = {"localhost", "*.example.com", "127.0.0.1", "::1"};
    struct pki_order order = {.use = PKI_USE_SERVER, .names = names, .name_count = 4, .days = 397};
    struct pki_text key = new_key(PKI_KEY_P256);
    struct pki_text text = new_certificate(&order, span_of_text(&key), &(struct pki_signer){0});
    X509 *made = pki_text_certificate(span_of_text(&text));
    EVP_PKEY *private_key = pki_text_key(span_of_text(&key));
    assert_int_equal(X509_check_private_key(made, private_key), 1);
    assert_int_equal(X509_verify(made, private_key), 1);
    assert_int_equal(X509_check_host(made, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(made, "a.example.com", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(made, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(made, "::1", 0), 1);
    assert_int_equal(X509_check_purpose(made, X509_PURPOSE_SSL_SERVER, 0), 1);
    assert_int_equal(X509_check_ca(made), 0);
    EVP_PKEY_free(private_key);
    X509_free(made);
    pki_text_free(&text);
    pki_text_free(&key);
}

static void verify_below(X509 *root, X509 *leaf)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_add_cert(store, root), 1);
    assert_int_equal(X509_STORE_CTX_init(context, store, leaf, NULL), 1);
    X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context), X509_V_FLAG_X509_STRICT);
    assert_int_equal(X509_verify_cert(context), 1);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
}

static void test_request_signed_by_authority(void **state)
{
    (void)state;
    const char *names[] = {"box1.example.com"}, *only[] = {"example.com"};
    struct pki_text authority_key = new_key(PKI_KEY_P256), key = new_key(PKI_KEY_RSA_2048), request = {0};
    struct pki_order authority = {.use = PKI_USE_AUTHORITY,
                                  .common_name = "Test CA",
                                  .organization = "Tests",
                                  .days = 3650,
                                  .path_length = 0,
                                  .only = only,
                                  .only_count = 1};
    struct pki_text root = new_certificate(&authority, span_of_text(&authority_key), &(struct pki_signer){0});
    struct pki_order asked = {.use = PKI_USE_SERVER, .names = names, .name_count = 1};
    assert_true(pki_make_request(&asked, span_of_text(&key), &request, &error));
    struct pki_signer signer = {span_of_text(&root), span_of_text(&authority_key)};
    struct pki_order order = {.use = PKI_USE_SERVER, .days = 90};
    struct pki_text text = new_certificate(&order, span_of_text(&request), &signer);
    X509 *leaf = pki_text_certificate(span_of_text(&text)), *top = pki_text_certificate(span_of_text(&root));
    assert_int_equal(X509_check_host(leaf, "box1.example.com", 0, 0, NULL), 1);
    verify_below(top, leaf);
    error = (struct error){0};
    assert_false(pki_make_certificate(&order, span_of_text(&request), &(struct pki_signer){0}, &text, &error));
    assert_string_equal(error.text, "a signing request needs an authority to sign it");
    X509_free(top);
    X509_free(leaf);
    pki_text_free(&text);
    pki_text_free(&request);
    pki_text_free(&root);
    pki_text_free(&key);
    pki_text_free(&authority_key);
}

static void test_what_cannot_be_made(void **state)
{
    (void)state;
    const char *names[] = {"localhost"};
    struct pki_order order = {.use = PKI_USE_SERVER, .names = names, .name_count = 1, .days = 1};
    struct pki_text key = new_key(PKI_KEY_P256), other = new_key(PKI_KEY_P256), text = {0};
    struct pki_text root = new_certificate(&order, span_of_text(&key), &(struct pki_signer){0});
    struct pki_signer mixed = {span_of_text(&root), span_of_text(&other)};
    error = (struct error){0};
    assert_false(pki_make_certificate(&order, span_of_text(&key), &mixed, &text, &error));
    assert_string_equal(error.text, "the authority's private key does not belong to its certificate");
    error = (struct error){0};
    assert_false(pki_make_certificate(&order, SPAN("nonsense"), &(struct pki_signer){0}, &text, &error));
    assert_string_equal(error.text, "neither a private key nor a signing request can be read");
    order.common_name = "a name that has more than sixty-four characters, and so cannot be one";
    error = (struct error){0};
    assert_false(pki_make_certificate(&order, span_of_text(&key), &(struct pki_signer){0}, &text, &error));
    assert_string_equal(error.text, "the common name has more than 64 characters");
    pki_text_free(&root);
    pki_text_free(&other);
    pki_text_free(&key);
}

static void refuses(const struct pki_order *order, struct span subject, const struct pki_signer *signer,
                    const char *why)
{
    struct pki_text text = {0};
    error = (struct error){0};
    assert_false(pki_make_certificate(order, subject, signer, &text, &error));
    if (!strstr(error.text, why))
        fail_msg("%s, expected: %s", error.text, why);
    assert_null(text.at);
}

/* What is not permitted is excluded, addresses and names alike. */
static void test_bound_authority(void **state)
{
    (void)state;
    static const struct {
        const char *only;
        const char *good;
        const char *bad[3];
    } rows[] = {
        {"localhost", "localhost", {"example.com", "127.0.0.1", "::1"}},
        {"127.0.0.0/8", "127.1.2.3", {"localhost", "10.0.0.1", "::1"}},
        {"fe80::/10", "fe80::1", {"localhost", "127.0.0.1", "::1"}},
    };
    struct pki_text key = new_key(PKI_KEY_P256);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pki_order authority = {
            .use = PKI_USE_AUTHORITY, .common_name = "CA", .days = 30, .only = &rows[i].only, .only_count = 1};
        struct pki_text root = new_certificate(&authority, span_of_text(&key), &(struct pki_signer){0});
        struct pki_signer signer = {span_of_text(&root), span_of_text(&key)};
        struct pki_order order = {.use = PKI_USE_SERVER, .names = &rows[i].good, .name_count = 1, .days = 7};
        struct pki_text good = new_certificate(&order, span_of_text(&key), &signer);
        for (size_t n = 0; n < 3; n++) {
            order.names = &rows[i].bad[n];
            refuses(&order, span_of_text(&key), &signer, "bound to other names");
        }
        pki_text_free(&good);
        pki_text_free(&root);
    }
    pki_text_free(&key);
}

static void test_authorities_that_cannot_sign(void **state)
{
    (void)state;
    const char *names[] = {"localhost"};
    struct pki_text key = new_key(PKI_KEY_P256);
    struct pki_order order = {.use = PKI_USE_SERVER, .names = names, .name_count = 1, .days = 30};
    struct pki_order authority = {.use = PKI_USE_AUTHORITY, .common_name = "CA", .days = 10};
    struct pki_text leaf = new_certificate(&order, span_of_text(&key), &(struct pki_signer){0});
    struct pki_text root = new_certificate(&authority, span_of_text(&key), &(struct pki_signer){0});
    refuses(&order, span_of_text(&key), &(struct pki_signer){span_of_text(&leaf), span_of_text(&key)},
            "no authority's");
    refuses(&order, span_of_text(&key), &(struct pki_signer){span_of_text(&root), span_of_text(&key)},
            "sooner than the one that it is to sign");
    pki_text_free(&root);
    pki_text_free(&leaf);
    pki_text_free(&key);
}

/* A request as `openssl req -new` makes it by old recipes: a common name, no subjectAltName. */
static struct pki_text old_request(const char *common_name, int bits)
{
    struct pki_text text = {0};
    EVP_PKEY *key = EVP_RSA_gen((unsigned)bits);
    X509_REQ *request = X509_REQ_new();
    X509_NAME *subject = X509_NAME_new();
    BIO *bio = BIO_new(BIO_s_mem());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0);
    X509_REQ_set_subject_name(request, subject);
    X509_REQ_set_pubkey(request, key);
    assert_true(X509_REQ_sign(request, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509_REQ(bio, request), 1);
    assert_true(pki_text_take(&text, bio));
    X509_NAME_free(subject);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    return text;
}

static void test_old_requests(void **state)
{
    (void)state;
    struct pki_order authority = {.use = PKI_USE_AUTHORITY, .common_name = "CA", .days = 30};
    struct pki_order order = {.use = PKI_USE_SERVER, .days = 7};
    struct pki_text key = new_key(PKI_KEY_P256), good = old_request("server23.example.com", 2048);
    struct pki_text person = old_request("Somebody Else", 2048), weak = old_request("a.example", 1024);
    struct pki_text root = new_certificate(&authority, span_of_text(&key), &(struct pki_signer){0});
    struct pki_signer signer = {span_of_text(&root), span_of_text(&key)};
    struct pki_text text = new_certificate(&order, span_of_text(&good), &signer);
    X509 *made = pki_text_certificate(span_of_text(&text));
    assert_int_equal(X509_check_host(made, "server23.example.com", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
    refuses(&order, span_of_text(&person), &signer, "names no host");
    refuses(&order, span_of_text(&weak), &signer, "the key is weak");
    X509_free(made);
    pki_text_free(&text);
    pki_text_free(&root);
    pki_text_free(&weak);
    pki_text_free(&person);
    pki_text_free(&good);
    pki_text_free(&key);
}

/* RFC 8737 section 3. */
static void test_acme_identifier(void **state)
{
    (void)state;
    const char *names[] = {"box1.example.com"};
    unsigned char digest[32] = {1, 2, 3};
    struct pki_order order = {
        .use = PKI_USE_SERVER, .names = names, .name_count = 1, .days = 7, .acme = span_of(digest, sizeof digest)};
    struct pki_text key = new_key(PKI_KEY_P256);
    struct pki_text text = new_certificate(&order, span_of_text(&key), &(struct pki_signer){0});
    X509 *made = pki_text_certificate(span_of_text(&text));
    ASN1_OBJECT *kind = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    int at = X509_get_ext_by_OBJ(made, kind, -1);
    assert_true(at >= 0);
    X509_EXTENSION *extension = X509_get_ext(made, at);
    assert_int_equal(X509_EXTENSION_get_critical(extension), 1);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    assert_int_equal(ASN1_STRING_length(value), 34);
    assert_memory_equal(ASN1_STRING_get0_data(value) + 2, digest, 32);
    ASN1_OBJECT_free(kind);
    X509_free(made);
    pki_text_free(&text);
    pki_text_free(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_self_signed),
        cmocka_unit_test(test_request_signed_by_authority),
        cmocka_unit_test(test_what_cannot_be_made),
        cmocka_unit_test(test_bound_authority),
        cmocka_unit_test(test_authorities_that_cannot_sign),
        cmocka_unit_test(test_old_requests),
        cmocka_unit_test(test_acme_identifier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
