/* Keys, certificates, requests and chains as files and bytes: read, judged, made. Knows no connection.
 *
 * This header is for everybody; those beneath crossgate/pki/ speak OpenSSL's types, and are for the rooms that do so, too. */
#ifndef CROSSGATE_PKI_H
#define CROSSGATE_PKI_H

#include "crossgate/base/arena.h"
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

/* base64url without padding (RFC 7515 section 2). Bytes of the text for n bytes, its final zero included. */
#define PKI_BASE64URL(n) (((n)*4 + 2) / 3 + 1)
void pki_base64url(struct span bytes, char *text);

/* The SHA-256 of the bytes. False when memory is out. */
enum { PKI_SHA256 = 32 };
bool pki_sha256(struct span bytes, uint8_t digest[PKI_SHA256]) __attribute__((warn_unused_result));

/* A key that signs JSON: ES256 (RFC 7518 section 3.4), as ACME wants its requests signed (RFC 8555 section 6.2). */
struct pki_jws;

/* From the PEM of an EC P-256 private key. NULL: *error says why. */
struct pki_jws *pki_jws_new(struct span key, struct error *error);
void pki_jws_free(struct pki_jws *jws); /* accepts NULL */

/* The public half as a JWK, in the very form that its thumbprint is taken of (RFC 7638 section 3), and the thumbprint. */
const char *pki_jws_public(const struct pki_jws *jws);
const char *pki_jws_thumbprint(const struct pki_jws *jws);

/* Signs header and payload: the flattened JSON of RFC 7515 section 7.2.2. The caller frees the text. */
bool pki_jws_sign(const struct pki_jws *jws, struct span header, struct span payload, struct pki_text *message,
                  struct error *error) __attribute__((warn_unused_result));

/* The DER of a signing request in base64url, as the `csr` of RFC 8555 section 7.4. The caller frees the text. */
bool pki_request_base64url(struct span request, struct pki_text *text, struct error *error)
    __attribute__((warn_unused_result));

/* How an authority's renewal information names a certificate (RFC 9773 section 4.1). False: it has no authority key identifier. */
enum { PKI_CERTIFICATE_ID = 192 };
bool pki_certificate_id(struct span certificate, char id[PKI_CERTIFICATE_ID]) __attribute__((warn_unused_result));

/* Judges what an authority sent in answer to a signing request: certificates and nothing else, the first one for the request's key, with
 * all of its names and not expired, each signed by the next one. The chain is written anew, so that only what was understood is kept.
 * False: *error says what is wrong. The caller frees the text. */
bool pki_take_chain(struct span pem, struct span request, struct pki_text *chain, struct error *error)
    __attribute__((warn_unused_result));

/* OCSP (RFC 6960, and RFC 5019 for servers that ask on their own behalf): what an authority says now of a certificate that it has issued.
 * Certificates, requests and responses are DER. */

enum { PKI_OCSP_URLS = 4, PKI_OCSP_URL = 256, PKI_OCSP_REQUEST_MAX = 512, PKI_OCSP_RESPONSE_MAX = 32768 };

/* What a certificate says of OCSP. */
struct pki_ocsp_wish {
    bool must_staple; /* it is to be shown with a response only (RFC 7633) */
    size_t url_count;
    char urls[PKI_OCSP_URLS][PKI_OCSP_URL]; /* of responders, http or https; others are left out */
};
void pki_ocsp_look(struct span leaf, struct pki_ocsp_wish *wish);

/* The certificate of the leaf's issuer, if it is in one of the files (PEM), be it a root, which is not sent. Lives in the arena; empty: it
 * is not there, or memory is out. */
struct span pki_find_issuer(struct span leaf, const struct pki_file *files, size_t count, struct arena *arena);

/* The request for the certificate, without a nonce, so that responders may answer from a cache. */
bool pki_ocsp_request(struct span leaf, struct span issuer, uint8_t request[PKI_OCSP_REQUEST_MAX], size_t *length,
                      struct error *error) __attribute__((warn_unused_result));

/* What to GET instead of posting the request (RFC 6960 appendix A.1), zero-terminated. False: it is too long for that. */
enum { PKI_OCSP_GET = 256 };
bool pki_ocsp_get_url(const char *url, struct span request, char text[PKI_OCSP_GET])
    __attribute__((warn_unused_result));

enum pki_ocsp_status { PKI_OCSP_GOOD, PKI_OCSP_REVOKED, PKI_OCSP_UNKNOWN };

struct pki_ocsp {
    enum pki_ocsp_status status;
    int64_t begins, ends; /* s since 1970: thisUpdate and nextUpdate; without the latter a day later */
    int64_t revoked;      /* likewise, of REVOKED: since when */
};

/* Whether the response is about the certificate, and its issuer's own word: signed by the issuer, or by one whom it has certified to do so
 * (OCSPSigning). Signatures are not looked at if `issuer` is empty: then who has named the response vouches for it. It may have ended, but
 * not begin in the future. False: *error says why not, for an operator. */
bool pki_ocsp_read(struct span response, struct span leaf, struct span issuer, struct pki_ocsp *facts,
                   struct error *error) __attribute__((warn_unused_result));

#endif
