#include "challenge.h"

#include "crossgate/pki/text.h"

#include <openssl/err.h>
#include <openssl/sha.h>

#define PROTOCOL "acme-tls/1"

/* Nobody looks at its dates. */
enum { CERTIFICATE_DAYS = 1 };

/* ---- what is asked */

/* The list with this one name in it: u16 length, u8 length, name (RFC 7301 section 3.1). */
static bool offers_protocol(SSL *ssl)
{
    static const unsigned char wanted[] = "\x00\x0b\x0a" PROTOCOL;
    const unsigned char *at = NULL;
    size_t length = 0;
    return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &at, &length) == 1 &&
           span_equal(span_of(at, length), span_of(wanted, sizeof wanted - 1));
}

/* ---- what is answered */

static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *length, const unsigned char *offered,
                           unsigned offered_length, void *unused)
{
    (void)ssl;
    (void)offered_length;
    (void)unused;
    *chosen = offered + 1; /* what was compared above */
    *length = offered[0];
    return SSL_TLSEXT_ERR_OK;
}

/* RFC 8737 section 3: self-signed, for that name only, with the digest of the proof. */
static bool make_certificate(const struct challenge *challenge, struct pki_text *key, struct pki_text *certificate)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct error error = {0};
    const char *name = challenge->name;
    SHA256((const unsigned char *)challenge->proof, strlen(challenge->proof), digest);
    const struct pki_order order = {.use = PKI_USE_SERVER,
                                    .names = &name,
                                    .name_count = 1,
                                    .days = CERTIFICATE_DAYS,
                                    .acme = span_of(digest, sizeof digest)};
    return pki_make_key(PKI_KEY_P256, key, &error) &&
           pki_make_certificate(&order, span_of(key->at, key->len), &(struct pki_signer){0}, certificate, &error);
}

static bool use_certificate(SSL_CTX *context, const struct pki_text *key, const struct pki_text *certificate)
{
    EVP_PKEY *private_key = pki_text_key(span_of(key->at, key->len));
    X509 *leaf = pki_text_certificate(span_of(certificate->at, certificate->len));
    bool worked = private_key && leaf && SSL_CTX_use_cert_and_key(context, leaf, private_key, NULL, 1) == 1;
    X509_free(leaf);
    EVP_PKEY_free(private_key);
    return worked;
}

static SSL_CTX *make_context(const struct challenge *challenge)
{
    struct pki_text key = {0}, certificate = {0};
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    bool worked =
        context && make_certificate(challenge, &key, &certificate) && use_certificate(context, &key, &certificate);
    pki_text_free(&key);
    pki_text_free(&certificate);
    if (worked) {
        SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
        return context;
    }
    SSL_CTX_free(context);
    ERR_clear_error();
    return NULL;
}

enum challenge_answer challenge_context(SSL *ssl, const struct challenges *table, struct span name)
{
    const struct challenge *challenge = offers_protocol(ssl) ? challenges_by_name(table, name) : NULL;
    if (!challenge)
        return CHALLENGE_NONE;
    SSL_CTX *context = make_context(challenge);
    bool worked = context && SSL_set_SSL_CTX(ssl, context) && SSL_set_num_tickets(ssl, 0) == 1;
    SSL_CTX_free(context); /* ssl has a reference of its own */
    if (!worked)
        return CHALLENGE_FAILED;
    /* The authority has no certificate for us, and does not come back. */
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    SSL_set_options(ssl, SSL_OP_NO_TICKET);
    return CHALLENGE_GIVEN;
}
