/* Keys, certificates, requests and chains as files and bytes: read, judged, made. Knows no connection.
 *
 * This header is for everybody; those beneath crossgate/pki/ speak OpenSSL's types, and are for the rooms that do so, too. */
#ifndef CROSSGATE_PKI_H
#define CROSSGATE_PKI_H

#include "crossgate/base/error.h"
#include "crossgate/base/problem.h"
#include "crossgate/base/span.h"

#include <stdint.h>

/* The bytes of a file named in the configuration, as the master read them. */
struct pki_file {
    const char *path; /* as in messages; NULL: not configured */
    struct span bytes;
    uint32_t mode;  /* permission bits; 0: unknown (in a worker), then permissions are not looked at */
    uint32_t owner; /* user id */
};

struct pki_files {
    const struct pki_file *at;
    size_t count;
    bool given; /* the key is present, even if its list is empty */
};

/* PEM text that we make. Zero-terminated; it may hold a private key. */
struct pki_text {
    char *at;
    size_t len;
};

/* Wipes and frees; the text is empty afterwards. */
void pki_text_free(struct pki_text *text);

enum pki_key_kind { PKI_KEY_P256, PKI_KEY_P384, PKI_KEY_RSA_2048, PKI_KEY_RSA_4096 };

/* A new private key (PKCS#8). The caller frees the text. */
bool pki_make_key(enum pki_key_kind kind, struct pki_text *key, struct error *error)
    __attribute__((warn_unused_result));

enum pki_use {
    PKI_USE_SERVER,    /* serverAuth */
    PKI_USE_CLIENT,    /* clientAuth */
    PKI_USE_AUTHORITY, /* signs certificates and CRLs */
};

/* What is to be in a certificate or a request. Borrowed. */
struct pki_order {
    enum pki_use use;
    const char *common_name;  /* NULL: the first name, if it is short enough (64 characters) */
    const char *organization; /* NULL: none */
    const char *const *names; /* DNS names (also "*.example.com") and addresses, for subjectAltName */
    size_t name_count;
    unsigned days;           /* certificates: how long it is valid, from a moment ago */
    int path_length;         /* authorities: how many may be below it; -1: no bound */
    const char *constraints; /* authorities: nameConstraints as OpenSSL's x509v3_config(5) writes them; NULL: none */
    struct span acme;        /* acmeIdentifier of 32 bytes (RFC 8737 section 3); empty: none */
};

/* Who signs: PEM of certificate and private key. Empty: whoever owns the key signs for himself. */
struct pki_signer {
    struct span certificate;
    struct span key;
};

/* A signing request (PKCS#10) for the private key. The caller frees the text. */
bool pki_make_request(const struct pki_order *order, struct span key, struct pki_text *request, struct error *error)
    __attribute__((warn_unused_result));

/* A certificate for `subject`: the PEM of a private key, or of a signing request, whose signature is verified, and whose names are
 * used if the order has none. A request needs a signer. The caller frees the text. */
bool pki_make_certificate(const struct pki_order *order, struct span subject, const struct pki_signer *signer,
                          struct pki_text *certificate, struct error *error) __attribute__((warn_unused_result));

#endif
