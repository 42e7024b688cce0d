/* What we prove who we are with: a private key, its certificate and the chain behind it. */
#ifndef CROSSGATE_TLS_CREDENTIAL_H
#define CROSSGATE_TLS_CREDENTIAL_H

#include "crossgate/pki/certificate.h"

#include <openssl/ssl.h>

/* Reads key, certificate and chain (`chain` may be NULL), checks them against each other and against the context's
 * security level, and makes them the context's. False: reported. */
bool credential_use(SSL_CTX *context, const struct pki_file *key, const struct pki_file *certificate,
                    const struct pki_files *chain, enum pki_purpose purpose, struct problems *problems);

/* Bits of security that the context's security level asks for (SSL_CTX_set_security_level(3)). */
int credential_strength(const SSL_CTX *context);

#endif
