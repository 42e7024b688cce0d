/* The key derivation of TLS, over digests of OpenSSL's that are fetched once.
 *
 * Whatever is derived is wiped where it is not the result. All functions return false if OpenSSL fails, or if a length is beyond what
 * the RFC can say; what is in `to` is then of no meaning. */
#ifndef CROSSGATE_TLS_DERIVE_H
#define CROSSGATE_TLS_DERIVE_H

#include "crossgate/base/span.h"

#include <openssl/evp.h>

/* A digest that suites of TLS name; lengths in bytes. */
struct derive_digest {
    const EVP_MD *algorithm;
    size_t size;
    size_t block; /* up to DERIVE_BLOCK_MAX */
};

/* Of SHA-384 (FIPS 180-4 section 5.2.2). */
enum { DERIVE_BLOCK_MAX = 128 };

/* One derivation: the digest, and a state for it to work in, which need not be new. */
struct derive {
    const struct derive_digest *digest;
    EVP_MD_CTX *state;
};

/* Seeds of one derivation; TLS has no more than a label and two pairs of random bytes. */
enum { DERIVE_SEEDS_MAX = 5 };

/* HKDF-Extract (RFC 5869 section 2.2). No salt is as good as one of zeros. `to` has room for the digest. */
bool derive_extract(const struct derive *derive, struct span salt, struct span secret, uint8_t *to);

/* HKDF-Expand-Label (RFC 8446 section 7.1); prefix and label are one behind the other. */
bool derive_expand_label(const struct derive *derive, struct span secret, struct span prefix, struct span label,
                         struct span context, uint8_t *to, size_t length);

/* The PRF of TLS 1.2 (RFC 5246 section 5) with the label as the first seed. */
bool derive_prf(const struct derive *derive, struct span secret, const struct span *seeds, size_t count, uint8_t *to,
                size_t length);

#endif
