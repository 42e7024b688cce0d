/* Authenticated encryption (RFC 5116) for the records of all connections of a loop.
 *
 * A key has 32 bytes; what OpenSSL prepares of it for use has 1.2 KB, and preparing takes half as long as sealing a short record. So
 * the prepared ones are kept for those who used theirs last, and an idle connection has nothing but its keys. */
#ifndef CROSSGATE_TLS_SEALER_H
#define CROSSGATE_TLS_SEALER_H

#include "crossgate/tls.h"

#include <openssl/evp.h>

enum aead { AEAD_AES_128_GCM, AEAD_AES_256_GCM, AEAD_CHACHA20_POLY1305, AEADS };

/* What all of them share, and the longest key; bytes. */
enum { AEAD_NONCE = 12, AEAD_TAG = 16, AEAD_KEY_MAX = 32 };

size_t aead_key_length(enum aead aead);

/* False: the library has none that its configuration would allow, as ChaCha20-Poly1305 where FIPS 140 is demanded. */
bool sealer_has(const struct tls_sealer *sealer, enum aead aead);

/* A key, for one direction: whoever seals with it does not open with it. */
struct seal {
    uint8_t key[AEAD_KEY_MAX];
    uint8_t aead;
    uint16_t place; /* where it has been prepared, unless another one is there meanwhile */
};

/* Copies the key. */
void seal_init(struct seal *seal, enum aead aead, const uint8_t *key);

/* Here, and where it has been prepared. */
void seal_wipe(struct seal *seal, struct tls_sealer *sealer);

enum sealing {
    SEALING_DONE,
    SEALING_REFUSED, /* it is not what was sealed */
    SEALING_FAILED,  /* memory is out, or OpenSSL refuses */
};

/* What is sealed or opened at once. */
struct sealed {
    uint8_t nonce[AEAD_NONCE];
    struct span additional; /* authenticated, but not in it */
    struct span from;
    struct span end; /* sealing: encrypted behind `from`; may be empty */
    uint8_t *to;     /* as long as `from` and `end` */
    uint8_t *tag;    /* written when sealing, read when opening */
};

enum sealing sealer_seal(struct tls_sealer *sealer, struct seal *seal, const struct sealed *what);

/* `to` is of no meaning unless it is done. */
enum sealing sealer_open(struct tls_sealer *sealer, struct seal *seal, const struct sealed *what);

/* What the connections of a loop share, valid within one call: room for a sealed record, for the content of one, and a state for
 * derivations (derive.h). */
enum { SEALER_RECORD = 5 + 16384 + 256 };
uint8_t *sealer_room_to_seal(struct tls_sealer *sealer);
uint8_t *sealer_room_to_open(struct tls_sealer *sealer);
EVP_MD_CTX *sealer_digest(struct tls_sealer *sealer);

#endif
