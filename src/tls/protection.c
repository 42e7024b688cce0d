#include "protection.h"

/* TLS 1.2 with GCM: the nonce's other part, which goes along (RFC 5288 section 3). And what is encrypted beyond the content: in TLS 1.3
 * its type, and padding with it, so that 256 bytes are allowed with the tag. */
enum { EXPLICIT_NONCE = 8, INNER_TYPE = 1, EXPANSION_TLS13_MAX = 256 };

/* Sequence number, type, version, length (RFC 5246 section 6.2.3.3). */
enum { ADDITIONAL_TLS12 = 8 + RECORD_HEAD };

static bool has_explicit_nonce(const struct protection *protection)
{
    return !protection->digest && protection->seal.aead != AEAD_CHACHA20_POLY1305;
}

/* -- keys -- */

static bool use_secret(struct protection *protection, const struct derive *derive, enum aead aead)
{
    const struct span secret = span_of(protection->secret, derive->digest->size), prefix = SPAN("tls13 ");
    uint8_t key[AEAD_KEY_MAX];
    bool worked =
        derive_expand_label(derive, secret, prefix, SPAN("key"), SPAN(""), key, aead_key_length(aead)) &&
        derive_expand_label(derive, secret, prefix, SPAN("iv"), SPAN(""), protection->iv, sizeof protection->iv);
    seal_init(&protection->seal, aead, key);
    protection->sequence = 0;
    OPENSSL_cleanse(key, sizeof key);
    return worked;
}

bool protection_init_tls13(struct protection *protection, struct tls_sealer *sealer, enum aead aead,
                           const struct derive_digest *digest, const uint8_t *secret)
{
    const struct derive derive = {digest, sealer_digest(sealer)};
    *protection = (struct protection){.digest = digest};
    memcpy(protection->secret, secret, digest->size);
    return use_secret(protection, &derive, aead);
}

bool protection_renew(struct protection *protection, struct tls_sealer *sealer)
{
    const struct derive derive = {protection->digest, sealer_digest(sealer)};
    const struct span secret = span_of(protection->secret, protection->digest->size);
    const enum aead aead = (enum aead)protection->seal.aead;
    uint8_t next[SECRET_BYTES_MAX];
    bool worked = derive_expand_label(&derive, secret, SPAN("tls13 "), SPAN("traffic upd"), SPAN(""), next, secret.len);
    memcpy(protection->secret, next, secret.len);
    OPENSSL_cleanse(next, sizeof next);
    seal_wipe(&protection->seal, sealer);
    return worked && use_secret(protection, &derive, aead);
}

/* client_write_key, server_write_key, client_write_IV, server_write_IV (RFC 5246 section 6.3). */
bool protection_init_tls12(struct protection *client, struct protection *server, enum aead aead, struct span key_block)
{
    const size_t key = aead_key_length(aead);
    const size_t iv = aead == AEAD_CHACHA20_POLY1305 ? AEAD_NONCE : AEAD_NONCE - EXPLICIT_NONCE;
    const uint8_t *ivs = key_block.at + 2 * key;
    if (key_block.len != 2 * (key + iv))
        return false;
    seal_init(&client->seal, aead, key_block.at);
    seal_init(&server->seal, aead, key_block.at + key);
    memcpy(client->iv, ivs, iv);
    memcpy(server->iv, ivs + iv, iv);
    return true;
}

void protection_wipe(struct protection *protection, struct tls_sealer *sealer)
{
    seal_wipe(&protection->seal, sealer);
    OPENSSL_cleanse(protection, sizeof *protection);
}

/* -- records -- */

static void put_16(uint8_t *to, size_t number)
{
    to[0] = (uint8_t)(number >> 8);
    to[1] = (uint8_t)number;
}

static void put_64(uint8_t *to, uint64_t number)
{
    for (size_t i = 0; i < sizeof number; i++)
        to[i] = (uint8_t)(number >> (56 - 8 * i));
}

static void put_head(uint8_t *to, enum content_type type, size_t length)
{
    to[0] = (uint8_t)type;
    to[1] = to[2] = 3; /* as TLS 1.2, whatever it is (RFC 8446 section 5.1) */
    put_16(to + 3, length);
}

/* What a record has around its content, beside its head. */
static size_t overhead(const struct protection *protection)
{
    return protection->digest ? INNER_TYPE + AEAD_TAG
                              : (has_explicit_nonce(protection) ? EXPLICIT_NONCE : 0U) + AEAD_TAG;
}

