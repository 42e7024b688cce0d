/* What the keys of an open connection come of.
 *
 * OpenSSL tells nobody but its key log, which is text for a debugger; so provider.c hands a copy out while it derives them. */
#ifndef CROSSGATE_TLS_SECRETS_H
#define CROSSGATE_TLS_SECRETS_H

#include "derive.h"

#include <openssl/ssl.h>

/* Of SHA-384; and of two keys of 32 bytes with what of a nonce is fixed, 12 at most. */
enum { SECRET_BYTES_MAX = 48, KEY_BLOCK_MAX = 2 * (32 + 12) };

/* Of one handshake. Wiped by whoever has it when it is not needed any more. */
struct tls_secrets {
    const struct derive_digest *digest; /* of the suite, as long as the process; NULL: nothing has been heard */
    uint8_t client[SECRET_BYTES_MAX];   /* client_application_traffic_secret_0 (RFC 8446 section 7.1) */
    uint8_t server[SECRET_BYTES_MAX];   /* server_application_traffic_secret_0 */
    uint8_t block[KEY_BLOCK_MAX];       /* key_block (RFC 5246 section 6.3) */
    size_t block_length;                /* as much of it as OpenSSL asked for */
    bool has_client, has_server;
    uint64_t received, sent; /* TLS 1.2: records that its keys have protected already, of Finished */
};

/* What this thread derives from now on is written there, too; NULL: nowhere. Nothing is heard where OpenSSL derives by itself
 * (provider.h). */
void secrets_listen(struct tls_secrets *secrets);

/* The provider's, of each derivation: what TLS 1.3 expands under that label, and what the PRF of TLS 1.2 makes of it. Others than those of
 * application data are not kept. */
void secrets_hear_traffic(const struct derive_digest *digest, struct span label, struct span derived);
void secrets_hear_block(const struct derive_digest *digest, struct span label, struct span derived);

/* Has records counted there, as long as the callback for messages stays this one. */
void secrets_count(struct tls_secrets *secrets, SSL *ssl);

#endif
