/* From a heap of certificates to what is sent: leaf first, each one's issuer next (RFC 8446 section 4.4.2). */
#ifndef CROSSGATE_PKI_CHAIN_H
#define CROSSGATE_PKI_CHAIN_H

#include "crossgate/pki/certificate.h"

/* What is remembered from one chain to the next where many are read: this system's trust store, which takes its time to load,
 * and the issuer that was last missed, which is told of once. Begins zeroed. */
struct chain_memory {
    X509_STORE *system;
    X509_NAME *missed;
};

/* Frees both. Afterwards it is of no use, unless it is zeroed again. */
void chain_memory_deinit(struct chain_memory *memory);

/* Picks from `given` the certificate of the key, and then issuer after issuer, without duplicates and without the
 * root, which the other side has or does not trust. Reports what had to be put right, what is left over, and for
 * servers what is missing.
 *
 * *leaf is borrowed of `given`; *issuers is a stack of borrowed certificates that the caller frees with sk_X509_free.
 * `memory` may be NULL. False: reported, and there is nothing to free. */
bool chain_build(STACK_OF(X509) * given, EVP_PKEY *key, enum pki_purpose purpose, const struct pki_place *place,
                 struct chain_memory *memory, X509 **leaf, STACK_OF(X509) * *issuers);

/* Appends the leaf to the empty `chain`, and each one's issuer after it as far as they were given; a root ends it. All borrowed. False
 * when memory is out. */
bool chain_collect(STACK_OF(X509) * given, X509 *leaf, STACK_OF(X509) * chain) __attribute__((warn_unused_result));

/* Whether the stack holds the certificate, or a copy of it. */
bool chain_holds(STACK_OF(X509) * stack, const X509 *certificate);

/* Whether the certificate has issued the other one. */
bool chain_has_issued(X509 *issuer, X509 *subject);

/* Whether the certificate is the root that the chain ends in: clients have it, or it is of no use to them. */
bool chain_has_root(STACK_OF(X509) * chain, X509 *certificate);

/* Whether this system's trust store holds the issuer of the certificate. */
bool chain_system_has_issuer(X509 *certificate);

#endif