size_t protection_record_length(const struct protection *protection, const uint8_t *head)
{
    size_t length = (size_t)head[3] << 8 | head[4];
    size_t most = RECORD_CONTENT_MAX + (protection->digest ? EXPANSION_TLS13_MAX : overhead(protection));
    return length <= most ? RECORD_HEAD + length : 0;
}

/* RFC 8446 section 5.3, RFC 7905 section 2; RFC 5288 section 3. Our explicit nonces are the sequence numbers; OpenSSL took a random one for Finished, which is among them
 * in one of 2^40 connections of 2^24 records. SP 800-38D section 8 asks for less than one in 2^32. */
static void make_nonce(const struct protection *protection, const uint8_t *explicit_nonce, uint8_t *nonce)
{
    memcpy(nonce, protection->iv, AEAD_NONCE);
    if (explicit_nonce) {
        memcpy(nonce + AEAD_NONCE - EXPLICIT_NONCE, explicit_nonce, EXPLICIT_NONCE);
        return;
    }
    uint8_t sequence[sizeof protection->sequence];
    put_64(sequence, protection->sequence);
    for (size_t i = 0; i < sizeof sequence; i++)
        nonce[AEAD_NONCE - sizeof sequence + i] ^= sequence[i];
}

/* The head itself in TLS 1.3; `buffer` has room for ADDITIONAL_TLS12. */
static struct span additional(const struct protection *protection, const uint8_t *head, size_t content_length,
                              uint8_t *buffer)
{
    if (protection->digest)
        return span_of(head, RECORD_HEAD);
    put_64(buffer, protection->sequence);
    memcpy(buffer + 8, head, RECORD_HEAD);
    put_16(buffer + 8 + 3, content_length);
    return span_of(buffer, ADDITIONAL_TLS12);
}

size_t protection_seal(struct protection *protection, struct tls_sealer *sealer, enum content_type type,
                       struct span content, uint8_t *to)
{
    uint8_t buffer[ADDITIONAL_TLS12], *body = to + RECORD_HEAD;
    const uint8_t inner_type = (uint8_t)type;
    size_t length = overhead(protection) + content.len;
    struct sealed what = {.from = content, .end = span_of(&inner_type, protection->digest ? INNER_TYPE : 0)};
    put_head(to, protection->digest ? CONTENT_APPLICATION_DATA : type, length);
    what.additional = additional(protection, to, content.len, buffer);
    const uint8_t *explicit_nonce = has_explicit_nonce(protection) ? body : NULL;
    if (explicit_nonce) {
        put_64(body, protection->sequence);
        body += EXPLICIT_NONCE;
    }
    make_nonce(protection, explicit_nonce, what.nonce);
    what.to = body;
    what.tag = to + RECORD_HEAD + length - AEAD_TAG;
    if (sealer_seal(sealer, &protection->seal, &what) != SEALING_DONE)
        return 0;
    protection->sequence++;
    return RECORD_HEAD + length;
}

/* What was encrypted is the content, its type, and zeros. */
static enum opening strip(struct span inner, struct content *content)
{
    size_t length = inner.len;
    while (length > 0 && inner.at[length - 1] == 0)
        length--;
    if (inner.len > RECORD_CONTENT_MAX + INNER_TYPE)
        return OPENING_OVERFLOW;
    if (length == 0)
        return OPENING_MALFORMED;
    *content = (struct content){inner.at[length - 1], span_head(inner, length - INNER_TYPE)};
    return OPENING_DONE;
}

enum opening protection_open(struct protection *protection, struct tls_sealer *sealer, struct span record, uint8_t *to,
                             struct content *content)
{
    uint8_t buffer[ADDITIONAL_TLS12];
    struct span body = span_tail(record, RECORD_HEAD);
    const uint8_t *explicit_nonce = has_explicit_nonce(protection) ? body.at : NULL;
    if (body.len < overhead(protection))
        return OPENING_BAD_MAC;
    struct span from = span_tail(body, explicit_nonce ? EXPLICIT_NONCE : 0);
    from.len -= AEAD_TAG;
    struct sealed what = {.from = from, .to = to, .tag = (uint8_t *)(uintptr_t)(from.at + from.len)};
    what.additional = additional(protection, record.at, from.len, buffer);
    make_nonce(protection, explicit_nonce, what.nonce);
    enum sealing came_to = sealer_open(sealer, &protection->seal, &what);
    if (came_to != SEALING_DONE)
        return came_to == SEALING_REFUSED ? OPENING_BAD_MAC : OPENING_FAILED;
    protection->sequence++;
    if (protection->digest)
        return strip(span_of(to, from.len), content);
    *content = (struct content){record.at[0], span_of(to, from.len)};
    return OPENING_DONE;
}
