/* JSON that is signed, as ACME wants it: base64url, SHA-256, ES256. */
#include "crossgate/pki/text.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>

/* A coordinate of P-256, and each half of its signatures. */
enum { NUMBER = 32, PUBLIC_TEXT = 160 };

struct pki_jws {
    EVP_PKEY *key;
    char public[PUBLIC_TEXT];
    char thumbprint[PKI_BASE64URL(PKI_SHA256)];
};

void pki_base64url(struct span bytes, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | bytes.at[i];
        for (count += 8; count >= 6; count -= 6)
            *text++ = digits[bits >> (count - 6) & 63];
    }
    if (count > 0)
        *text++ = digits[bits << (6 - count) & 63];
    *text = '\0';
}

/* False when memory is out. */
static bool sha256(struct span bytes, uint8_t digest[PKI_SHA256])
{
    bool worked = EVP_Digest(bytes.at, bytes.len, digest, NULL, EVP_sha256(), NULL) == 1;
    ERR_clear_error();
    return worked;
}

static bool is_p256(const EVP_PKEY *key)
{
    char group[32] = "";
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           strcmp(group, SN_X9_62_prime256v1) == 0;
}

static bool print_coordinate(const EVP_PKEY *key, const char *which, char text[PKI_BASE64URL(NUMBER)])
{
    unsigned char bytes[NUMBER];
    BIGNUM *number = NULL;
    bool worked =
        EVP_PKEY_get_bn_param(key, which, &number) == 1 && BN_bn2binpad(number, bytes, sizeof bytes) == sizeof bytes;
    BN_free(number);
    if (worked)
        pki_base64url(span_of(bytes, sizeof bytes), text);
    return worked;
}

/* Members in the order of their names, and no space: RFC 7638 section 3.3. */
static bool describe(struct pki_jws *self)
{
    char x[PKI_BASE64URL(NUMBER)], y[PKI_BASE64URL(NUMBER)];
    uint8_t digest[PKI_SHA256];
    if (!print_coordinate(self->key, OSSL_PKEY_PARAM_EC_PUB_X, x) ||
        !print_coordinate(self->key, OSSL_PKEY_PARAM_EC_PUB_Y, y))
        return false;
    snprintf(self->public, sizeof self->public, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
    if (!sha256(span_string(self->public), digest))
        return false;
    pki_base64url(span_of(digest, sizeof digest), self->thumbprint);
    return true;
}

struct pki_jws *pki_jws_new(struct span key, struct error *error)
{
    struct pki_jws *self = calloc(1, sizeof *self);
    if (self)
        self->key = pki_text_key(key);
    if (self && self->key && is_p256(self->key) && describe(self))
        return self;
    if (!self)
        error_set(error, ERROR_MEMORY, "out of memory");
    else
        error_set(error, ERROR_INPUT, "the account's key cannot be used: it is no private key for P-256 in PEM form");
    ERR_clear_error();
    pki_jws_free(self);
    return NULL;
}

void pki_jws_free(struct pki_jws *self)
{
    if (!self)
        return;
    EVP_PKEY_free(self->key);
    free(self);
}

const char *pki_jws_public(const struct pki_jws *self)
{
    return self->public;
}

const char *pki_jws_thumbprint(const struct pki_jws *self)
{
    return self->thumbprint;
}

/* OpenSSL's signatures are DER; those of RFC 7518 section 3.4 are R and S, one after the other. */
static bool split(const unsigned char *der, size_t length, unsigned char both[2 * NUMBER])
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)length);
    bool worked = signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), both, NUMBER) == NUMBER &&
                  BN_bn2binpad(ECDSA_SIG_get0_s(signature), both + NUMBER, NUMBER) == NUMBER;
    ECDSA_SIG_free(signature);
    return worked;
}

static bool sign(EVP_PKEY *key, struct span bytes, char text[PKI_BASE64URL(2 * NUMBER)])
{
    unsigned char der[128], both[2 * NUMBER];
    size_t length = sizeof der;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool worked = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                  EVP_DigestSign(context, der, &length, bytes.at, bytes.len) == 1 && split(der, length, both);
    EVP_MD_CTX_free(context);
    if (worked)
        pki_base64url(span_of(both, sizeof both), text);
    return worked;
}

/* What is signed is HEADER.PAYLOAD, both in base64url (RFC 7515 section 5.1). */
static char *join(struct span header, struct span payload)
{
    size_t before = PKI_BASE64URL(header.len);
    char *text = malloc(before + PKI_BASE64URL(payload.len));
    if (!text)
        return NULL;
    pki_base64url(header, text);
    size_t length = strlen(text);
    text[length] = '.';
    pki_base64url(payload, text + length + 1);
    return text;
}

bool pki_jws_sign(const struct pki_jws *self, struct span header, struct span payload, struct pki_text *message,
                  struct error *error)
{
    char signature[PKI_BASE64URL(2 * NUMBER)];
    char *signed_text = join(header, payload), *json = NULL;
    int length = -1;
    *message = (struct pki_text){0};
    if (signed_text && sign(self->key, span_string(signed_text), signature)) {
        size_t dot = strcspn(signed_text, ".");
        length = asprintf(&json, "{\"protected\":\"%.*s\",\"payload\":\"%s\",\"signature\":\"%s\"}", (int)dot,
                          signed_text, signed_text + dot + 1, signature);
    }
    free(signed_text);
    if (length < 0)
        pki_error_library(error, "a request cannot be signed");
    else
        *message = (struct pki_text){json, (size_t)length};
    return length >= 0;
}
