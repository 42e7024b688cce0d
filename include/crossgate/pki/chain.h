/* From a heap of certificates to what is sent: leaf first, each one's issuer next (RFC 8446 section 4.4.2). */
#ifndef CROSSGATE_PKI_CHAIN_H
#define CROSSGATE_PKI_CHAIN_H

#include "crossgate/pki/certificate.h"

/* Picks from `given` the certificate of the key, and then issuer after issuer, without duplicates and without the
 * root, which the other side has or does not trust. Reports what had to be put right, what is left over, and for
 * servers what is missing.
 *
 * *leaf is borrowed of `given`; *issuers is a stack of borrowed certificates that the caller frees with sk_X509_free.
 * False: reported. */
bool chain_build(STACK_OF(X509) * given, EVP_PKEY *key, enum pki_purpose purpose, const struct pki_place *place,
                 X509 **leaf, STACK_OF(X509) * *issuers);

#endif
