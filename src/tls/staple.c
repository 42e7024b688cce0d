#include "staple.h"

#include <stdlib.h>
#include <time.h>

struct staple {
    X509 *certificate;
    uint8_t *response;
    int length;
    int64_t ends; /* s since 1970 */
};

/* The certificate has been chosen, and is the one that SSL_get_certificate tells: of those that a context has for one name (RSA and
 * ECDSA) each has its own response. */
static const struct staple *find(const struct tls_context *context, const X509 *certificate)
{
    for (size_t i = 0; certificate && i < context->staple_count; i++)
        if (X509_cmp(context->staples[i].certificate, certificate) == 0)
            return &context->staples[i];
    return NULL;
}

/* Called for clients that ask only. One that has ended is worse than none: clients refuse it. OpenSSL takes the bytes over. */
static int on_status_request(SSL *ssl, void *user)
{
    const struct staple *staple = find(user, SSL_get_certificate(ssl));
    if (!staple || (int64_t)time(NULL) >= staple->ends)
        return SSL_TLSEXT_ERR_NOACK;
    unsigned char *copy = OPENSSL_memdup(staple->response, (size_t)staple->length);
    if (!copy)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, staple->length);
    return SSL_TLSEXT_ERR_OK;
}

void staples_serve(struct tls_context *context, SSL_CTX *ssl)
{
    SSL_CTX_set_tlsext_status_cb(ssl, on_status_request);
    SSL_CTX_set_tlsext_status_arg(ssl, context);
}

void staple_drop(SSL *ssl)
{
    SSL_set_tlsext_status_ocsp_resp(ssl, NULL, 0);
}

static void staple_deinit(struct staple *staple)
{
    X509_free(staple->certificate);
    free(staple->response);
}

void staples_free(struct tls_context *context)
{
    for (size_t i = 0; i < context->staple_count; i++)
        staple_deinit(&context->staples[i]);
    free(context->staples);
}

static bool fill(struct staple *staple, struct span leaf, struct span response)
{
    const unsigned char *at = leaf.at;
    staple->certificate = d2i_X509(NULL, &at, (long)leaf.len);
    staple->response = malloc(response.len);
    staple->length = (int)response.len;
    if (staple->response)
        memcpy(staple->response, response.at, response.len);
    return staple->certificate && staple->response;
}

bool tls_context_staple(struct tls_context *context, size_t certificate, struct span response, int64_t ends)
{
    struct staple staple = {.ends = ends};
    struct staple *staples = realloc(context->staples, (context->staple_count + 1) * sizeof *staples);
    if (!staples)
        return false;
    context->staples = staples;
    if (!fill(&staple, context->certificates[certificate].leaf, response)) {
        staple_deinit(&staple);
        return false;
    }
    staples[context->staple_count++] = staple;
    return true;
}
