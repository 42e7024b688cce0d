/* Certificates: self-signed, or signed by an authority. */
#include "extend.h"

#include "crossgate/pki/key.h"
#include "crossgate/pki/text.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <arpa/inet.h>

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

/* A server is a host: what else a request asks for is left out. */
static void drop_other_names(GENERAL_NAMES *names)
{
    for (int i = sk_GENERAL_NAME_num(names) - 1; i >= 0; i--) {
        int type = sk_GENERAL_NAME_value(names, i)->type;
        if (type != GEN_DNS && type != GEN_IPADD)
            GENERAL_NAME_free(sk_GENERAL_NAME_delete(names, i));
    }
}

/* Requests by old recipes have the host as common name only, where nobody looks any more. */
static GENERAL_NAMES *name_of_subject(X509_REQ *request)
{
    char host[256];
    struct error why = {0};
    GENERAL_NAMES *names = NULL;
    int length = X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(request), NID_commonName, host, sizeof host);
    if (length > 0 && strlen(host) == (size_t)length && pki_name_check(host, &why))
        names = extend_names(&(const char *){host}, 1);
    return names;
}

static bool read_names(struct subject *subject, X509_REQ *request, struct error *error)
{
    subject->names = names_of_request(request);
    drop_other_names(subject->names);
    if (subject->names && sk_GENERAL_NAME_num(subject->names) > 0)
        return true;
    GENERAL_NAMES_free(subject->names);
    subject->names = name_of_subject(request);
    if (!subject->names)
        error_set(error, ERROR_INPUT, "the signing request names no host");
    return subject->names != NULL;
}

/* 112 bits: RSA 2048. */
enum { STRENGTH_MIN = 112 };

static bool read_request(struct subject *subject, X509_REQ *request, const struct pki_order *order, struct error *error)
{
    subject->key = X509_REQ_get_pubkey(request);
    if (!subject->key || X509_REQ_verify(request, subject->key) != 1) {
        error_set(error, ERROR_INPUT, "the signing request is not signed by its own key");
        return false;
    }
    if (order->name_count > 0)
        return true;
    if (!order->common_name)
        subject->name = X509_NAME_dup(X509_REQ_get_subject_name(request));
    return order->use != PKI_USE_SERVER || read_names(subject, request, error);
}

/* False: *error says why. The caller calls subject_deinit in any case. */
static bool read_subject(struct subject *subject, struct span pem, const struct pki_order *order, struct error *error)
{
    subject->key = pki_text_key(pem);
    subject->owned = subject->key != NULL;
    if (subject->owned && order->use == PKI_USE_SERVER && order->name_count == 0)
        error_set(error, ERROR_INPUT, "no host is named that the certificate is for");
    if (subject->owned)
        return error->class == ERROR_NONE;
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

/* Clients that check an authority's constraints on host names take an address in the common name for one, which nothing permits. */
static void drop_bound_address(X509_NAME *name, const X509 *issuer)
{
    char text[INET6_ADDRSTRLEN];
    struct pki_network address;
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (at >= 0 && issuer && X509_get_ext_by_NID(issuer, NID_name_constraints, -1) >= 0 &&
        X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof text) > 0 && pki_network_read(text, &address))
        X509_NAME_ENTRY_free(X509_NAME_delete_entry(name, at));
}

static bool fill(X509 *certificate, const struct subject *subject, X509 *issuer, const struct pki_order *order,
                 struct error *error)
{
    X509_NAME *made = subject->name ? NULL : extend_subject(order, error);
    X509_NAME *name = subject->name ? subject->name : made;
    if (name)
        drop_bound_address(name, issuer);
    bool worked = name && X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
                  set_times(certificate, order->days) && X509_set_subject_name(certificate, name) == 1 &&
                  X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : name) == 1 &&
                  X509_set_pubkey(certificate, subject->key) == 1 &&
                  extend_certificate(certificate, issuer ? issuer : certificate, order, subject->names, error);
    X509_NAME_free(made);
    return worked;
}

/* RFC 5280 section 6.1 would refuse what outlives its authority as soon as that ends. */
static bool check_end(X509 *issuer, unsigned days, struct error *error)
{
    int left = 0, seconds = 0;
    if (ASN1_TIME_diff(&left, &seconds, NULL, X509_get0_notAfter(issuer)) != 1 || left < 0 || seconds < 0)
        error_set(error, ERROR_INPUT, "the authority's certificate has expired");
    else if ((unsigned)left < days)
        error_set(error, ERROR_INPUT,
                  "the authority's certificate ends in %d days, sooner than the one that it is to sign", left);
    else
        return true;
    return false;
}

static bool check_issuer(X509 *issuer, EVP_PKEY *key, unsigned days, struct error *error)
{
    if (!issuer)
        error_set(error, ERROR_INPUT, "the authority's certificate cannot be read");
    else if (!key)
        error_set(error, ERROR_INPUT, "the authority's private key cannot be read");
    else if (X509_check_private_key(issuer, key) != 1)
        error_set(error, ERROR_INPUT, "the authority's private key does not belong to its certificate");
    else if (X509_check_ca(issuer) != 1)
        error_set(error, ERROR_INPUT, "the certificate that is to sign is no authority's");
    else
        return check_end(issuer, days, error);
    ERR_clear_error();
    return false;
}

/* Would clients that trust the issuer take it? Authorities may be bound to names, or have no more below them. */
static bool check_made(X509 *made, X509 *issuer, struct error *error)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    bool ready = store && context && X509_STORE_add_cert(store, issuer) == 1 &&
                 X509_STORE_CTX_init(context, store, made, NULL) == 1;
    if (ready)
        X509_STORE_CTX_set_flags(context, X509_V_FLAG_PARTIAL_CHAIN);
    bool worked = ready && X509_verify_cert(context) == 1;
    int why = ready ? X509_STORE_CTX_get_error(context) : X509_V_ERR_OUT_OF_MEM;
    if (!worked && (why == X509_V_ERR_PERMITTED_VIOLATION || why == X509_V_ERR_EXCLUDED_VIOLATION))
        error_set(error, ERROR_INPUT,
                  "the authority is bound to other names (nameConstraints): clients would refuse this");
    else if (!worked)
        error_set(error, ERROR_INPUT, "clients would refuse what this authority signs: %s",
                  X509_verify_cert_error_string(why));
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return worked;
}

static bool sign(const struct subject *subject, X509 *issuer, EVP_PKEY *issuer_key, const struct pki_order *order,
                 struct pki_text *text, struct error *error)
{
    EVP_PKEY *signer = issuer_key ? issuer_key : subject->key;
    X509 *made = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool worked = made && bio && fill(made, subject, issuer, order, error) &&
                  X509_sign(made, signer, key_digest(signer)) > 0 && (!issuer || check_made(made, issuer, error)) &&
                  PEM_write_bio_X509(bio, made) == 1;
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
    else if (EVP_PKEY_get_security_bits(subject.key) < STRENGTH_MIN)
        error_set(error, ERROR_INPUT, "the key is weak: clients would refuse it; RSA needs 2048 bits");
    else if (signer->certificate.len == 0 || check_issuer(issuer, issuer_key, order->days, error))
        worked = sign(&subject, issuer, issuer_key, order, certificate, error);
out:
    subject_deinit(&subject);
    EVP_PKEY_free(issuer_key);
    X509_free(issuer);
    return worked;
}
