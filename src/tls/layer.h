/* Records of our own, for AES-GCM and ChaCha20-Poly1305: record layer, alerts, and what may be said after the handshake (RFC 8446
 * sections 4.6, 5 and 6; RFC 5246 sections 6.2, 7.2 and 7.4.1).
 *
 * A connection holds its keys, the secrets that the next ones come of, and a record that has not come whole. Of OpenSSL it holds nothing,
 * but until its ticket has been given the SSL object that makes one; that has written nothing but the handshake, and reads no more. */
#ifndef CROSSGATE_TLS_LAYER_H
#define CROSSGATE_TLS_LAYER_H

#include "records.h"

/* Whether this connection can be served: its suite is one of ours, its keys have been heard, and OpenSSL has read nothing ahead. */
bool layer_serves(const SSL *ssl, const struct tls_secrets *secrets, const struct loop *loop);

/* As records_new, of a connection that can be served. */
struct records *layer_new(const struct records *common, SSL *ssl, const struct tls_secrets *secrets);

#endif
