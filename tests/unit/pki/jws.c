/* Signed JSON, and the names by which ACME calls keys, requests and certificates. */
#include "crossgate/pki/text.h"

#include "test.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <stdlib.h>

static struct error error;

static struct span span_of_text(const struct pki_text *text)
{
    return span_of(text->at, text->len);
}

static void check_base64url(struct span bytes, const char *wanted)
{
    char text[64];
    pki_base64url(bytes, text);
    assert_string_equal(text, wanted);
    assert_true(strlen(text) < PKI_BASE64URL(bytes.len));
}

/* RFC 4648 section 10; RFC 7515 appendix C. */
static void test_base64url(void **state)
{
    (void)state;
    static const unsigned char octets[] = {3, 236, 255, 224, 193};
    check_base64url(SPAN(""), "");
    check_base64url(SPAN("f"), "Zg");
    check_base64url(SPAN("fo"), "Zm8");
    check_base64url(SPAN("foo"), "Zm9v");
    check_base64url(SPAN("foob"), "Zm9vYg");
    check_base64url(SPAN("fooba"), "Zm9vYmE");
    check_base64url(SPAN("foobar"), "Zm9vYmFy");
    check_base64url(span_of(octets, sizeof octets), "A-z_4ME");
}

/* The caller frees the bytes. */
static struct span decode(struct span text)
{
    char *padded = NULL;
    static const char *const padding[] = {"", "", "==", "="};
    int length = asprintf(&padded, "%.*s%s", SPAN_ARGS(text), padding[text.len % 4]);
    assert_true(length >= 0);
    for (char *at = padded; *at; at++)
        *at = *at == '-' ? '+' : *at == '_' ? '/' : *at;
    uint8_t *bytes = malloc((size_t)length + 1);
    assert_non_null(bytes);
    assert_true(EVP_DecodeBlock(bytes, (unsigned char *)padded, length) >= 0);
    free(padded);
    return span_of(bytes, text.len * 3 / 4);
}

/* The value of a member of flat JSON. */
static struct span member(const char *json, const char *name)
{
    char start[32];
    snprintf(start, sizeof start, "\"%s\":\"", name);
    const char *found = strstr(json, start);
    assert_non_null(found);
    found += strlen(start);
    return span_of(found, strcspn(found, "\""));
}

static void free_span(struct span span)
{
    free((void *)(uintptr_t)span.at);
}

/* The key that the JWK describes, as somebody who has nothing but the JWK makes it. */
static EVP_PKEY *key_of(const char *jwk)
{
    struct span x = decode(member(jwk, "x")), y = decode(member(jwk, "y"));
    unsigned char point[65] = {POINT_CONVERSION_UNCOMPRESSED};
    char group[] = "P-256";
    EVP_PKEY *key = NULL;
    assert_int_equal(x.len, 32);
    assert_int_equal(y.len, 32);
    memcpy(point + 1, x.at, 32);
    memcpy(point + 33, y.at, 32);
    OSSL_PARAM parameters[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                               OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point), OSSL_PARAM_END};
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters), 1);
    EVP_PKEY_CTX_free(context);
    free_span(x);
    free_span(y);
    return key;
}

