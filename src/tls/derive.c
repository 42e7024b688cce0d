#include "derive.h"

#include <openssl/crypto.h>

/* HKDF-Expand ends with a counter of one byte (RFC 5869 section 2.3). */
enum { BLOCKS_MAX = 255 };

static bool digest_of(const struct derive *derive, struct span first, const struct span *others, size_t count,
                      uint8_t *to)
{
    EVP_MD_CTX *state = derive->state;
    bool worked = EVP_DigestInit_ex2(state, derive->digest->algorithm, NULL) == 1 &&
                  EVP_DigestUpdate(state, first.at, first.len) == 1;
    for (size_t i = 0; worked && i < count; i++)
        worked = EVP_DigestUpdate(state, others[i].at, others[i].len) == 1;
    return worked && EVP_DigestFinal_ex(state, to, NULL) == 1;
}

static void pad(uint8_t *block, size_t size, uint8_t with)
{
    for (size_t i = 0; i < size; i++)
        block[i] ^= with;
}

/* RFC 2104 section 2. `to` may be one of the parts: it is written when all have been read. */
static bool hmac(const struct derive *derive, struct span key, const struct span *parts, size_t count, uint8_t *to)
{
    enum { INNER = 0x36, OUTER = 0x5c };
    const struct derive_digest *digest = derive->digest;
    uint8_t block[DERIVE_BLOCK_MAX] = {0};
    bool worked = true;
    if (key.len > digest->block)
        worked = digest_of(derive, key, NULL, 0, block);
    else if (key.len > 0)
        memcpy(block, key.at, key.len);
    pad(block, digest->block, INNER);
    worked = worked && digest_of(derive, span_of(block, digest->block), parts, count, to);
    pad(block, digest->block, INNER ^ OUTER);
    const struct span inner = span_of(to, digest->size);
    worked = worked && digest_of(derive, span_of(block, digest->block), &inner, 1, to);
    OPENSSL_cleanse(block, sizeof block);
    return worked;
}

bool derive_extract(const struct derive *derive, struct span salt, struct span secret, uint8_t *to)
{
    return hmac(derive, salt, &secret, 1, to);
}

/* The last piece is cut. */
static size_t copy_piece(const struct derive *derive, const uint8_t *piece, uint8_t *to, size_t left)
{
    size_t length = left < derive->digest->size ? left : derive->digest->size;
    memcpy(to, piece, length);
    return length;
}

bool derive_expand_label(const struct derive *derive, struct span secret, struct span prefix, struct span label,
                         struct span context, uint8_t *to, size_t length)
{
    uint8_t piece[EVP_MAX_MD_SIZE], counter = 1;
    if (prefix.len > UINT8_MAX || label.len > UINT8_MAX - prefix.len || context.len > UINT8_MAX ||
        length > BLOCKS_MAX * derive->digest->size)
        return false;
    const uint8_t head[] = {(uint8_t)(length >> 8), (uint8_t)length, (uint8_t)(prefix.len + label.len)};
    const uint8_t context_length = (uint8_t)context.len;
    const struct span parts[] = {span_of(piece, derive->digest->size),
                                 span_of(head, sizeof head),
                                 prefix,
                                 label,
                                 span_of(&context_length, 1),
                                 context,
                                 span_of(&counter, 1)};
    enum { PARTS = sizeof parts / sizeof parts[0] };
    bool worked = true;
    for (size_t done = 0; worked && done < length; counter++) {
        size_t first = done == 0; /* nothing is before the first piece */
        worked = hmac(derive, secret, parts + first, PARTS - first, piece);
        if (worked)
            done += copy_piece(derive, piece, to + done, length - done);
    }
    OPENSSL_cleanse(piece, sizeof piece);
    return worked;
}

bool derive_prf(const struct derive *derive, struct span secret, const struct span *seeds, size_t count, uint8_t *to,
                size_t length)
{
    uint8_t chain[EVP_MAX_MD_SIZE], piece[EVP_MAX_MD_SIZE];
    struct span parts[1 + DERIVE_SEEDS_MAX] = {span_of(chain, derive->digest->size)};
    if (count > DERIVE_SEEDS_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        parts[1 + i] = seeds[i];
    bool worked = hmac(derive, secret, seeds, count, chain);
    for (size_t done = 0; worked && done < length;) {
        worked = hmac(derive, secret, parts, 1 + count, piece);
        if (worked)
            done += copy_piece(derive, piece, to + done, length - done);
        if (worked && done < length)
            worked = hmac(derive, secret, parts, 1, chain);
    }
    OPENSSL_cleanse(chain, sizeof chain);
    OPENSSL_cleanse(piece, sizeof piece);
    return worked;
}
