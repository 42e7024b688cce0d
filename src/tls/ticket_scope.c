/* Where a ticket is good, and for how long.
 *
 * All endpoints share the ticket keys, and a resumed handshake shows and verifies no certificate. So the ticket carries, as
 * its session id context, a digest of what the full handshake was about: the names that the server proved, the suites that it
 * allowed (a session of TLS 1.2 goes on with its own), and what it demanded of clients. A ticket that was given under other
 * terms leads to a full handshake. That covers revocation, too: with another list of authorities it is another scope. */
#include "tickets.h"

#include "crossgate/pki/certificate.h"

#include <openssl/x509v3.h>

/* ---- where */

static bool add(EVP_MD_CTX *digest, const void *bytes, size_t length)
{
    const uint64_t size = length;
    return EVP_DigestUpdate(digest, &size, sizeof size) == 1 && EVP_DigestUpdate(digest, bytes, length) == 1;
}

static bool add_demands(EVP_MD_CTX *digest, int mode, const struct pki_files *authorities)
{
    bool worked = add(digest, &mode, sizeof mode) && add(digest, &authorities->count, sizeof authorities->count);
    for (size_t i = 0; worked && i < authorities->count; i++)
        worked = add(digest, authorities->at[i].bytes.at, authorities->at[i].bytes.len);
    return worked;
}

/* A renewed certificate has the same names. Without names in the certificate the subject stands for them. */
static bool add_names(EVP_MD_CTX *digest, X509 *leaf)
{
    int at = X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1);
    const unsigned char *subject = NULL;
    size_t length = 0;
    if (at >= 0) {
        const ASN1_OCTET_STRING *names = X509_EXTENSION_get_data(X509_get_ext(leaf, at));
        return add(digest, ASN1_STRING_get0_data(names), (size_t)ASN1_STRING_length(names));
    }
    return X509_NAME_get0_der(X509_get_subject_name(leaf), &subject, &length) == 1 && add(digest, subject, length);
}

static bool add_suites(EVP_MD_CTX *digest, const STACK_OF(SSL_CIPHER) * suites)
{
    bool worked = true;
    for (int i = 0; worked && i < sk_SSL_CIPHER_num(suites); i++) {
        const uint32_t id = SSL_CIPHER_get_id(sk_SSL_CIPHER_value(suites, i));
        worked = add(digest, &id, sizeof id);
    }
    return worked;
}

bool ticket_scope_set(SSL_CTX *context, const struct tls_server_settings *settings)
{
    unsigned char scope[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool worked = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                  add_demands(digest, SSL_CTX_get_verify_mode(context), &settings->authorities) &&
                  add_names(digest, SSL_CTX_get0_certificate(context)) &&
                  add_suites(digest, SSL_CTX_get_ciphers(context)) && EVP_DigestFinal_ex(digest, scope, &length) == 1 &&
                  SSL_CTX_set_session_id_context(context, scope, length) == 1;
    EVP_MD_CTX_free(digest);
    return worked;
}

/* ---- for how long */

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

/* Of a resumed one: as its ticket says. */
static int64_t recall_end(SSL_SESSION *session)
{
    int64_t ends = 0;
    void *noted = NULL;
    size_t length = 0;
    if (SSL_SESSION_get0_ticket_appdata(session, &noted, &length) == 1 && length == sizeof ends)
        memcpy(&ends, noted, sizeof ends);
    return ends;
}

/* Over TLS 1.3 each ticket's time begins anew; over TLS 1.2 it goes on. */
bool ticket_scope_limit(SSL *ssl)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    const int64_t begun = SSL_SESSION_get_time(session);
    const int64_t ends = SSL_session_reused(ssl) ? recall_end(session) : trust_ends(ssl, begun);
    const int64_t left = earlier(TLS_TICKET_LIFETIME, ends - begun);
    SSL_SESSION_set_timeout(session, left > 0 ? (long)left : 0);
    return SSL_SESSION_set1_ticket_appdata(session, &ends, sizeof ends) == 1;
}