static bool verifies(EVP_PKEY *key, struct span text, struct span signature)
{
    unsigned char *der = NULL;
    ECDSA_SIG *both = ECDSA_SIG_new();
    assert_int_equal(signature.len, 64);
    ECDSA_SIG_set0(both, BN_bin2bn(signature.at, 32, NULL), BN_bin2bn(signature.at + 32, 32, NULL));
    int length = i2d_ECDSA_SIG(both, &der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool right = EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                 EVP_DigestVerify(context, der, (size_t)length, text.at, text.len) == 1;
    EVP_MD_CTX_free(context);
    OPENSSL_free(der);
    ECDSA_SIG_free(both);
    return right;
}

/* Often, since R or S that begin with a zero must not be one byte short. */
static void test_signatures(void **state)
{
    (void)state;
    struct pki_text key = {0}, message;
    assert_true(pki_make_key(PKI_KEY_P256, &key, &error));
    struct pki_jws *jws = pki_jws_new(span_of_text(&key), &error);
    assert_non_null(jws);
    EVP_PKEY *public = key_of(pki_jws_public(jws));
    for (int i = 0; i < 600; i++) {
        assert_true(pki_jws_sign(jws, SPAN("{\"alg\":\"ES256\"}"), SPAN("{}"), &message, &error));
        assert_int_equal(message.len, strlen(message.at));
        assert_non_null(strstr(message.at, "\"payload\":\"e30\""));
        struct span signature = decode(member(message.at, "signature"));
        char *text = NULL;
        assert_true(asprintf(&text, "%.*s.e30", SPAN_ARGS(member(message.at, "protected"))) > 0);
        assert_true(verifies(public, span_string(text), signature));
        free(text);
        free_span(signature);
        pki_text_free(&message);
    }
    EVP_PKEY_free(public);
    pki_jws_free(jws);
    pki_text_free(&key);
}

/* RFC 7638 section 3: members in order, without space, and its digest. */
static void test_thumbprint(void **state)
{
    (void)state;
    struct pki_text key = {0};
    unsigned char digest[PKI_SHA256];
    char text[PKI_BASE64URL(PKI_SHA256)], wanted[256];
    assert_true(pki_make_key(PKI_KEY_P256, &key, &error));
    struct pki_jws *jws = pki_jws_new(span_of_text(&key), &error);
    const char *jwk = pki_jws_public(jws);
    snprintf(wanted, sizeof wanted, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%.*s\",\"y\":\"%.*s\"}",
             SPAN_ARGS(member(jwk, "x")), SPAN_ARGS(member(jwk, "y")));
    assert_string_equal(jwk, wanted);
    assert_non_null(SHA256((const unsigned char *)jwk, strlen(jwk), digest));
    pki_base64url(span_of(digest, sizeof digest), text);
    assert_string_equal(pki_jws_thumbprint(jws), text);
    assert_int_equal(strlen(text), 43);
    pki_jws_free(jws);
    pki_text_free(&key);
}

static void test_other_keys(void **state)
{
    (void)state;
    static const enum pki_key_kind others[] = {PKI_KEY_P384, PKI_KEY_RSA_2048};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct pki_text key = {0};
        error = (struct error){0};
        assert_true(pki_make_key(others[i], &key, &error));
        assert_null(pki_jws_new(span_of_text(&key), &error));
        assert_string_equal(error.text, "the account's key cannot be used: it is no private key for P-256 in PEM form");
        pki_text_free(&key);
    }
    error = (struct error){0};
    assert_null(pki_jws_new(SPAN("nonsense"), &error));
}

static void test_request(void **state)
{
    (void)state;
    const char *names[] = {"box1.example.com"};
    struct pki_order order = {.use = PKI_USE_SERVER, .names = names, .name_count = 1};
    struct pki_text key = {0}, request = {0}, text = {0};
    error = (struct error){0};
    assert_true(pki_make_key(PKI_KEY_P256, &key, &error));
    assert_true(pki_make_request(&order, span_of_text(&key), &request, &error));
    assert_true(pki_request_base64url(span_of_text(&request), &text, &error));
    struct span der = decode(span_of_text(&text));
    const unsigned char *at = der.at;
    X509_REQ *read = d2i_X509_REQ(NULL, &at, (long)der.len);
    assert_non_null(read);
    assert_ptr_equal(at, der.at + der.len);
    X509_REQ_free(read);
    free_span(der);
    pki_text_free(&text);
    assert_false(pki_request_base64url(span_of_text(&key), &text, &error));
    assert_string_equal(error.text, "the signing request cannot be read");
    pki_text_free(&request);
    pki_text_free(&key);
}

/* The caller frees the text. */
static struct pki_text print(X509 *certificate)
{
    struct pki_text text;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    assert_true(pki_text_take(&text, bio));
    return text;
}

/* RFC 9773 section 4.1: authority and serial number of its example, whose leading zero belongs to the name. */
static void test_certificate_id(void **state)
{
    (void)state;
    static const unsigned char authority[] = {0x69, 0x88, 0x5B, 0x6B, 0x87, 0x46, 0x40, 0x41, 0xE1, 0xB3,
                                              0x7B, 0x84, 0x7B, 0xA0, 0xAE, 0x2C, 0xDE, 0x01, 0xC8, 0xD4};
    char id[PKI_CERTIFICATE_ID];
    X509 *certificate = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    AUTHORITY_KEYID *extension = AUTHORITY_KEYID_new();
    extension->keyid = ASN1_OCTET_STRING_new();
    assert_int_equal(ASN1_OCTET_STRING_set(extension->keyid, authority, sizeof authority), 1);
    assert_int_equal(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), 0x87654321), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    struct pki_text without = print(certificate);
    assert_false(pki_certificate_id(span_of_text(&without), id));
    assert_int_equal(X509_add1_ext_i2d(certificate, NID_authority_key_identifier, extension, 0, 0), 1);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    struct pki_text with = print(certificate);
    assert_true(pki_certificate_id(span_of_text(&with), id));
    assert_string_equal(id, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
    assert_false(pki_certificate_id(SPAN("nonsense"), id));
    pki_text_free(&with);
    pki_text_free(&without);
    AUTHORITY_KEYID_free(extension);
    EVP_PKEY_free(key);
    X509_free(certificate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64url),  cmocka_unit_test(test_signatures), cmocka_unit_test(test_thumbprint),
        cmocka_unit_test(test_other_keys), cmocka_unit_test(test_request),    cmocka_unit_test(test_certificate_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
