/* Contexts for the listening side. */
#include "ciphers.h"
#include "context.h"
#include "credential.h"
#include "dhparam.h"
#include "staple.h"
#include "tickets.h"
#include "trust.h"

#include <openssl/err.h>

/* RFC 7301 section 3.2: a client that offers protocols, but none of ours, is told so with no_application_protocol; one
 * that offers none speaks HTTP/1.1. */
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *length, const unsigned char *offered,
                           unsigned offered_length, void *unused)
{
    (void)ssl;
    (void)unused;
    struct span http = SPAN("http/1.1");
    struct span rest = span_of(offered, offered_length);
    while (rest.len > 0) {
        struct span name = span_head(span_tail(rest, 1), rest.at[0]);
        if (span_equal(name, http)) {
            *chosen = name.at;
            *length = (unsigned char)name.len;
            return SSL_TLSEXT_ERR_OK;
        }
        rest = span_tail(rest, 1 + (size_t)rest.at[0]);
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool demand_client_certificates(SSL_CTX *ssl, const struct pki_files *authorities, struct problems *problems)
{
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT | SSL_VERIFY_CLIENT_ONCE, NULL);
    return trust_use_files(ssl, authorities, true, problems);
}

/* All is looked at, so that all problems are reported in one go. The cipher list comes first: it may set the security
 * level that keys and groups are measured by. */
static bool configure(SSL_CTX *ssl, const struct tls_server_settings *settings, struct problems *problems)
{
    bool ciphers = ciphers_use(ssl, settings->ciphers, problems);
    bool credential =
        credential_use(ssl, &settings->key, &settings->certificate, &settings->chain, PKI_FOR_SERVER, problems);
    bool dhparam = dhparam_use(ssl, &settings->dhparam, problems);
    bool clients = !settings->authorities.given || demand_client_certificates(ssl, &settings->authorities, problems);
    if (ciphers && credential)
        ciphers_check_key(ssl, problems);
    return ciphers && credential && dhparam && clients;
}

struct tls_context *tls_server_context_new(const struct tls_server_settings *settings, struct problems *problems)
{
    struct tls_context *context = tls_context_new(TLS_SERVER, problems);
    if (!context)
        return NULL;
    context->gives_exporter = settings->channel_binding;
    SSL_CTX_set_options(context->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_alpn_select_cb(context->ssl, choose_protocol, NULL);
    staples_serve(context, context->ssl);
    if (!configure(context->ssl, settings, problems) || !tickets_use(context->ssl, settings) ||
        !context_record(context, context->ssl, settings->certificate.path)) {
        tls_context_unref(context);
        context = NULL;
    }
    ERR_clear_error();
    return context;
}
