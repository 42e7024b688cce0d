#include "hand.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

const struct suite suites[SUITES] = {
    {"TLS_AES_128_GCM_SHA256", TLS1_3_VERSION, AEAD_AES_128_GCM, 0},
    {"TLS_AES_256_GCM_SHA384", TLS1_3_VERSION, AEAD_AES_256_GCM, 0},
    {"TLS_CHACHA20_POLY1305_SHA256", TLS1_3_VERSION, AEAD_CHACHA20_POLY1305, 0},
    {"ECDHE-RSA-AES128-GCM-SHA256", TLS1_2_VERSION, AEAD_AES_128_GCM, 0},
    {"ECDHE-RSA-AES256-GCM-SHA384", TLS1_2_VERSION, AEAD_AES_256_GCM, 0},
    {"ECDHE-RSA-CHACHA20-POLY1305", TLS1_2_VERSION, AEAD_CHACHA20_POLY1305, 0},
};

/* -- keys -- */

static OSSL_PARAM octets(const char *name, uint8_t *bytes, size_t length)
{
    return OSSL_PARAM_construct_octet_string(name, bytes, length);
}

/* RFC 5246 section 6.3, by OpenSSL's own derivation. */
static void derive_key_block(const SSL *ssl, const EVP_MD *digest, uint8_t *block, size_t length)
{
    uint8_t master[SSL_MAX_MASTER_KEY_LENGTH], client[SSL3_RANDOM_SIZE], server[SSL3_RANDOM_SIZE];
    char label[] = "key expansion";
    size_t master_length = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof master);
    SSL_get_client_random(ssl, client, sizeof client);
    SSL_get_server_random(ssl, server, sizeof server);
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)EVP_MD_get0_name(digest), 0),
        octets(OSSL_KDF_PARAM_SECRET, master, master_length),
        octets(OSSL_KDF_PARAM_SEED, (uint8_t *)label, sizeof label - 1),
        octets(OSSL_KDF_PARAM_SEED, server, sizeof server),
        octets(OSSL_KDF_PARAM_SEED, client, sizeof client),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *algorithm = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_PRF, "provider=default");
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(algorithm);
    assert_int_equal(EVP_KDF_derive(context, block, length, parameters), 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(algorithm);
}

/* RFC 5288 section 3, RFC 7905 section 2: keys of the AEAD, and 4 or 12 bytes of its nonce, for both. */
static void take_keys_of_tls12(struct hand *hand, struct protection *client, struct protection *server, enum aead aead)
{
    static const size_t lengths[AEADS] = {2 * (16 + 4), 2 * (32 + 4), 2 * (32 + 12)};
    uint8_t block[2 * (32 + 12)];
    derive_key_block(hand->guest.ssl, hand->digest.algorithm, block, lengths[aead]);
    assert_true(protection_init_tls12(client, server, aead, span_of(block, lengths[aead])));
    client->sequence = server->sequence = 1; /* behind Finished */
}

void hand_take_keys(struct hand *hand, enum tls_role ours, const struct suite *suite)
{
    const bool is_client = ours == TLS_SERVER;
    const EVP_MD *digest = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(hand->guest.ssl));
    struct protection *client = is_client ? &hand->out : &hand->in, *server = is_client ? &hand->in : &hand->out;
    hand->digest =
        (struct derive_digest){digest, (size_t)EVP_MD_get_size(digest), (size_t)EVP_MD_get_block_size(digest)};
    if (suite->version == TLS1_2_VERSION)
        take_keys_of_tls12(hand, client, server, suite->aead);
    else
        assert_true(protection_init_tls13(client, hand->sealer, suite->aead, &hand->digest, hand->guest.secrets[0]) &&
                    protection_init_tls13(server, hand->sealer, suite->aead, &hand->digest, hand->guest.secrets[1]));
}

/* -- beginning and end -- */

static void choose(SSL *ssl, const struct suite *suite)
{
    if (suite->version == TLS1_2_VERSION)
        assert_int_equal(SSL_set_cipher_list(ssl, suite->name), 1);
    else
        assert_int_equal(SSL_set_ciphersuites(ssl, suite->name), 1);
    assert_int_equal(SSL_set_tlsext_max_fragment_length(ssl, suite->fragment), 1);
}

