#include "secrets.h"

/* Whose handshake this thread is at: OpenSSL calls the provider with no word of it. */
static _Thread_local struct tls_secrets *listener;

void secrets_listen(struct tls_secrets *secrets)
{
    listener = secrets;
}

static bool keep(const struct derive_digest *digest, struct span derived, uint8_t *to)
{
    bool fits = derived.len == digest->size && derived.len <= SECRET_BYTES_MAX;
    if (fits)
        memcpy(to, derived.at, derived.len);
    return fits;
}

void secrets_hear_traffic(const struct derive_digest *digest, struct span label, struct span derived)
{
    struct tls_secrets *secrets = listener;
    if (!secrets)
        return;
    secrets->digest = digest;
    if (span_equal(label, SPAN("c ap traffic")))
        secrets->has_client = keep(digest, derived, secrets->client);
    else if (span_equal(label, SPAN("s ap traffic")))
        secrets->has_server = keep(digest, derived, secrets->server);
}

void secrets_hear_block(const struct derive_digest *digest, struct span label, struct span derived)
{
    struct tls_secrets *secrets = listener;
    if (!secrets || derived.len > sizeof secrets->block || !span_equal(label, SPAN("key expansion")))
        return;
    secrets->digest = digest;
    memcpy(secrets->block, derived.at, derived.len);
    secrets->block_length = derived.len;
}

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
