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

/* PEM text that we make. Zero-terminated; it may hold a private key. Functions that fail to make one leave nothing to be freed. */
struct pki_text {
    char *at;
    size_t len;
};

/* Wipes and frees; the text is empty afterwards. One that is empty may be freed. */
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
    const char *const *only; /* authorities: names and networks that they may certify (nameConstraints), as in
                                pki_constraint_check */
    size_t only_count;       /* 0: any; otherwise all else is excluded */
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
 * used if the order has none (for servers its hosts, if need be its common name). Servers must have a name, and keys 112 bits of security
 * (RSA 2048). A request needs a signer, who must be an authority, outlive what he signs, and may sign for these names. The caller frees
 * the text. *error begins empty. */
bool pki_make_certificate(const struct pki_order *order, struct span subject, const struct pki_signer *signer,
                          struct pki_text *certificate, struct error *error) __attribute__((warn_unused_result));

/* base64url without padding (RFC 7515 section 2). Bytes of the text for n bytes, its final zero included. */
#define PKI_BASE64URL(n) (((n)*4 + 2) / 3 + 1)
void pki_base64url(struct span bytes, char *text);

/* Bytes of a SHA-256. */
enum { PKI_SHA256 = 32 };

/* A key that signs JSON: ES256 (RFC 7518 section 3.4), as ACME wants its requests signed (RFC 8555 section 6.2). */
struct pki_jws;

/* From the PEM of an EC P-256 private key, which is copied. NULL: *error says why. */
struct pki_jws *pki_jws_new(struct span key, struct error *error);
void pki_jws_free(struct pki_jws *jws); /* accepts NULL */

/* The public half as a JWK, in the very form that its thumbprint is taken of (RFC 7638 section 3), and the thumbprint (SHA-256, base64url).
 * Valid as long as `jws`. */
const char *pki_jws_public(const struct pki_jws *jws);
const char *pki_jws_thumbprint(const struct pki_jws *jws);

/* Signs header and payload, both as they are, before base64url: the flattened JSON of RFC 7515 section 7.2.2. The caller frees the text. */
bool pki_jws_sign(const struct pki_jws *jws, struct span header, struct span payload, struct pki_text *message,
                  struct error *error) __attribute__((warn_unused_result));

/* The DER of a signing request, which is given as PEM, in base64url: the `csr` of RFC 8555 section 7.4. The caller frees the text. */
bool pki_request_base64url(struct span request, struct pki_text *text, struct error *error)
    __attribute__((warn_unused_result));

/* How an authority's renewal information names a certificate, which is given as PEM (RFC 9773 section 4.1). False: it cannot be read, or has
 * no authority key identifier. */
enum { PKI_CERTIFICATE_ID = 192 };
bool pki_certificate_id(struct span certificate, char id[PKI_CERTIFICATE_ID]) __attribute__((warn_unused_result));

/* Judges what an authority sent in answer to a signing request (both PEM): at most ten certificates and nothing else, the first one for the
 * request's key, with all of its names, which are DNS names, and not expired, each signed by the next one. The chain is written anew, so that
 * only what was understood is kept. False: *error says what is wrong. The caller frees the text. */
bool pki_take_chain(struct span pem, struct span request, struct pki_text *chain, struct error *error)
    __attribute__((warn_unused_result));

/* ---- names */

/* Whether the text can be a name in a server's certificate: a DNS name, one with "*." in front, or an IP address. False: *error
 * says why not, and what to write instead. */
bool pki_name_check(const char *name, struct error *error) __attribute__((warn_unused_result));

/* Whether the text can bind an authority: a DNS name, which stands for all below it, too, an IP address, or a network like
 * "10.0.0.0/8". */
bool pki_constraint_check(const char *name, struct error *error) __attribute__((warn_unused_result));

struct pki_network {
    uint8_t bytes[32]; /* the address, and its mask behind it */
    size_t length;     /* of each: 4 or 16 */
};

/* An IP address, or one with the length of its prefix; bits of the address behind that are cleared. False: the text is neither, and
 * *network of no use. */
bool pki_network_read(const char *text, struct pki_network *network) __attribute__((warn_unused_result));

/* ---- passphrases */

