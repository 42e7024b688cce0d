/* Finite-field Diffie-Hellman for TLS 1.2 clients that know nothing better. */
#ifndef CROSSGATE_TLS_DHPARAM_H
#define CROSSGATE_TLS_DHPARAM_H

#include "crossgate/tls.h"

#include <openssl/ssl.h>

/* Makes the file's group the context's; without a file (path NULL) the smallest group of RFC 7919 that the context's
 * security level accepts. False: reported. */
bool dhparam_use(SSL_CTX *context, const struct pki_file *file, struct problems *problems);

/* What to do about a file that is of no use. */
extern const char dhparam_remedy[];

#endif
