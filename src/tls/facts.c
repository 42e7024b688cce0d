/* What a TLS connection tells of itself and of the client's certificate. */
#include "facts.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <stdlib.h>

struct facts {
    const char *version, *cipher; /* static text */
    X509 *certificate;            /* the client's, verified; NULL: none */
    uint8_t *exporter;            /* NULL: there is none, or nobody is to know */
    bool asks_certificate;
    uint8_t protocol_length;
    uint16_t name_length;
    uint8_t names[]; /* the server name as the client sent it, and behind it the protocol */
};

/* What has been printed to the BIO, copied. False when memory is out. */
static bool keep(struct arena *arena, BIO *printed, struct span *out)
{
    char *at = NULL;
    long length = BIO_get_mem_data(printed, &at);
    const char *copy = length >= 0 ? arena_copy(arena, span_of(at, (size_t)length)) : NULL;
    *out = span_of(copy, copy ? (size_t)length : 0);
    (void)BIO_reset(printed);
    return copy != NULL;
}

/* RFC 4514, with everything but visible ASCII escaped, so that it fits into a header field. */
static bool print_subject(X509_NAME *name, BIO *out)
{
    return X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253) >= 0;
}

static bool print_common_name(X509_NAME *name, BIO *out)
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    const ASN1_STRING *text = at >= 0 ? X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)) : NULL;
    return !text || ASN1_STRING_print_ex(out, text, ASN1_STRFLGS_UTF8_CONVERT | ASN1_STRFLGS_ESC_CTRL) >= 0;
}

static bool print_serial(const X509 *certificate, BIO *out)
{
    return i2a_ASN1_INTEGER(out, X509_get0_serialNumber(certificate)) > 0;
}

static bool print_digest(const X509 *certificate, const EVP_MD *type, BIO *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (X509_digest(certificate, type, digest, &length) != 1)
        return false;
    for (unsigned i = 0; i < length; i++) {
        if (BIO_printf(out, "%s%02X", i > 0 ? ":" : "", digest[i]) < 0)
            return false;
    }
    return true;
}

static bool tell_certificate(X509 *certificate, struct arena *arena, struct tls_facts *facts)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    BIO *out = BIO_new(BIO_s_mem());
    bool told = out && print_subject(subject, out) && keep(arena, out, &facts->subject) &&
                print_common_name(subject, out) && keep(arena, out, &facts->common_name) &&
                print_serial(certificate, out) && keep(arena, out, &facts->serial) &&
                print_digest(certificate, EVP_sha1(), out) && keep(arena, out, &facts->sha1) &&
                print_digest(certificate, EVP_sha256(), out) && keep(arena, out, &facts->sha256) &&
                i2d_X509_bio(out, certificate) == 1 && keep(arena, out, &facts->certificate);
    BIO_free(out);
    facts->has_certificate = told;
    return told;
}

/* RFC 9266 section 4: with TLS 1.2 it binds to this connection only if the extended master secret is in use. */
static bool export(SSL *ssl, struct facts *facts)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    const unsigned char nothing = 0;
    if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
        return true;
    facts->exporter = malloc(FACTS_EXPORTER_BYTES);
    return facts->exporter && SSL_export_keying_material(ssl, facts->exporter, FACTS_EXPORTER_BYTES, label,
                                                         sizeof label - 1, &nothing, 0, 1) == 1;
}

/* Only a verified one is worth to be told of. */
static X509 *keep_certificate(const SSL *ssl)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    bool is_verified = certificate && SSL_get_verify_result(ssl) == X509_V_OK;
    return is_verified && X509_up_ref(certificate) == 1 ? certificate : NULL;
}

/* With both names, which follow it. */
static struct facts *make(struct slabs *slabs, SSL *ssl)
{
    const unsigned char *protocol = NULL;
    unsigned protocol_length = 0;
    const struct span name = span_string(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    SSL_get0_alpn_selected(ssl, &protocol, &protocol_length);
    struct facts *facts = slab_take(slabs, sizeof *facts + name.len + protocol_length);
    if (!facts)
        return NULL;
    *facts = (struct facts){
        .version = SSL_get_version(ssl),
        .cipher = SSL_get_cipher_name(ssl),
        .certificate = keep_certificate(ssl),
        .asks_certificate = SSL_is_server(ssl) == 1 && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE,
        .protocol_length = (uint8_t)protocol_length,
        .name_length = (uint16_t)name.len,
    };
    if (name.len > 0)
        memcpy(facts->names, name.at, name.len);
    if (protocol_length > 0)
        memcpy(facts->names + name.len, protocol, protocol_length);
    return facts;
}

struct facts *facts_new(struct slabs *slabs, SSL *ssl, bool exporter)
{
    struct facts *facts = make(slabs, ssl);
    if (facts && exporter && !export(ssl, facts)) {
        facts_free(facts);
        facts = NULL;
    }
    ERR_clear_error();
    return facts;
}

void facts_free(struct facts *facts)
{
    if (!facts)
        return;
    X509_free(facts->certificate);
    if (facts->exporter)
        OPENSSL_cleanse(facts->exporter, FACTS_EXPORTER_BYTES);
    free(facts->exporter);
    slab_give(facts);
}

bool facts_tell(const struct facts *facts, struct arena *arena, struct tls_facts *told)
{
    *told = (struct tls_facts){
        .used = true,
        .version = span_string(facts->version),
        .cipher = span_string(facts->cipher),
        .server_name = span_of(facts->names, facts->name_length),
        .protocol = span_of(facts->names + facts->name_length, facts->protocol_length),
        .exporter = span_of(facts->exporter, facts->exporter ? FACTS_EXPORTER_BYTES : 0),
        .asks_certificate = facts->asks_certificate,
    };
    bool worked = !facts->certificate || tell_certificate(facts->certificate, arena, told);
    ERR_clear_error();
    return worked;
}
