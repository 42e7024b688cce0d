#include "secrets.h"

/* ChangeCipherSpec is the last record that the keys do not protect (RFC 5246 section 7.1). In most handshakes one follows, but a message may
 * be cut over several. */
static void on_message(int sent, int version, int type, const void *bytes, size_t length, SSL *ssl, void *user)
{
    struct tls_secrets *secrets = user;
    uint64_t *count = sent ? &secrets->sent : &secrets->received;
    (void)version;
    (void)ssl;
    if (type == SSL3_RT_HEADER && length > 0)
        *count = *(const uint8_t *)bytes == SSL3_RT_CHANGE_CIPHER_SPEC ? 0 : *count + 1;
}

void secrets_count(struct tls_secrets *secrets, SSL *ssl)
{
    SSL_set_msg_callback(ssl, on_message);
    SSL_set_msg_callback_arg(ssl, secrets);
}
