/* Session tickets, as OpenSSL asks for them.
 *
 * All contexts share the keys of the loop, so that a ticket is good at each worker, after a reload, and on other machines with
 * the same key file; where it is good is the business of names.c and hello.c. There is no session cache to share, and no 0-RTT,
 * which can be replayed. */
#include "tickets.h"

#include "bio.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <assert.h>
#include <stdlib.h>

struct ticket_ring {
    struct tls_ticket_ring keys;
    bool is_held;   /* by the one who is out (queue.h) */
    bool is_in_use; /* by the loop */
};

/* One ring for the loop, the other for when keys change while the first is held. */
struct tls_tickets {
    struct ticket_ring rings[2];
    struct ticket_ring *ring; /* of both */
    EVP_CIPHER *cipher;       /* fetched once, since that takes longer than to use it */
};

/* What OpenSSL wants to hear when it has a ticket to make or to read. */
enum { TICKET_FAILED = -1, TICKET_UNKNOWN = 0, TICKET_OK = 1, TICKET_TO_BE_RENEWED = 2 };

struct tls_tickets *tls_tickets_new(void)
{
    struct tls_tickets *tickets = calloc(1, sizeof *tickets);
    if (tickets)
        tickets->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (!tickets || !tickets->cipher) {
        free(tickets);
        return NULL;
    }
    tickets->ring = &tickets->rings[0];
    tickets->ring->is_in_use = true;
    return tickets;
}

void tls_tickets_free(struct tls_tickets *tickets)
{
    if (!tickets)
        return;
    assert(!tickets->rings[0].is_held && !tickets->rings[1].is_held);
    tls_ticket_ring_wipe(&tickets->ring->keys);
    EVP_CIPHER_free(tickets->cipher);
    free(tickets);
}

static void wipe_unused(struct ticket_ring *ring)
{
    if (!ring->is_held && !ring->is_in_use)
        tls_ticket_ring_wipe(&ring->keys);
}

void tls_tickets_set(struct tls_tickets *tickets, const struct tls_ticket_ring *ring)
{
    struct ticket_ring *before = tickets->ring;
    assert(ring->count <= TLS_TICKET_KEYS_MAX);
    if (before->is_held)
        tickets->ring = before == &tickets->rings[0] ? &tickets->rings[1] : &tickets->rings[0];
    assert(!tickets->ring->is_held);
    before->is_in_use = false;
    wipe_unused(before);
    tickets->ring->is_in_use = true;
    tickets->ring->keys = *ring;
}

struct ticket_ring *tickets_hold(const struct tls_tickets *tickets)
{
    if (!tickets)
        return NULL;
    assert(!tickets->ring->is_held);
    tickets->ring->is_held = true;
    return tickets->ring;
}

void tickets_release(struct ticket_ring *ring)
{
    if (!ring)
        return;
    ring->is_held = false;
    wipe_unused(ring);
}

/* How a ticket of that key is sealed: encrypted, then authenticated. */
static bool seal(const struct tls_tickets *tickets, const uint8_t key[TLS_TICKET_KEY], const unsigned char *iv,
                 EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypts)
{
    enum { MAC_KEY = 32 };
    const uint8_t *mac_key = key + TLS_TICKET_KEY_NAME;
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)mac_key, MAC_KEY),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_CipherInit_ex(cipher, tickets->cipher, NULL, mac_key + MAC_KEY, iv, encrypts) == 1 &&
           EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

/* When the keys have been taken away since the handshake began: OpenSSL 3.0 has no way left to give no ticket, so this one is
 * given that nobody can read. */
static int give_unreadable(const struct tls_tickets *tickets, unsigned char *name, const unsigned char *iv,
                           EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    uint8_t key[TLS_TICKET_KEY] = {0};
    bool worked = tls_ticket_key_make(key) && seal(tickets, key, iv, cipher, mac, 1);
    memcpy(name, key, TLS_TICKET_KEY_NAME);
    OPENSSL_cleanse(key, sizeof key);
    return worked ? TICKET_OK : TICKET_FAILED;
}

static int give(const struct tls_tickets *tickets, const struct tls_ticket_ring *ring, unsigned char *name,
                unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const uint8_t *key = ring->keys[0];
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(tickets->cipher)) != 1)
        return TICKET_FAILED;
    if (ring->count == 0)
        return give_unreadable(tickets, name, iv, cipher, mac);
    memcpy(name, key, TLS_TICKET_KEY_NAME);
    return seal(tickets, key, iv, cipher, mac, 1) ? TICKET_OK : TICKET_FAILED;
}

/* Over TLS 1.3 each resumption is followed by a new ticket, so that none shows twice that the same client has come (RFC 8446
 * appendix C.4). Over TLS 1.2 tickets are shown in the clear anyway, and one is renewed whose key is about to go. */
static int take(SSL *ssl, const struct tls_tickets *tickets, const struct tls_ticket_ring *ring,
                const unsigned char *name, const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    for (uint32_t i = 0; i < ring->count; i++) {
        if (memcmp(name, ring->keys[i], TLS_TICKET_KEY_NAME) != 0)
            continue;
        if (!seal(tickets, ring->keys[i], iv, cipher, mac, 0))
            return TICKET_FAILED;
        return i > 0 || SSL_version(ssl) >= TLS1_3_VERSION ? TICKET_TO_BE_RENEWED : TICKET_OK;
    }
    return TICKET_UNKNOWN;
}

/* Counters are the loop's. */
static void count_unknown(struct pipe *pipe)
{
    if (pipe->away)
        pipe->away->unknown_tickets++;
    else
        counter_add(&pipe->loop->counters->tickets_unknown, 1);
}

/* The context that is asked is the one the connection began with, even if SNI has led to another. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                     int gives)
{
    struct pipe *pipe = pipe_of(ssl);
    const struct tls_tickets *tickets = pipe->loop->tickets;
    const struct tls_ticket_ring *ring = pipe->away ? &pipe->away->ring->keys : &tickets->ring->keys;
    if (gives)
        return give(tickets, ring, name, iv, cipher, mac);
    int taken = take(ssl, tickets, ring, name, iv, cipher, mac);
    if (taken == TICKET_UNKNOWN)
        count_unknown(pipe);
    return taken;
}

static int before_ticket(SSL *ssl, void *unused)
{
    (void)unused;
    return ticket_life_limit(ssl);
}

bool tickets_use(SSL_CTX *context)
{
    SSL_CTX_clear_options(context, SSL_OP_ALLOW_NO_DHE_KEX); /* a resumed session has keys of its own */
    SSL_CTX_set_num_tickets(context, 0);                     /* by OpenSSL itself: tickets_give */
    SSL_CTX_set_max_early_data(context, 0);
    SSL_CTX_set_timeout(context, TLS_TICKET_LIFETIME);
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket) == 1 &&
           SSL_CTX_set_session_ticket_cb(context, before_ticket, NULL, NULL) == 1;
}

void tickets_begin(SSL *ssl, const struct tls_tickets *tickets)
{
    if (!tickets || tickets->ring->keys.count == 0)
        SSL_set_options(ssl, SSL_OP_NO_TICKET);
}

/* Over TLS 1.2 the handshake has brought it; with SSL_OP_NO_TICKET it would be one that refers to a session cache. */
bool tickets_are_given(const SSL *ssl)
{
    return SSL_version(ssl) >= TLS1_3_VERSION && !(SSL_get_options(ssl) & SSL_OP_NO_TICKET);
}

void tickets_give(SSL *ssl)
{
    SSL_new_session_ticket(ssl);
}
