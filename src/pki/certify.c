/* Certificates: self-signed, or signed by an authority. */
#include "extend.h"

#include "crossgate/pki/text.h"

#include <openssl/pem.h>
#include <openssl/rand.h>

/* Clocks of clients may be a little behind. */
enum { BEGINS_BEFORE = 3600 };

/* What a certificate is made for: the key, and what a request says. */
struct subject {
    EVP_PKEY *key;
    X509_NAME *name;      /* NULL: from the order */
    GENERAL_NAMES *names; /* NULL: from the order */
    bool owned;           /* the private key is there: it can sign for itself */
};

static void subject_deinit(struct subject *subject)
{
    EVP_PKEY_free(subject->key);
    X509_NAME_free(subject->name);
    GENERAL_NAMES_free(subject->names);
}

static GENERAL_NAMES *names_of_request(X509_REQ *request)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return names;
}

static bool read_request(struct subject *subject, X509_REQ *request, const struct pki_order *order, struct error *error)
{
    subject->key = X509_REQ_get_pubkey(request);
    if (!subject->key || X509_REQ_verify(request, subject->key) != 1) {
        error_set(error, ERROR_INPUT, "the signing request is not signed by its own key");
        return false;
    }
    if (order->name_count == 0) {
        subject->names = names_of_request(request);
        if (!order->common_name)
            subject->name = X509_NAME_dup(X509_REQ_get_subject_name(request));
    }
    return true;
}

/* False: *error says why. The caller calls subject_deinit in any case. */
static bool read_subject(struct subject *subject, struct span pem, const struct pki_order *order, struct error *error)
{
    subject->key = pki_text_key(pem);
    subject->owned = subject->key != NULL;
    if (subject->owned)
        return true;
    X509_REQ *request = pki_text_request(pem);
    bool worked = request && read_request(subject, request, order, error);
    if (!request)
        error_set(error, ERROR_INPUT, "neither a private key nor a signing request can be read");
    X509_REQ_free(request);
    return worked;
}

/* RFC 5280 section 4.1.2.2: positive, at most 20 bytes; 127 of its bits cannot be guessed. */
static bool set_serial(X509 *certificate)
{
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool worked = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return worked;
}

static bool set_times(X509 *certificate, unsigned days)
{
    return X509_gmtime_adj(X509_getm_notBefore(certificate), -(long)BEGINS_BEFORE) &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, -1, NULL);
}

static bool fill(X509 *certificate, const struct subject *subject, X509 *issuer, const struct pki_order *order,
                 struct error *error)
{
    X509_NAME *made = subject->name ? NULL : extend_subject(order, error);
    X509_NAME *name = subject->name ? subject->name : made;
    bool worked = name && X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
                  set_times(certificate, order->days) && X509_set_subject_name(certificate, name) == 1 &&
                  X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : name) == 1 &&
                  X509_set_pubkey(certificate, subject->key) == 1 &&
                  extend_certificate(certificate, issuer ? issuer : certificate, order, subject->names, error);
    X509_NAME_free(made);
    return worked;
}

/* Ed25519 and Ed448 take the message as it is and refuse a digest. */
static const EVP_MD *digest_for(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448") ? NULL : EVP_sha256();
}

static bool sign(const struct subject *subject, X509 *issuer, EVP_PKEY *issuer_key, const struct pki_order *order,
                 struct pki_text *text, struct error *error)
{
    EVP_PKEY *signer = issuer_key ? issuer_key : subject->key;
    X509 *made = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool worked = made && bio && fill(made, subject, issuer, order, error) &&
                  X509_sign(made, signer, digest_for(signer)) > 0 && PEM_write_bio_X509(bio, made) == 1;
    if (worked) {
        worked = pki_text_take(text, bio);
        bio = NULL;
    }
    if (!worked)
        pki_error_library(error, "a certificate cannot be made");
    BIO_free(bio);
    X509_free(made);
    return worked;
}

bool pki_make_certificate(const struct pki_order *order, struct span subject_pem, const struct pki_signer *signer,
                          struct pki_text *certificate, struct error *error)
{
    struct subject subject = {0};
    X509 *issuer = signer->certificate.len > 0 ? pki_text_certificate(signer->certificate) : NULL;
    EVP_PKEY *issuer_key = signer->key.len > 0 ? pki_text_key(signer->key) : NULL;
    bool worked = false;
    if (!read_subject(&subject, subject_pem, order, error))
        goto out;
    if (signer->certificate.len == 0 && !subject.owned)
        error_set(error, ERROR_INPUT, "a signing request needs an authority to sign it");
    else if (signer->certificate.len > 0 && !issuer)
        error_set(error, ERROR_INPUT, "the authority's certificate cannot be read");
    else if (issuer && !issuer_key)
        error_set(error, ERROR_INPUT, "the authority's private key cannot be read");
    else if (issuer && X509_check_private_key(issuer, issuer_key) != 1)
        error_set(error, ERROR_INPUT, "the authority's private key does not belong to its certificate");
    else
        worked = sign(&subject, issuer, issuer_key, order, certificate, error);
out:
    subject_deinit(&subject);
    EVP_PKEY_free(issuer_key);
    X509_free(issuer);
    return worked;
}