void hand_begin(struct hand *hand, enum tls_role ours, const struct suite *suite)
{
    const struct tls_client_settings client = client_settings();
    *hand = (struct hand){.sealer = tls_sealer_new()};
    assert_non_null(hand->sealer);
    hand->ours = ours == TLS_SERVER ? make_rsa_server() : make_client(&client);
    if (ours == TLS_SERVER)
        guest_join(&hand->guest, hand->ours, suite->version, NULL);
    else
        guest_serve(&hand->guest, hand->ours, suite->version);
    choose(hand->guest.ssl, suite);
}

void hand_open(struct hand *hand, enum tls_role ours, const struct suite *suite)
{
    hand_begin(hand, ours, suite);
    guest_talk(&hand->guest, 4);
    assert_int_equal(SSL_is_init_finished(hand->guest.ssl), 1);
    assert_string_equal(SSL_get_cipher_name(hand->guest.ssl), suite->name);
    assert_int_equal(hand->guest.user->opened, 1);
    hand_take_keys(hand, ours, suite);
}

void hand_leave(struct hand *hand)
{
    guest_leave(&hand->guest);
    protection_wipe(&hand->in, hand->sealer);
    protection_wipe(&hand->out, hand->sealer);
    tls_sealer_free(hand->sealer);
    tls_context_unref(hand->ours);
}

/* -- saying -- */

struct span hand_make(struct hand *hand, int type, struct span content)
{
    size_t length = protection_seal(&hand->out, hand->sealer, (enum content_type)type, content, hand->record);
    assert_true(length > 0);
    return span_of(hand->record, length);
}

/* The last zero stands where a type does, behind which there is no padding. */
struct span hand_make_padded(struct hand *hand, int type, struct span content, size_t zeros)
{
    static uint8_t inner[1 << 16];
    assert_true(zeros > 0 && content.len + zeros <= sizeof inner);
    memset(inner, 0, sizeof inner);
    memcpy(inner, content.at, content.len);
    inner[content.len] = (uint8_t)type;
    return hand_make(hand, 0, span_of(inner, content.len + zeros));
}

void hand_send(struct hand *hand, struct span bytes)
{
    wire_append(&hand->guest.ours->in, &hand->guest.ours->in_length, bytes);
}

void hand_say(struct hand *hand, int type, struct span content)
{
    hand_send(hand, hand_make(hand, type, content));
}

void hand_update(struct hand *hand, uint8_t request)
{
    const uint8_t message[] = {24, 0, 0, 1, request};
    hand_say(hand, CONTENT_HANDSHAKE, span_of(message, sizeof message));
    assert_true(protection_renew(&hand->out, hand->sealer));
}

/* -- hearing -- */

static struct span unheard(const struct hand *hand)
{
    const struct user *overheard = hand->guest.overheard;
    return span_tail(span_of(overheard->got, overheard->got_length), hand->heard);
}

void hand_expect(struct hand *hand, int type, struct span content)
{
    static uint8_t opened[SEALER_RECORD];
    struct content got;
    struct span bytes = unheard(hand);
    assert_true(bytes.len >= RECORD_HEAD);
    size_t length = protection_record_length(&hand->in, bytes.at);
    assert_true(length > 0 && length <= bytes.len);
    assert_int_equal(protection_open(&hand->in, hand->sealer, span_head(bytes, length), opened, &got), OPENING_DONE);
    assert_int_equal(got.type, type);
    assert_int_equal(got.bytes.len, content.len);
    assert_memory_equal(got.bytes.at, content.at, content.len);
    hand->heard += length;
}

void hand_expect_nothing(struct hand *hand)
{
    assert_int_equal(unheard(hand).len, 0);
}

void hand_expect_update(struct hand *hand)
{
    hand_expect(hand, CONTENT_HANDSHAKE, SPAN("\x18\0\0\x01\0"));
    assert_true(protection_renew(&hand->in, hand->sealer));
}

void hand_expect_refusal(struct hand *hand, uint8_t alert, const char *detail)
{
    const uint8_t bytes[] = {2, alert};
    const struct user *user = hand->guest.user;
    hand_expect(hand, CONTENT_ALERT, span_of(bytes, sizeof bytes));
    hand_expect_nothing(hand);
    assert_int_equal(user->ends, 1);
    assert_int_equal(user->why, user == &world.server ? ENDING_TLS_BROKEN : ENDING_BACKEND_TLS);
    assert_string_equal(user->detail, detail);
    assert_false(hand->guest.ours->aborted);
}
