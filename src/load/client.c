#include "client.h"

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
    struct client *client = user;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    if (client->trusted && X509_cmp(leaf, client->trusted) == 0) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    int good = X509_verify_cert(store);
    if (good == 1 && X509_up_ref(leaf) == 1) {
        X509_free(client->trusted);
        client->trusted = leaf;
    }
    return good;
}

static bool set_name(X509_VERIFY_PARAM *parameters, const struct load_target *target)
{
    return target->is_address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, target->host) == 1
                              : X509_VERIFY_PARAM_set1_host(parameters, target->host, 0) == 1;
}

static bool set_trust(struct client *client, const struct load_settings *settings, struct error *error)
{
    SSL_CTX *context = client->context;
    if (settings->insecure)
        return true;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, verify, client);
    const char *file = settings->authorities;
    bool filled = file ? SSL_CTX_load_verify_file(context, file) == 1 : SSL_CTX_set_default_verify_paths(context) == 1;
    if (!filled)
        error_set(error, ERROR_INPUT, "%s: no certificate can be read from it",
                  file ? file : X509_get_default_cert_file());
    else if (!set_name(SSL_CTX_get0_param(context), client->target))
        error_set(error, ERROR_INPUT, "%s: not a name that a certificate can hold", client->target->host);
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
    else if (tls->groups && SSL_CTX_set1_groups_list(context, tls->groups) != 1)
        error_set(error, ERROR_INPUT, "no groups that OpenSSL knows: %s", tls->groups);
    else if (SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn - 1) != 0)
        error_set(error, ERROR_MEMORY, "out of memory");
    else
        return true;
    return false;
}

/* ---- sessions */

/* For who waits for it, too. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    *(bool *)SSL_get_app_data(ssl) = true;
    client_keep(client, session);
    return 1; /* it is ours */
}

void client_keep(struct client *client, SSL_SESSION *session)
{
    if (client->count == CLIENT_SESSIONS || !SSL_SESSION_is_resumable(session))
        SSL_SESSION_free(session);
    else
        client->sessions[client->count++] = session;
}

/* TLS 1.3 forbids to say a ticket twice (RFC 8446, appendix C.4); in 1.2 a server need not give another. */
static bool is_for_once(const SSL_SESSION *session)
{
    return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

static bool resume(struct client *client, SSL *ssl)
{
    SSL_SESSION *session = client->sessions[client->count - 1];
    bool good = SSL_set_session(ssl, session) == 1;
    if (is_for_once(session)) {
        client->count--;
        SSL_SESSION_free(session);
    }
    return good;
}

/* What could not be resumed for lack of a session is made up for, within bounds. */
static bool resume_if_owed(struct client *client, SSL *ssl)
{
    client->owed += client->percent;
    if (client->owed < 100)
        return true;
    if (client->count == 0) {
        client->owed = client->owed > 100 * CLIENT_SESSIONS ? 100 * CLIENT_SESSIONS : client->owed;
        return true;
    }
    client->owed -= 100;
    return resume(client, ssl);
}

/* ---- */

static void configure(struct client *client, unsigned connections)
{
    SSL_CTX *context = client->context;
    SSL_CTX_set_app_data(context, client);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, RUN_BYTES);
    if (connections > BUFFERS_KEPT)
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (!client_resumes(client))
        return;
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_session);
}

bool client_init(struct client *client, const struct load_settings *settings, const struct load_tls *tls,
                 struct error *error)
{
    *client = (struct client){.target = &settings->target, .percent = tls->resumed};
    client->context = SSL_CTX_new(TLS_client_method());
    if (!client->context) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return false;
    }
    configure(client, settings->connections);
    bool good = set_offer(client->context, tls, error) && set_trust(client, settings, error);
    if (!good)
        client_deinit(client);
    ERR_clear_error();
    return good;
}

void client_deinit(struct client *client)
{
    while (client->count > 0)
        SSL_SESSION_free(client->sessions[--client->count]);
    X509_free(client->trusted);
    SSL_CTX_free(client->context);
    *client = (struct client){0};
}

SSL *client_connection(struct client *client, bool *left_session)
{
    SSL *ssl = SSL_new(client->context);
    if (!ssl)
        return NULL;
    SSL_set_connect_state(ssl);
    SSL_set_app_data(ssl, left_session);
    *left_session = false;
    bool named = client->target->is_address || SSL_set_tlsext_host_name(ssl, client->target->host) == 1;
    if (named && resume_if_owed(client, ssl))
        return ssl;
    SSL_free(ssl);
    return NULL;
}
