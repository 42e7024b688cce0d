#include "sealer.h"

#include <openssl/err.h>

#include <stdlib.h>

/* Two for each connection that is busy: 300 KB at most, which the second cache of a core has room for. */
enum { PLACES = 256 };

struct place {
    EVP_CIPHER_CTX *prepared; /* NULL: none yet */
    const struct seal *whose; /* NULL: nobody's any more */
    enum aead aead;
};

struct tls_sealer {
    EVP_CIPHER *ciphers[AEADS]; /* fetched once, since that takes longer than to use it; NULL: not to be had */
    EVP_MD_CTX *digest;
    struct place places[PLACES];
    uint16_t next; /* to be taken by who finds his key taken */
    uint8_t room_to_seal[SEALER_RECORD];
    uint8_t room_to_open[SEALER_RECORD];
};

static const struct {
    const char *name;
    size_t key;
} aeads[AEADS] = {
    [AEAD_AES_128_GCM] = {"AES-128-GCM", 16},
    [AEAD_AES_256_GCM] = {"AES-256-GCM", 32},
    [AEAD_CHACHA20_POLY1305] = {"ChaCha20-Poly1305", 32},
};

size_t aead_key_length(enum aead aead)
{
    return aeads[aead].key;
}

struct tls_sealer *tls_sealer_new(void)
{
    struct tls_sealer *sealer = calloc(1, sizeof *sealer);
    if (!sealer)
        return NULL;
    sealer->digest = EVP_MD_CTX_new();
    for (size_t i = 0; i < AEADS; i++)
        sealer->ciphers[i] = EVP_CIPHER_fetch(NULL, aeads[i].name, NULL);
    ERR_clear_error();
    if (sealer->digest)
        return sealer;
    tls_sealer_free(sealer);
    return NULL;
}

bool sealer_has(const struct tls_sealer *sealer, enum aead aead)
{
    return sealer->ciphers[aead] != NULL;
}

void tls_sealer_free(struct tls_sealer *sealer)
{
    if (!sealer)
        return;
    for (size_t i = 0; i < PLACES; i++)
        EVP_CIPHER_CTX_free(sealer->places[i].prepared);
    for (size_t i = 0; i < AEADS; i++)
        EVP_CIPHER_free(sealer->ciphers[i]);
    EVP_MD_CTX_free(sealer->digest);
    OPENSSL_cleanse(sealer->room_to_open, sizeof sealer->room_to_open);
    free(sealer);
}

uint8_t *sealer_room_to_seal(struct tls_sealer *sealer)
{
    return sealer->room_to_seal;
}

uint8_t *sealer_room_to_open(struct tls_sealer *sealer)
{
    return sealer->room_to_open;
}

EVP_MD_CTX *sealer_digest(struct tls_sealer *sealer)
{
    return sealer->digest;
}

void seal_init(struct seal *seal, enum aead aead, const uint8_t *key)
{
    *seal = (struct seal){.aead = (uint8_t)aead};
    memcpy(seal->key, key, aeads[aead].key);
}

void seal_wipe(struct seal *seal, struct tls_sealer *sealer)
{
    struct place *place = &sealer->places[seal->place];
    if (place->whose == seal) {
        EVP_CIPHER_CTX_free(place->prepared);
        *place = (struct place){0};
    }
    OPENSSL_cleanse(seal, sizeof *seal);
}

/* Whoever was there first gives way. A context of another algorithm is not used again: OpenSSL would make it anew all the same. */
static struct place *take_place(struct tls_sealer *sealer, const struct seal *seal)
{
    struct place *place = &sealer->places[sealer->next];
    sealer->next = (uint16_t)((sealer->next + 1) % PLACES);
    place->whose = NULL;
    if (place->prepared && place->aead != seal->aead) {
        EVP_CIPHER_CTX_free(place->prepared);
        place->prepared = NULL;
    }
    return place;
}

/* Prepares the key in a place, along with the nonce. */
static bool prepare(struct place *place, const EVP_CIPHER *cipher, const struct seal *seal, const uint8_t *nonce,
                    int seals)
{
    bool is_new = !place->prepared;
    if (is_new)
        place->prepared = EVP_CIPHER_CTX_new();
    place->aead = seal->aead;
    return place->prepared &&
           EVP_CipherInit_ex2(place->prepared, is_new ? cipher : NULL, seal->key, nonce, seals, NULL) == 1;
}

/* NULL: that failed. */
static EVP_CIPHER_CTX *begin(struct tls_sealer *sealer, struct seal *seal, const uint8_t *nonce, int seals)
{
    struct place *place = &sealer->places[seal->place];
    if (place->whose == seal)
        return EVP_CipherInit_ex2(place->prepared, NULL, NULL, nonce, seals, NULL) == 1 ? place->prepared : NULL;
    place = take_place(sealer, seal);
    if (!prepare(place, sealer->ciphers[seal->aead], seal, nonce, seals)) {
        EVP_CIPHER_CTX_free(place->prepared);
        place->prepared = NULL;
        return NULL;
    }
    place->whose = seal;
    seal->place = (uint16_t)(place - sealer->places);
    return place->prepared;
}

/* `to` NULL: additional data. Records are far shorter than what an int holds. */
static bool update(EVP_CIPHER_CTX *cipher, uint8_t *to, struct span from)
{
    int length;
    return from.len == 0 || EVP_CipherUpdate(cipher, to, &length, from.at, (int)from.len) == 1;
}

/* All of these are stream ciphers: what goes in comes out at once. */
static bool finish(EVP_CIPHER_CTX *cipher)
{
    uint8_t nothing[AEAD_TAG];
    int length = 0;
    return EVP_CipherFinal_ex(cipher, nothing, &length) == 1;
}

enum sealing sealer_seal(struct tls_sealer *sealer, struct seal *seal, const struct sealed *what)
{
    EVP_CIPHER_CTX *cipher = begin(sealer, seal, what->nonce, 1);
    bool worked = cipher && update(cipher, NULL, what->additional) && update(cipher, what->to, what->from) &&
                  update(cipher, what->to + what->from.len, what->end) && finish(cipher) &&
                  EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, what->tag) == 1;
    return worked ? SEALING_DONE : SEALING_FAILED;
}

enum sealing sealer_open(struct tls_sealer *sealer, struct seal *seal, const struct sealed *what)
{
    EVP_CIPHER_CTX *cipher = begin(sealer, seal, what->nonce, 0);
    bool worked = cipher && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, what->tag) == 1 &&
                  update(cipher, NULL, what->additional) && update(cipher, what->to, what->from);
    if (!worked)
        return SEALING_FAILED;
    return finish(cipher) ? SEALING_DONE : SEALING_REFUSED;
}
