/* Subject and extensions of what is made, from an order. */
#ifndef CROSSGATE_PKI_EXTEND_H
#define CROSSGATE_PKI_EXTEND_H

#include "crossgate/pki.h"

#include <openssl/x509v3.h>

/* NULL: *error says why. The caller frees it with X509_NAME_free. */
X509_NAME *extend_subject(const struct pki_order *order, struct error *error);

/* Names for subjectAltName, from text. NULL: one of them cannot be one, or memory is out. */
GENERAL_NAMES *extend_names(const char *const *texts, size_t count);

/* Appends what a request asks for: names, uses. False: *error says why. */
bool extend_request(STACK_OF(X509_EXTENSION) * extensions, const struct pki_order *order, const X509_NAME *subject,
                    struct error *error);

/* Adds all extensions of a certificate, which has its subject already; `issuer` is the certificate itself if it is
 * self-signed. `names` (NULL: those of the order) are those of a request. False: *error says why. */
bool extend_certificate(X509 *certificate, X509 *issuer, const struct pki_order *order, const GENERAL_NAMES *names,
                        struct error *error);

#endif
