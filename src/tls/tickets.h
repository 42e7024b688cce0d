/* Session tickets: how contexts give and take them (RFC 8446 section 4.6.1, RFC 5077). */
#ifndef CROSSGATE_TLS_TICKETS_H
#define CROSSGATE_TLS_TICKETS_H

#include "crossgate/tls.h"

#include <openssl/ssl.h>

/* Has a server context resume by tickets only, under the keys of the loop that each connection belongs to. Where each is
 * good is its session id context, which the hello sets (hello.c). False when memory is out. */
bool tickets_use(SSL_CTX *context) __attribute__((warn_unused_result));

/* Prepares a connection: without keys it gets no ticket. `tickets` may be NULL. */
void tickets_begin(SSL *ssl, const struct tls_tickets *tickets);

/* Whether a ticket is to be given after the handshake, which OpenSSL does not do by itself: making one takes as long as a tenth of
 * the handshake, and who only knocks has no use for it; and by itself it would be one more segment to send. */
bool tickets_are_given(const SSL *ssl);

/* Has it leave before what is written next. */
void tickets_give(SSL *ssl);

/* The keys of this moment, for who works on another thread meanwhile; `tickets` may be NULL. Releasing accepts NULL. Both on the loop. */
struct ticket_ring *tickets_hold(const struct tls_tickets *tickets);
void tickets_release(struct ticket_ring *ring);

/* Notes in the session, before it becomes a ticket, when what its handshake has proved is to be proved again, and bounds the
 * ticket's life by that. False when memory is out. */
bool ticket_life_limit(SSL *ssl) __attribute__((warn_unused_result));

#endif