enum pki_lock { PKI_LOCK_NONE, PKI_LOCK_OPEN, PKI_LOCK_LOCKED };

/* Whether there is a private key in the PEM text, and whether it has a passphrase. OPEN if one of several has none; NONE as well when memory
 * is out. */
enum pki_lock pki_key_lock(struct span pem);

/* The private key, which has no passphrase, as PKCS#8 encrypted with AES-256 under this one (PBES2, RFC 8018). The caller frees the text. */
bool pki_lock_key(struct span key, struct span passphrase, struct pki_text *locked, struct error *error)
    __attribute__((warn_unused_result));

/* The private key (PKCS#8) without its passphrase; both PKCS#8 and "Proc-Type: 4,ENCRYPTED" (RFC 1421) are understood. Of class INPUT:
 * the passphrase is wrong. The caller frees the text. */
bool pki_unlock_key(struct span pem, struct span passphrase, struct pki_text *key, struct error *error)
    __attribute__((warn_unused_result));

/* ---- Diffie-Hellman groups */

/* The group of that name in RFC 7919: "ffdhe2048", "ffdhe3072", "ffdhe4096". The caller frees the text. */
bool pki_named_group(const char *name, struct pki_text *group, struct error *error) __attribute__((warn_unused_result));

struct pki_search {
    void (*progress)(struct pki_search *self); /* called for each number tried; it cannot end the search */
    uint64_t tried;                            /* so far; begins at 0 */
};

/* A group of its own: looks for a safe prime of that many bits, which takes from seconds to an hour. */
bool pki_search_group(unsigned bits, struct pki_search *search, struct pki_text *group, struct error *error)
    __attribute__((warn_unused_result));

/* ---- bags: what is in some files, whatever it is */

/* A file is not read further than this, bytes; a bag does not take more than this, things. */
enum { PKI_FILE_MAX = 1 << 20, PKI_BAG_MAX = 512 };

enum pki_sort { PKI_CERTIFICATE, PKI_REQUEST, PKI_KEY, PKI_LOCKED_KEY, PKI_CRL, PKI_GROUP, PKI_SORT_COUNT };

struct pki_bag;

/* NULL when memory is out. */
struct pki_bag *pki_bag_new(void);
void pki_bag_free(struct pki_bag *bag); /* accepts NULL */

/* Adds what the file holds: PEM blocks of our sorts, those of others are passed over; one object in DER form; certificates in PKCS#7.
 * Path and bytes are copied. False: reported, with the remedy for what cannot be used, like PKCS#12; what came before it is in the bag. */
bool pki_bag_add(struct pki_bag *bag, const struct pki_file *file, struct problems *problems)
    __attribute__((warn_unused_result));

/* How many things are in it; indices are below that, in the order of the files. */
size_t pki_bag_count(const struct pki_bag *bag);

struct pki_words {
    const char **at;
    size_t count;
};

/* What one thing of a bag tells. All text is the arena's but for the path, which is the bag's, and printable but for the path;
 * NULL, 0 or empty: it does not say. Of private keys only the public part is told. */
struct pki_card {
    enum pki_sort sort;
    const char *path;
    const char *subject; /* RFC 4514 */
    const char *issuer;
    const char *serial;     /* hexadecimal */
    const char *key;        /* "EC P-256", "RSA 2048", "DH 2048, ffdhe2048" */
    const char *key_digest; /* SHA-256 of the public key (SubjectPublicKeyInfo): equal where things belong together */
    const char *signature;  /* algorithm */
    const char *sha256, *sha1;    /* fingerprints of the whole, hexadecimal */
    int64_t begins, ends;         /* seconds since 1970; CRLs: this and the next update */
    struct pki_words names;       /* subjectAltName; others than DNS names and addresses with their kind in front */
    struct pki_words uses;        /* keyUsage and extendedKeyUsage */
    struct pki_words responders;  /* of OCSP */
    struct pki_words issuer_urls; /* where the issuer's certificate is */
    struct pki_words crl_urls;
    struct pki_words constraints; /* "only localhost", "not 0.0.0.0/0" */
    bool authority;
    int path_length; /* -1: no bound */
    bool self_signed;
    bool must_staple;
    bool good_signature; /* requests: signed by their own key */
    size_t revoked;      /* CRLs: how many are on it */
};

