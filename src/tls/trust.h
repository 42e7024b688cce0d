/* Whom we trust: the authorities that the configuration lists, or this system's. */
#ifndef CROSSGATE_TLS_TRUST_H
#define CROSSGATE_TLS_TRUST_H

#include "crossgate/tls.h"

#include <openssl/ssl.h>

/* Makes exactly the listed certificates the trust anchors of the store, intermediates and leaves, too, if they are listed
 * (verifying must allow X509_V_FLAG_PARTIAL_CHAIN). Their names are appended to `names`. `when_empty`: what to do about an
 * empty list. False: reported. */
bool trust_read(const struct pki_files *files, X509_STORE *store, STACK_OF(X509_NAME) * names, const char *when_empty,
                struct problems *problems);

/* For a connecting side. False: reported. */
bool trust_use_files(SSL_CTX *context, const struct pki_files *files, struct problems *problems);

/* Makes the system's trust store the context's. False: reported. */
bool trust_use_system(SSL_CTX *context, struct problems *problems);

/* Adds lists of revoked certificates to a store that already has its authorities. False: reported. */
bool trust_read_crls(const struct pki_files *files, X509_STORE *store, struct problems *problems);

#endif
