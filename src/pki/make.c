/* Keys and signing requests. */
#include "extend.h"

#include "crossgate/pki/key.h"
#include "crossgate/pki/text.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>

static EVP_PKEY *new_key(enum pki_key_kind kind)
{
    switch (kind) {
    case PKI_KEY_P256:
        return EVP_EC_gen("P-256");
    case PKI_KEY_P384:
        return EVP_EC_gen("P-384");
    case PKI_KEY_RSA_2048:
        return EVP_RSA_gen(2048);
    case PKI_KEY_RSA_4096:
        return EVP_RSA_gen(4096);
    }
    return NULL;
}

/* BIO_s_secmem wipes what it held. */
bool pki_make_key(enum pki_key_kind kind, struct pki_text *key, struct error *error)
{
    EVP_PKEY *made = new_key(kind);
    BIO *bio = BIO_new(BIO_s_secmem());
    bool worked = made && bio && PEM_write_bio_PKCS8PrivateKey(bio, made, NULL, NULL, 0, NULL, NULL) == 1;
    if (!worked) {
        pki_error_library(error, "a private key cannot be made");
        BIO_free(bio);
    } else if (!pki_text_take(key, bio)) {
        error_set(error, ERROR_MEMORY, "out of memory");
        worked = false;
    }
    EVP_PKEY_free(made);
    return worked;
}

static bool fill(X509_REQ *request, const struct pki_order *order, EVP_PKEY *key, struct error *error)
{
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    X509_NAME *subject = extend_subject(order, error);
    bool worked = extensions && subject && extend_request(extensions, order, subject, error) &&
                  X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
                  X509_REQ_set_subject_name(request, subject) == 1 &&
                  X509_REQ_add_extensions(request, extensions) == 1 && X509_REQ_set_pubkey(request, key) == 1 &&
                  X509_REQ_sign(request, key, key_digest(key)) > 0;
    X509_NAME_free(subject);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return worked;
}

bool pki_make_request(const struct pki_order *order, struct span key, struct pki_text *request, struct error *error)
{
    EVP_PKEY *private_key = pki_text_key(key);
    X509_REQ *made = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool worked = false;
    if (!private_key)
        error_set(error, ERROR_INPUT, "the private key cannot be read");
    else
        worked = made && bio && fill(made, order, private_key, error) && PEM_write_bio_X509_REQ(bio, made) == 1;
    if (worked) {
        worked = pki_text_take(request, bio);
        bio = NULL;
    }
    if (!worked)
        pki_error_library(error, "a signing request cannot be made");
    BIO_free(bio);
    X509_REQ_free(made);
    EVP_PKEY_free(private_key);
    return worked;
}