/* Of the thing at `index`, which is there. False when memory is out. */
bool pki_bag_card(const struct pki_bag *bag, size_t index, struct arena *arena, struct pki_card *card)
    __attribute__((warn_unused_result));

/* Certificates in the order in which they are sent: indices of a bag. */
struct pki_chain {
    size_t at[PKI_BAG_MAX];
    size_t count;
    bool whole; /* nothing is known to be missing */
};

/* Leaf first, each one's issuer next, without the root and duplicates. The leaf is the certificate of the bag's private key; without
 * one, the certificate that issued none of the others. Reports what is left over, and what is missing with how to get it.
 * False: reported; there is no leaf, or it is not clear which, and *chain is empty. The keys of problems are codes for programs: "leaf",
 * "key", "issuer", "missing", "surplus", "root"; none when memory is out. */
bool pki_bag_chain(const struct pki_bag *bag, struct pki_chain *chain, struct problems *problems)
    __attribute__((warn_unused_result));

/* Their PEM text. The caller frees it. */
bool pki_chain_write(const struct pki_bag *bag, const struct pki_chain *chain, struct pki_text *pem,
                     struct error *error) __attribute__((warn_unused_result));

struct pki_question {
    const char *name;                  /* host that is asked for; NULL: whichever */
    const struct pki_bag *authorities; /* who is trusted; NULL: whom this system trusts */
    unsigned days;                     /* it must still be valid then; 0: now */
};

/* What a browser would say of a server that sends the chain, which is not empty. The keys of problems are codes for programs: "time", "name",
 * "issuer", "missing", "strength", "use", "constraint", "other"; none when memory is out. False: at least one error was reported. */
bool pki_bag_verify(const struct pki_bag *bag, const struct pki_chain *chain, const struct pki_question *question,
                    struct problems *problems) __attribute__((warn_unused_result));

/* ---- OCSP */

/* OCSP (RFC 6960, and RFC 5019 for servers that ask on their own behalf): what an authority says now of a certificate that it has issued.
 * Certificates, requests and responses are DER. */

enum { PKI_OCSP_URLS = 4, PKI_OCSP_URL = 256, PKI_OCSP_REQUEST_MAX = 512, PKI_OCSP_RESPONSE_MAX = 32768 };

/* What a certificate says of OCSP. */
struct pki_ocsp_wish {
    bool must_staple; /* it is to be shown with a response only (RFC 7633) */
    size_t url_count;
    char urls[PKI_OCSP_URLS][PKI_OCSP_URL]; /* of responders, http or https; others are left out */
};
void pki_ocsp_look(struct span leaf, struct pki_ocsp_wish *wish); /* nothing, if it cannot be decoded */

/* The certificate of the leaf's issuer, if it is in one of the files (PEM), be it a root, which is not sent. Lives in the arena; empty: it
 * is not there, or memory is out. */
struct span pki_find_issuer(struct span leaf, const struct pki_file *files, size_t count, struct arena *arena);

/* The request for the certificate, without a nonce, so that responders may answer from a cache. False: one of the two cannot be decoded, or
 * memory is out. */
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
 * not begin more than 5 minutes from now. False: *error says why not, for an operator, and *facts is of no use. */
bool pki_ocsp_read(struct span response, struct span leaf, struct span issuer, struct pki_ocsp *facts,
                   struct error *error) __attribute__((warn_unused_result));

/* ---- key and chain in one */

/* A private key and its chain in one text, as the master keeps what an authority has issued. */
struct pki_pair {
    int64_t begins, ends; /* of the certificate, s since 1970 */
    struct pki_text leaf; /* the certificate alone, PEM */
};

/* Judges them: both can be read, the first certificate belongs to the key, each one after it (at most 15) has issued the one before. False:
 * *error says what is wrong, and *pair is empty. The caller frees pair->leaf. */
bool pki_pair_read(struct span pem, struct pki_pair *pair, struct error *error) __attribute__((warn_unused_result));

/* Whether each of the DNS names is among the certificate's, as it is but for capitals: wildcards cover nothing here. */
bool pki_pair_covers(const struct pki_pair *pair, const char *const *names, size_t count);

#endif
