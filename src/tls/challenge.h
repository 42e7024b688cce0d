/* tls-alpn-01 (RFC 8737): an authority asks on the TLS port itself whether a name is ours. */
#ifndef CROSSGATE_TLS_CHALLENGE_H
#define CROSSGATE_TLS_CHALLENGE_H

#include "crossgate/base/challenge.h"

#include <openssl/ssl.h>

/* From within a client_hello callback, before anything else is chosen: if the client offers acme-tls/1 and nothing else, for a name
 * that is to be proved, `ssl` gets a context of its own with the certificate for that.
 *
 * CHALLENGE_NONE: it is somebody else. CHALLENGE_FAILED: no certificate can be made; the handshake is to fail. */
enum challenge_answer { CHALLENGE_NONE, CHALLENGE_GIVEN, CHALLENGE_FAILED };
enum challenge_answer challenge_context(SSL *ssl, const struct challenges *table, struct span name);

#endif
