#include "weight.h"

#include "crossgate/base/span.h"

#include <openssl/ssl.h>

#include <string.h>

/* Measured with OpenSSL 3.0, one core, ms: a signature with P-256 0.014, RSA 2048 0.20, P-384 0.5, RSA 3072 1.3, RSA 4096 3.0; a key
 * exchange (exchange.c) over P-256 0.04, X25519 0.05, P-384 1.0, ffdhe2048 0.4, another group of 4096 bits 2.4. */
/* RSA 2048 counts as light: on the thread a handshake with it costs a seventh more. */
enum { LIGHT_RSA_BITS = 2048, LIGHT_EC_BITS = 256 };

static bool is_heavy_key(const struct credential *credential)
{
    int bits = EVP_PKEY_get_bits(credential->key);
    switch (credential->kind) {
    case KEY_RSA:
    case KEY_RSA_PSS:
        return bits > LIGHT_RSA_BITS;
    case KEY_EC:
        return bits > LIGHT_EC_BITS;
    case KEY_ED25519:
        return false;
    case KEY_ED448:
    case KEY_KINDS:
        break;
    }
    return true;
}

/* Which of its keys is used, and which keys the client's chain has, is the client's to choose. */
static bool is_heavy_choice(const struct choice *choice)
{
    bool heavy = choice->policy->wanted != TLS_CLIENTS_NONE;
    for (enum key_kind kind = KEY_RSA; kind < KEY_KINDS; kind++)
        heavy |= choice->credentials[kind] && is_heavy_key(choice->credentials[kind]);
    return heavy;
}

/* RSA of 2048 bits takes most of those 0.3 ms, all other light ones a third of them. */
bool weight_is_medium(const struct choice *choice)
{
    return choice->credentials[KEY_RSA] || choice->credentials[KEY_RSA_PSS];
}

static unsigned uint16_at(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* The body of an extension; empty if there is none. */
static struct span extension(SSL *ssl, unsigned type)
{
    const unsigned char *at = NULL;
    size_t length = 0;
    return SSL_client_hello_get0_ext(ssl, type, &at, &length) == 1 ? span_of(at, length) : SPAN("");
}

/* Whether the list of 16-bit numbers has that one. */
static bool has(struct span list, unsigned number)
{
    for (size_t i = 0; i + 1 < list.len; i += 2) {
        if (uint16_at(list.at + i) == number)
            return true;
    }
    return false;
}

static bool can_tls13(SSL *ssl)
{
    struct span versions = extension(ssl, TLSEXT_TYPE_supported_versions);
    long newest = SSL_get_max_proto_version(ssl);
    return has(span_tail(versions, 1), TLS1_3_VERSION) && (newest == 0 || newest >= TLS1_3_VERSION);
}

/* -- groups -- */

/* Numbers of IANA. */
enum {
    P256 = 0x0017,
    P384 = 0x0018,
    P521 = 0x0019,
    X25519 = 0x001d,
    X448 = 0x001e,
    FFDHE_FIRST = 0x0100,
    FFDHE_LAST = 0x01ff,
    P384_HYBRID = 0x11ed
};

static bool is_heavy_group(unsigned group)
{
    return group == P384 || group == P521 || group == X448 || group == P384_HYBRID ||
           (group >= FFDHE_FIRST && group <= FFDHE_LAST);
}

static bool is_light_group(unsigned group, const struct light_groups *ours)
{
    return (group == P256 && ours->p256) || (group == X25519 && ours->x25519);
}

/* Those behind a heavy one do not keep a client from that. Hybrids of light ones need no mention: whoever passes over them is right
 * also where the library has none. */
struct light_groups weight_light_groups(const struct tls_words *groups)
{
    struct light_groups light = {.p256 = !groups->given, .x25519 = !groups->given};
    for (size_t i = 0; i < groups->count; i++) {
        const char *word = groups->at[i];
        if (strcmp(word, "X25519") == 0)
            light.x25519 = true;
        else if (strcmp(word, "P-256") == 0 || strcmp(word, "secp256r1") == 0 || strcmp(word, "prime256v1") == 0)
            light.p256 = true;
        else if (strcmp(word, "X25519MLKEM768") != 0 && strcmp(word, "SecP256r1MLKEM768") != 0)
            break;
    }
    return light;
}

/* The share that is used is the first one of a group of ours. Without any a retry is asked for, which costs nothing. */
static bool has_heavy_share(struct span shares, const struct light_groups *ours)
{
    shares = span_tail(shares, 2);
    while (shares.len >= 4) {
        unsigned group = uint16_at(shares.at);
        if (is_light_group(group, ours))
            return false;
        if (is_heavy_group(group))
            return true;
        shares = span_tail(shares, 4 + uint16_at(shares.at + 2));
    }
    return false;
}

/* Before TLS 1.3, for ECDHE: the order of groups is ours. */
static bool has_light_group(struct span groups, const struct light_groups *ours)
{
    groups = span_tail(groups, 2);
    return (ours->p256 && has(groups, P256)) || (ours->x25519 && has(groups, X25519));
}

/* -- suites -- */

static struct span offered_suites(SSL *ssl)
{
    const unsigned char *at = NULL;
    size_t length = SSL_client_hello_get0_ciphers(ssl, &at);
    return span_of(at, length);
}

/* Whether DHE may be agreed upon. The order of suites is ours. That of ECDHE-RSA can be had wherever one of DHE-RSA can, if there is a
 * group; one of ECDHE-ECDSA may fail for want of a certificate. */
static bool may_be_dhe(SSL *ssl)
{
    struct span offered = offered_suites(ssl);
    STACK_OF(SSL_CIPHER) *ours = SSL_get_ciphers(ssl);
    bool ordered = (SSL_get_options(ssl) & SSL_OP_PRIORITIZE_CHACHA) == 0;
    for (int i = 0; i < sk_SSL_CIPHER_num(ours); i++) {
        const SSL_CIPHER *suite = sk_SSL_CIPHER_value(ours, i);
        if (!has(offered, SSL_CIPHER_get_protocol_id(suite)))
            continue;
        if (SSL_CIPHER_get_kx_nid(suite) == NID_kx_dhe)
            return true;
        if (ordered && SSL_CIPHER_get_kx_nid(suite) == NID_kx_ecdhe && SSL_CIPHER_get_auth_nid(suite) == NID_auth_rsa)
            return false;
    }
    return false;
}

static bool may_use_dhe(SSL *ssl, const struct choice *choice)
{
    return (choice->credentials[KEY_RSA] || choice->credentials[KEY_RSA_PSS]) && may_be_dhe(ssl);
}

bool weight_is_heavy(SSL *ssl, const struct choice *choice, const struct light_groups *ours)
{
    if (is_heavy_choice(choice))
        return true;
    if (can_tls13(ssl))
        return has_heavy_share(extension(ssl, TLSEXT_TYPE_key_share), ours);
    return !has_light_group(extension(ssl, TLSEXT_TYPE_supported_groups), ours) || may_use_dhe(ssl, choice);
}
