#include "context.h"

#include "bio.h"
#include "offer.h"
#include "provider.h"
#include "staple.h"

#include "crossgate/pki/report.h"

#include <openssl/err.h>

#include <stdlib.h>

static void context_free(struct counted *counted)
{
    struct tls_context *context = CONTAINER_OF(counted, struct tls_context, counted);
    SSL_CTX_free(context->ssl);
    BIO_meth_free(context->pipe);
    context_forget_records(context);
    staples_free(context);
    names_free(context->names);
    arena_free(context->arena);
    for (size_t i = 0; i < context->credential_count; i++)
        credential_free(context->credentials[i]);
    free(context->credentials);
    policies_free(context->policies);
    free(context->sni);
    free(context);
}

void tls_context_ref(struct tls_context *context)
{
    counted_ref(&context->counted);
}

void tls_context_unref(struct tls_context *context)
{
    if (context)
        counted_unref(&context->counted);
}

/* An idle connection holds no buffer of OpenSSL's (RELEASE_BUFFERS), which reads nothing that is not its own (no read-ahead). The sent chain is what chain.c made, never completed from the trust store (NO_AUTO_CHAIN). */
static bool set_common(SSL_CTX *ssl)
{
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify_depth(ssl, 9);
    return offer_use_standard(ssl);
}

struct tls_context *tls_context_new(enum tls_role role, struct problems *problems)
{
    struct pki_place place = {problems, NULL, PROBLEM_WHOLE, NULL};
    struct tls_context *context = calloc(1, sizeof *context);
    if (!context) {
        pki_report(&place, PROBLEM_ERROR, NULL, "out of memory");
        return NULL;
    }
    counted_init(&context->counted, context_free);
    context->role = role;
    context->pipe = pipe_method_new();
    context->ssl =
        SSL_CTX_new_ex(NULL, PROVIDER_PREFERRED, role == TLS_SERVER ? TLS_server_method() : TLS_client_method());
    if (!context->pipe || !context->ssl || !set_common(context->ssl)) {
        pki_report_library(&place, "a TLS context cannot be made");
        tls_context_unref(context);
        return NULL;
    }
    ERR_clear_error();
    return context;
}

const char *tls_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
