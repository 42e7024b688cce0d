#include "error.h"

#include <openssl/err.h>

void tls_outcome_prepare(void)
{
    ERR_clear_error();
}

/* The oldest error is what the others come of. */
static bool lacks_memory(void)
{
    return ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
}

static enum ending server_ending(int reason, bool opened)
{
    switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return ENDING_PLAIN_ON_TLS_PORT;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        return ENDING_CLIENT_CERTIFICATE;
    default:
        return opened ? ENDING_TLS_BROKEN : ENDING_HANDSHAKE_FAILED;
    }
}

/* The texts are tables of the library, and live as long as the process. */
static const char *detail_of(const SSL *ssl, unsigned long code)
{
    if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return X509_verify_cert_error_string(SSL_get_verify_result(ssl));
    return ERR_reason_error_string(code);
}

static void describe(const SSL *ssl, enum tls_role role, bool opened, struct tls_fault *fault)
{
    unsigned long code = ERR_peek_last_error();
    int reason = ERR_GET_REASON(code);
    fault->detail = detail_of(ssl, code);
    fault->why = lacks_memory() ? ENDING_MEMORY : server_ending(reason, opened);
    if (fault->why == ENDING_PLAIN_ON_TLS_PORT)
        fault->detail = NULL;
    if (role == TLS_CLIENT && fault->why != ENDING_MEMORY)
        fault->why = ENDING_BACKEND_TLS;
}

/* The BIO's last word: it is said anew by each call that gets that far, and OpenSSL does nothing after a no. */
static bool lacks_bytes(const SSL *ssl)
{
    return BIO_should_read(SSL_get_rbio(ssl));
}

enum tls_outcome tls_outcome_of(const SSL *ssl, int result, enum tls_role role, bool opened, struct tls_fault *fault)
{
    if (result <= 0 && opened && lacks_bytes(ssl))
        return TLS_NEEDS_BYTES;
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_NEEDS_BYTES;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    case SSL_ERROR_WANT_CLIENT_HELLO_CB:
        return TLS_SUSPENDED;
    default:
        describe(ssl, role, opened, fault);
        ERR_clear_error();
        return TLS_FAILED;
    }
}
