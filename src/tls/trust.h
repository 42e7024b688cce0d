/* Whom we trust: the authorities that the configuration lists, or this system's. */
#ifndef CROSSGATE_TLS_TRUST_H
#define CROSSGATE_TLS_TRUST_H

#include "crossgate/tls.h"

#include <openssl/ssl.h>

/* Makes exactly the listed certificates the trust anchors of the context, intermediates and leaves, too, if they are
 * listed. As a server it names them to clients, so that one with several certificates can choose. False: reported. */
bool trust_use_files(SSL_CTX *context, const struct pki_files *files, bool as_server, struct problems *problems);

/* Makes the system's trust store the context's. False: reported. */
bool trust_use_system(SSL_CTX *context, struct problems *problems);

#endif
