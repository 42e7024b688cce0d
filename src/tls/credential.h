/* What we prove who we are with: a private key, its certificate and the chain behind it. */
#ifndef CROSSGATE_TLS_CREDENTIAL_H
#define CROSSGATE_TLS_CREDENTIAL_H

#include "crossgate/pki/chain.h"

#include <openssl/ssl.h>

/* Kinds of key: OpenSSL holds one certificate of each, and chooses between them by what the client supports. */
enum key_kind { KEY_RSA, KEY_RSA_PSS, KEY_EC, KEY_ED25519, KEY_ED448, KEY_KINDS };

enum { CREDENTIAL_DIGEST = 32 };

struct credential {
    EVP_PKEY *key;
    enum key_kind kind;
    X509 *leaf;
    STACK_OF(X509) * issuers;
    const char *path;                  /* of the certificate's file; borrowed of the settings */
    uint8_t digest[CREDENTIAL_DIGEST]; /* of all bytes that it was read from */
    bool taken_over;                   /* from a known one */
};

struct credential_files {
    const struct pki_file *key;
    const struct pki_file *certificate;
    const struct pki_files *chain; /* may be NULL */
};

/* What is remembered of those that were read before. Begins zeroed, but for `known`. */
struct credential_memory {
    struct chain_memory chains;
    const struct credential *last; /* many have the same chain, which is kept once */
    /* Of contexts before: what has the same bytes is taken over from there, where the problems are vouched. */
    const struct credential *const *known;
    size_t known_count;
    size_t next; /* where the next one is likely to be */
};

/* Reads key, certificate and chain, and checks them against each other and against `strength` bits of security. `memory` may be
 * NULL. NULL: reported. The caller frees it. */
struct credential *credential_read(const struct credential_files *files, enum pki_purpose purpose, int strength,
                                   struct credential_memory *memory, struct problems *problems);
void credential_free(struct credential *credential); /* accepts NULL */

/* Makes it the context's certificate for its kind of key. False: reported. */
bool credential_use(SSL_CTX *context, const struct credential *credential, struct problems *problems);

/* Likewise of one connection. False when memory is out. */
bool credential_apply(SSL *ssl, const struct credential *credential) __attribute__((warn_unused_result));

/* Bits of security that the context's security level asks for (SSL_CTX_set_security_level(3)). */
int credential_strength(const SSL_CTX *context);

#endif
