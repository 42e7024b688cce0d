/* Session tickets: how contexts give and take them (RFC 8446 section 4.6.1, RFC 5077). */
#ifndef CROSSGATE_TLS_TICKETS_H
#define CROSSGATE_TLS_TICKETS_H

#include "crossgate/tls.h"

#include <openssl/ssl.h>

/* Has a server context resume by tickets only, under the keys of the loop that each connection belongs to. Certificate,
 * suites and verify mode are set already. False when memory is out. */
bool tickets_use(SSL_CTX *context, const struct tls_server_settings *settings) __attribute__((warn_unused_result));

/* Prepares a connection: without keys it gets no ticket. `tickets` may be NULL. */
void tickets_begin(SSL *ssl, const struct tls_tickets *tickets);

/* Has the context take only tickets that were given for the same names, with the same suites, under the same demands on
 * clients' certificates. False when memory is out. */
bool ticket_scope_set(SSL_CTX *context, const struct tls_server_settings *settings) __attribute__((warn_unused_result));

/* Notes in the session, before it becomes a ticket, when what its handshake has proved is to be proved again, and bounds the
 * ticket's life by that. False when memory is out. */
bool ticket_scope_limit(SSL *ssl) __attribute__((warn_unused_result));

#endif
