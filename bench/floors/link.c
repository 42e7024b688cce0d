#include "link.h"

#include "floors.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <string.h>

/* ---- the BIO: as cheap as can be */

static int wire_read(BIO *bio, char *to, size_t size, size_t *taken)
{
    struct wire *wire = ((struct pipe *)BIO_get_data(bio))->in;
    size_t there = wire->to - wire->from;
    *taken = size < there ? size : there;
    BIO_clear_retry_flags(bio);
    if (*taken == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(to, wire->bytes + wire->from, *taken);
    wire->from += *taken;
    if (wire->from == wire->to)
        wire->from = wire->to = 0;
    return 1;
}

static int wire_write(BIO *bio, const char *from, size_t size, size_t *taken)
{
    struct wire *wire = ((struct pipe *)BIO_get_data(bio))->out;
    MUST(size <= WIRE_BYTES - wire->to);
    memcpy(wire->bytes + wire->to, from, size);
    wire->to += size;
    *taken = size;
    return 1;
}

static long wire_control(BIO *bio, int command, long number, void *argument)
{
    (void)bio;
    (void)number;
    (void)argument;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *wire_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "wire");
    MUST(method && BIO_meth_set_read_ex(method, wire_read) && BIO_meth_set_write_ex(method, wire_write) &&
         BIO_meth_set_ctrl(method, wire_control));
    return method;
}

/* ---- contexts */

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    MUST(certificate && ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), 0) &&
         X509_gmtime_adj(X509_getm_notAfter(certificate), 86400) && X509_set_version(certificate, X509_VERSION_3) &&
         X509_set_pubkey(certificate, key) &&
         X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                    (const unsigned char *)"localhost", -1, -1, 0) &&
         X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) &&
         X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static void use_new_key(SSL_CTX *context, const char *kind)
{
    EVP_PKEY *key = strcmp(kind, "EC") == 0 ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
    MUST(key);
    X509 *certificate = self_signed(key);
    MUST(SSL_CTX_use_cert_and_key(context, certificate, key, NULL, 1) == 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void use_dhe(SSL_CTX *context)
{
    EVP_PKEY *group = NULL;
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
    MUST(maker && EVP_PKEY_paramgen_init(maker) > 0 && EVP_PKEY_CTX_set_group_name(maker, "ffdhe2048") > 0 &&
         EVP_PKEY_paramgen(maker, &group) > 0 && SSL_CTX_set0_tmp_dh_pkey(context, group));
    EVP_PKEY_CTX_free(maker);
}

static SSL_CTX *context_new(const SSL_METHOD *method, int version)
{
    static char groups[] = "X25519:P-256:P-384:ffdhe2048:ffdhe3072";
    SSL_CTX *context = SSL_CTX_new(method);
    MUST(context && SSL_CTX_set_min_proto_version(context, version) &&
         SSL_CTX_set_max_proto_version(context, version) && SSL_CTX_set1_groups_list(context, groups));
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

void link_kit_init(struct link_kit *kit, const char *key, int version, const char *suite, size_t tickets)
{
    kit->method = wire_method();
    kit->server = context_new(TLS_server_method(), version);
    kit->client = context_new(TLS_client_method(), version);
    SSL_CTX_set_num_tickets(kit->server, tickets);
    use_new_key(kit->server, key);
    use_dhe(kit->server);
    MUST(version == TLS1_3_VERSION ? SSL_CTX_set_ciphersuites(kit->client, suite)
                                   : SSL_CTX_set_cipher_list(kit->client, suite));
}

void link_kit_deinit(struct link_kit *kit)
{
    SSL_CTX_free(kit->client);
    SSL_CTX_free(kit->server);
    BIO_meth_free(kit->method);
}

/* ---- ends */

static SSL *end_new(SSL_CTX *context, const BIO_METHOD *method, struct pipe *pipe)
{
    SSL *end = SSL_new(context);
    BIO *bio = BIO_new(method);
    MUST(end && bio);
    BIO_set_data(bio, pipe);
    BIO_set_init(bio, 1);
    SSL_set_bio(end, bio, bio);
    return end;
}

void link_make_client(struct link *link, const struct link_kit *kit, SSL_SESSION *session)
{
    link->up.from = link->up.to = link->down.from = link->down.to = 0;
    link->at_client = (struct pipe){&link->down, &link->up};
    link->client = end_new(kit->client, kit->method, &link->at_client);
    SSL_set_connect_state(link->client);
    MUST(!session || SSL_set_session(link->client, session));
}

void link_make_server(struct link *link, const struct link_kit *kit)
{
    link->at_server = (struct pipe){&link->up, &link->down};
    link->server = end_new(kit->server, kit->method, &link->at_server);
    SSL_set_accept_state(link->server);
}

void link_free_client(struct link *link)
{
    SSL_set_shutdown(link->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(link->client);
}

void link_step(SSL *end)
{
    int result = SSL_do_handshake(end);
    MUST(result == 1 || SSL_get_error(end, result) == SSL_ERROR_WANT_READ);
}

void link_connect(struct link *link, const struct link_kit *kit)
{
    link_make_client(link, kit, NULL);
    link_make_server(link, kit);
    for (int step = 0; step < 3; step++) {
        link_step(link->client);
        link_step(link->server);
    }
    MUST(SSL_is_init_finished(link->client) && SSL_is_init_finished(link->server));
}
