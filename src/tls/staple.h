/* OCSP responses that go with certificates (RFC 6066 section 8, RFC 8446 section 4.4.2.1). */
#ifndef CROSSGATE_TLS_STAPLE_H
#define CROSSGATE_TLS_STAPLE_H

#include "context.h"

/* Who asks on a connection of `ssl` gets what the context has for the certificate that is sent to him; for each SSL_CTX that belongs to
 * the context, whether there are staples or not. */
void staples_serve(struct tls_context *context, SSL_CTX *ssl);

/* The handshake is done: the connection's copy, which OpenSSL would keep to its end, is of no more use. */
void staple_drop(SSL *ssl);

void staples_free(struct tls_context *context);

#endif
