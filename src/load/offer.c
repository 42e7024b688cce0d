#include "offer.h"

#include "run.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

/* With more connections than this, memory counts for more than the time to get and release a buffer. */
enum { BUFFERS_KEPT = 1000 };

/* ---- whom it trusts */

/* Who has verified a chain once need not do so ten thousand times a second; that the server holds the key is proved in each handshake. */
static int verify(X509_STORE_CTX *store, void *user)
{
    struct offer *offer = user;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    if (offer->trusted && X509_cmp(leaf, offer->trusted) == 0) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    int good = X509_verify_cert(store);
    if (good == 1 && X509_up_ref(leaf) == 1) {
        X509_free(offer->trusted);
        offer->trusted = leaf;
    }
    return good;
}

static bool set_name(X509_VERIFY_PARAM *parameters, const struct load_target *target)
{
    return target->is_address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, target->host) == 1
                              : X509_VERIFY_PARAM_set1_host(parameters, target->host, 0) == 1;
}

static bool set_trust(struct offer *offer, const struct load_settings *settings, struct error *error)
{
    SSL_CTX *context = offer->context;
    if (settings->insecure)
        return true;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, verify, offer);
    const char *file = settings->authorities;
    bool filled = file ? SSL_CTX_load_verify_file(context, file) == 1 : SSL_CTX_set_default_verify_paths(context) == 1;
    if (!filled)
        error_set(error, ERROR_INPUT, "%s: no certificate can be read from it",
                  file ? file : X509_get_default_cert_file());
    else if (!set_name(SSL_CTX_get0_param(context), offer->target))
        error_set(error, ERROR_INPUT, "%s: not a name that a certificate can hold", offer->target->host);
    else
        return true;
    return false;
}

/* ---- what it offers */

/* Names of TLS 1.3's suites begin with "TLS_"; no other's do in OpenSSL. */
static bool set_ciphers(SSL_CTX *context, const char *ciphers)
{
    if (!ciphers)
        return true;
    return strncmp(ciphers, "TLS_", 4) == 0 ? SSL_CTX_set_ciphersuites(context, ciphers) == 1
                                            : SSL_CTX_set_cipher_list(context, ciphers) == 1;
}

static bool set_offer(SSL_CTX *context, const struct load_tls *tls, struct error *error)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    if (SSL_CTX_set_min_proto_version(context, tls->version ? tls->version : TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(context, tls->version) != 1)
        error_set(error, ERROR_INPUT, "a version of TLS that OpenSSL does not speak");
    else if (!set_ciphers(context, tls->ciphers))
        error_set(error, ERROR_INPUT, "no ciphers that OpenSSL knows: %s", tls->ciphers);
    else if (tls->groups && SSL_CTX_set1_groups_list(context, (char *)(uintptr_t)tls->groups) != 1)
        error_set(error, ERROR_INPUT, "no groups that OpenSSL knows: %s", tls->groups);
    else if (SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn - 1) != 0)
        error_set(error, ERROR_MEMORY, "out of memory");
    else
        return true;
    return false;
}

/* ---- sessions */

/* Takes the session over. */
static void keep(struct offer *offer, SSL_SESSION *session)
{
    if (offer->count == OFFER_SESSIONS || !SSL_SESSION_is_resumable(session))
        SSL_SESSION_free(session);
    else
        offer->sessions[offer->count++] = session;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    keep(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)), session);
    return 1; /* it is ours */
}

/* TLS 1.3 forbids to say a ticket twice (RFC 8446, appendix C.4); in 1.2 a server need not give another. */
static bool is_for_once(const SSL_SESSION *session)
{
    return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

static bool resume(struct offer *offer, SSL *ssl)
{
    SSL_SESSION *session = offer->sessions[offer->count - 1];
    bool good = SSL_set_session(ssl, session) == 1;
    if (is_for_once(session)) {
        offer->count--;
        SSL_SESSION_free(session);
    }
    return good;
}

/* What could not be resumed for lack of a session is made up for, within bounds. */
static bool resume_if_owed(struct offer *offer, SSL *ssl)
{
    offer->owed += offer->percent;
    if (offer->owed < 100)
        return true;
    if (offer->count == 0) {
        offer->owed = offer->owed > 100 * OFFER_SESSIONS ? 100 * OFFER_SESSIONS : offer->owed;
        return true;
    }
    offer->owed -= 100;
    return resume(offer, ssl);
}

/* ---- */

static void configure(struct offer *offer, unsigned connections)
{
    SSL_CTX *context = offer->context;
    SSL_CTX_set_app_data(context, offer);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, RUN_BYTES);
    if (connections > BUFFERS_KEPT)
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (!offer_resumes(offer))
        return;
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_session);
}

bool offer_init(struct offer *offer, const struct load_settings *settings, const struct load_tls *tls,
                struct error *error)
{
    *offer = (struct offer){.target = &settings->target, .percent = tls->resumed};
    offer->context = SSL_CTX_new(TLS_client_method());
    if (!offer->context) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return false;
    }
    configure(offer, settings->connections);
    bool good = set_offer(offer->context, tls, error) && set_trust(offer, settings, error);
    if (!good)
        offer_deinit(offer);
    ERR_clear_error();
    return good;
}

void offer_deinit(struct offer *offer)
{
    while (offer->count > 0)
        SSL_SESSION_free(offer->sessions[--offer->count]);
    X509_free(offer->trusted);
    SSL_CTX_free(offer->context);
    *offer = (struct offer){0};
}

SSL *offer_connection(struct offer *offer)
{
    SSL *ssl = SSL_new(offer->context);
    if (!ssl)
        return NULL;
    SSL_set_connect_state(ssl);
    char *name = (char *)(uintptr_t)offer->target->host;
    bool named = offer->target->is_address || SSL_set_tlsext_host_name(ssl, name) == 1;
    if (named && resume_if_owed(offer, ssl))
        return ssl;
    SSL_free(ssl);
    return NULL;
}
