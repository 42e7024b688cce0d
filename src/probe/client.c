#include "client.h"

#include <openssl/err.h>
#include <string.h>

/* Whoever asks for a certificate comes here, also if we have one. */
static int on_certificate_request(SSL *ssl, void *user)
{
    (void)user;
    link_of(ssl)->asked_certificate = true;
    return 1;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct link *link = link_of(ssl);
    SSL_SESSION_free(link->session);
    link->session = session;
    link->sessions++;
    return 1; /* it is ours */
}

/* A key with a passphrase must not make OpenSSL ask on the terminal. */
static int on_passphrase(char *text, int size, int writing, void *user)
{
    (void)text, (void)size, (void)writing, (void)user;
    return -1;
}

/* What the system says of a file comes before what OpenSSL makes of it. */
static bool refuse_file(struct error *error, const char *path, const char *what)
{
    unsigned long first = ERR_peek_error();
    const char *reason =
        ERR_SYSTEM_ERROR(first) ? strerror(ERR_GET_REASON(first)) : ERR_reason_error_string(ERR_peek_last_error());
    error_set(error, ERROR_INPUT, "%s: no %s can be read from it: %s", path, what, reason ? reason : "it is damaged");
    ERR_clear_error();
    return false;
}

/* All versions and suites that the library can do: refusing is for the judgement. Parameters of the system's openssl.cnf are
 * overridden by these. */
static bool configure(SSL_CTX *context)
{
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_options(context, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_RENEGOTIATION);
    /* Each record comes back to us, also those that are not for us (tickets): a flood of them meets the clock. */
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_session);
    SSL_CTX_set_cert_cb(context, on_certificate_request, NULL);
    SSL_CTX_set_default_passwd_cb(context, on_passphrase);
    return SSL_CTX_set_min_proto_version(context, TLS1_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, 0) == 1 &&
           SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0") == 1 &&
           SSL_CTX_set_tlsext_status_type(context, TLSEXT_STATUSTYPE_ocsp) == 1;
}

static bool use_certificate(SSL_CTX *context, const struct probe_settings *settings, struct error *error)
{
    const char *certificate = settings->client_certificate;
    const char *key = settings->client_key ? settings->client_key : certificate;
    if (!certificate)
        return true;
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return refuse_file(error, certificate, "client certificate");
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return refuse_file(error, key, "private key of that certificate");
    return true;
}

static bool fill_store(X509_STORE *store, const char *authorities, struct error *error)
{
    if (authorities && X509_STORE_load_file(store, authorities) != 1)
        return refuse_file(error, authorities, "certificate");
    if (!authorities && X509_STORE_set_default_paths(store) != 1)
        return refuse_file(error, X509_get_default_cert_dir(), "certificate");
    return true;
}

bool client_init(struct client *client, const struct probe_settings *settings, const char *name, struct error *error)
{
    *client = (struct client){.context = SSL_CTX_new(TLS_client_method()), .store = X509_STORE_new(), .name = name};
    if (!client->context || !client->store || !configure(client->context))
        error_set(error, ERROR_MEMORY, "TLS cannot be set up: out of memory");
    else if (fill_store(client->store, settings->authorities, error) &&
             use_certificate(client->context, settings, error))
        return true;
    client_deinit(client);
    ERR_clear_error();
    return false;
}

void client_deinit(struct client *client)
{
    SSL_CTX_free(client->context);
    X509_STORE_free(client->store);
    *client = (struct client){0};
}

static const unsigned char only_http1[] = "\x08http/1.1";
static const unsigned char both[] = "\x02h2\x08http/1.1";

/* SSL_set_tlsext_host_name casts const away, which clang minds. */
static bool set_name(SSL *ssl, const char *name)
{
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)name) == 1;
}

SSL *client_new_ssl(const struct client *client, const struct client_wish *wish)
{
    SSL *ssl = SSL_new(client->context);
    bool ready = ssl && (!client->name || set_name(ssl, client->name)) &&
                 SSL_set_max_proto_version(ssl, wish->highest) == 1 &&
                 (!wish->session || SSL_set_session(ssl, wish->session) == 1) &&
                 SSL_set_alpn_protos(ssl, wish->h2 ? both : only_http1,
                                     (unsigned)(wish->h2 ? sizeof both : sizeof only_http1) - 1) == 0;
    if (ready)
        return ssl;
    SSL_free(ssl);
    return NULL;
}
