/* For how long a ticket is good; where it is, names.h says (struct choice). */
#include "tickets.h"

#include "crossgate/pki/certificate.h"

#include <openssl/x509v3.h>

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Of a full handshake: a client's certificate, or one that vouches for it, may end before our trust does. */
static int64_t trust_ends(const SSL *ssl, int64_t begun)
{
    const STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    int64_t ends = begun + TLS_TICKET_TRUST;
    if (!SSL_get0_peer_certificate(ssl))
        return ends;
    if (sk_X509_num(chain) < 1)
        return begun;
    for (int i = 0; i < sk_X509_num(chain); i++)
        ends = earlier(ends, certificate_seconds(X509_get0_notAfter(sk_X509_value(chain, i))));
    return ends;
}

/* Of a resumed one: as its ticket says, but for one that was given while the clock was ahead. */
static int64_t recall_end(SSL_SESSION *session, int64_t begun)
{
    int64_t ends = 0;
    void *noted = NULL;
    size_t length = 0;
    if (SSL_SESSION_get0_ticket_appdata(session, &noted, &length) == 1 && length == sizeof ends)
        memcpy(&ends, noted, sizeof ends);
    return earlier(ends, begun + TLS_TICKET_TRUST);
}

/* Over TLS 1.3 each ticket's time begins anew; over TLS 1.2 it goes on. */
bool ticket_life_limit(SSL *ssl)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    const int64_t begun = SSL_SESSION_get_time(session);
    const int64_t ends = SSL_session_reused(ssl) ? recall_end(session, begun) : trust_ends(ssl, begun);
    const int64_t left = earlier(TLS_TICKET_LIFETIME, ends - begun);
    SSL_SESSION_set_timeout(session, left > 0 ? (long)left : 0);
    return SSL_SESSION_set1_ticket_appdata(session, &ends, sizeof ends) == 1;
}
