/* Keys, certificates and their PEM files, made on the spot. For tests only. */
#ifndef CROSSGATE_TESTS_TLS_FORGE_H
#define CROSSGATE_TESTS_TLS_FORGE_H

#include "crossgate/base/arena.h"
#include "crossgate/tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <assert.h>

struct forge {
    const char *subject; /* common name */
    EVP_PKEY *key;
    X509 *issuer; /* NULL: self-signed */
    EVP_PKEY *issuer_key;
    long begins;        /* seconds from now; 0: a day ago */
    long ends;          /* seconds from now; 0: in a year */
    const char *names;  /* subjectAltName; NULL: none */
    const char *use;    /* extendedKeyUsage; NULL: none */
    const char *access; /* authorityInfoAccess; NULL: none */
    bool authority;
    const EVP_MD *digest; /* NULL: SHA-256 */
};

static inline void forge_extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    if (!value)
        return;
    X509V3_set_ctx(&context, issuer ? issuer : certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert(extension && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static inline void forge_free_key(void *key)
{
    EVP_PKEY_free(key);
}

static inline void forge_free_certificate(void *certificate)
{
    X509_free(certificate);
}

/* Gives the key away to the arena. */
static inline EVP_PKEY *forge_keep(struct arena *arena, EVP_PKEY *key)
{
    assert(key && arena_defer(arena, forge_free_key, key));
    return key;
}

static inline X509 *forge_certificate(struct arena *arena, const struct forge *how)
{
    static long serial = 1;
    X509 *certificate = X509_new();
    assert(certificate && arena_defer(arena, forge_free_certificate, certificate));
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)how->subject, -1, -1, 0);
    X509_set_issuer_name(certificate, how->issuer ? X509_get_subject_name(how->issuer) : name);
    X509_gmtime_adj(X509_getm_notBefore(certificate), how->begins ? how->begins : -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), how->ends ? how->ends : 365L * 86400);
    X509_set_pubkey(certificate, how->key);
    if (how->authority)
        forge_extend(certificate, how->issuer, NID_basic_constraints, "critical,CA:TRUE");
    forge_extend(certificate, how->issuer, NID_subject_alt_name, how->names);
    forge_extend(certificate, how->issuer, NID_ext_key_usage, how->use);
    forge_extend(certificate, how->issuer, NID_info_access, how->access);
    const EVP_MD *digest = how->digest ? how->digest : EVP_sha256();
    EVP_PKEY *signer = how->issuer ? how->issuer_key : how->key;
    assert(X509_sign(certificate, signer, EVP_PKEY_is_a(signer, "ED25519") ? NULL : digest) > 0);
    return certificate;
}

/* What a BIO has gathered, as a file. */
static inline struct pki_file forge_file(struct arena *arena, const char *path, BIO *bio)
{
    char *at = NULL;
    long length = BIO_get_mem_data(bio, &at);
    char *copy = arena_copy(arena, span_of(at, (size_t)length));
    assert(copy);
    BIO_free(bio);
    return (struct pki_file){.path = path, .bytes = span_of(copy, (size_t)length), .mode = 0600};
}

static inline struct pki_file forge_text(struct arena *arena, const char *path, const char *text)
{
    BIO *bio = BIO_new(BIO_s_mem());
    BIO_write(bio, text, (int)strlen(text));
    return forge_file(arena, path, bio);
}

static inline struct pki_file forge_key(struct arena *arena, const char *path, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    return forge_file(arena, path, bio);
}

/* Up to three certificates; NULL ends the list. */
static inline struct pki_file forge_chain(struct arena *arena, const char *path, X509 *first, X509 *second, X509 *third)
{
    X509 *all[] = {first, second, third};
    BIO *bio = BIO_new(BIO_s_mem());
    for (size_t i = 0; i < 3 && all[i]; i++)
        assert(PEM_write_bio_X509(bio, all[i]) == 1);
    return forge_file(arena, path, bio);
}

static inline struct pki_file forge_joined(struct arena *arena, const struct pki_file *a, const struct pki_file *b)
{
    BIO *bio = BIO_new(BIO_s_mem());
    BIO_write(bio, a->bytes.at, (int)a->bytes.len);
    BIO_write(bio, b->bytes.at, (int)b->bytes.len);
    return forge_file(arena, a->path, bio);
}

#endif
