/* The OCSP response that a server staples to its handshake (RFC 6066 section 8, RFC 6960). */
#ifndef CROSSGATE_PROBE_STAPLE_H
#define CROSSGATE_PROBE_STAPLE_H

#include "crossgate/probe.h"

#include <openssl/ssl.h>

/* `issuer` of the server's certificate, or NULL if it is not known. */
void staple_look(SSL *ssl, X509 *issuer, struct probe_staple *staple);

#endif
