/* PEM text on its way out, and single PEM blocks on their way in. */
#ifndef CROSSGATE_PKI_TEXT_H
#define CROSSGATE_PKI_TEXT_H

#include "crossgate/pki.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* Copies what the BIO has gathered and frees it. False when memory is out, also if `bio` is NULL. */
bool pki_text_take(struct pki_text *text, BIO *bio) __attribute__((warn_unused_result));

/* The first private key, certificate or request in the PEM text. NULL: there is none, or it is damaged. Never asks for a
 * passphrase. The caller frees it. */
EVP_PKEY *pki_text_key(struct span pem);
X509 *pki_text_certificate(struct span pem);
X509_REQ *pki_text_request(struct span pem);

/* An error of class SYSTEM with what OpenSSL has on its error queue; the queue is empty afterwards. */
void pki_error_library(struct error *error, const char *what_failed);

#endif
