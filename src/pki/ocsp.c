#include "crossgate/pki.h"

#include "crossgate/pki/certificate.h"
#include "crossgate/pki/pem.h"
#include "crossgate/pki/text.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <time.h>

/* How far a responder's clock may be before ours, and how long a response without an end is taken for news, s. */
enum { SKEW = 300, WITHOUT_END = 86400 };

/* The TLS extension that a feature of RFC 7633 means (RFC 6066 section 8). */
enum { STATUS_REQUEST = 5 };

static X509 *decode(struct span der)
{
    const unsigned char *at = der.at;
    X509 *certificate = der.len > 0 && der.len < INT32_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    ERR_clear_error();
    return certificate;
}

/* ---- what a certificate says */

static bool is_url(const ASN1_STRING *uri)
{
    int length = ASN1_STRING_length(uri);
    struct span text = span_of(ASN1_STRING_get0_data(uri), length > 0 ? (size_t)length : 0);
    if (text.len >= PKI_OCSP_URL || !(span_starts(text, SPAN("http://")) || span_starts(text, SPAN("https://"))))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] <= ' ' || text.at[i] >= 0x7f)
            return false;
    return true;
}

static void look_at_access(X509 *leaf, struct pki_ocsp_wish *wish)
{
    AUTHORITY_INFO_ACCESS *info = X509_get_ext_d2i(leaf, NID_info_access, NULL, NULL);
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(info) && wish->url_count < PKI_OCSP_URLS; i++) {
        const ACCESS_DESCRIPTION *access = sk_ACCESS_DESCRIPTION_value(info, i);
        if (OBJ_obj2nid(access->method) != NID_ad_OCSP || access->location->type != GEN_URI)
            continue;
        const ASN1_STRING *uri = access->location->d.uniformResourceIdentifier;
        if (is_url(uri))
            snprintf(wish->urls[wish->url_count++], PKI_OCSP_URL, "%.*s", ASN1_STRING_length(uri),
                     (const char *)ASN1_STRING_get0_data(uri));
    }
    AUTHORITY_INFO_ACCESS_free(info);
}

static bool must_staple(X509 *leaf)
{
    TLS_FEATURE *features = X509_get_ext_d2i(leaf, NID_tlsfeature, NULL, NULL);
    bool must = false;
    for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
        must |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == STATUS_REQUEST;
    TLS_FEATURE_free(features);
    return must;
}

void pki_ocsp_look(struct span leaf, struct pki_ocsp_wish *wish)
{
    X509 *certificate = decode(leaf);
    *wish = (struct pki_ocsp_wish){0};
    if (certificate) {
        wish->must_staple = must_staple(certificate);
        look_at_access(certificate, wish);
    }
    X509_free(certificate);
    ERR_clear_error();
}

/* ---- who has issued it */

static bool has_issued(const struct pem_block *block, X509 *leaf)
{
    X509 *issuer = block->kind == PEM_CERTIFICATE ? decode(span_of(block->der, (size_t)block->len)) : NULL;
    bool has =
        issuer && X509_check_issued(issuer, leaf) == X509_V_OK && X509_verify(leaf, X509_get0_pubkey(issuer)) == 1;
    X509_free(issuer);
    ERR_clear_error();
    return has;
}

static struct span find_in_file(X509 *leaf, const struct pki_file *file, struct arena *arena)
{
    struct pem_file pem;
    struct span found = {0};
    if (!file->path || !pem_file_read(&pem, file->bytes))
        return found;
    for (size_t i = 0; i < pem.count && found.len == 0; i++) {
        struct span der = span_of(pem.blocks[i].der, (size_t)pem.blocks[i].len);
        const char *copy = has_issued(&pem.blocks[i], leaf) ? arena_copy(arena, der) : NULL;
        found = span_of(copy, copy ? der.len : 0);
    }
    pem_file_deinit(&pem);
    return found;
}

struct span pki_find_issuer(struct span leaf, const struct pki_file *files, size_t count, struct arena *arena)
{
    X509 *certificate = decode(leaf);
    struct span found = {0};
    for (size_t i = 0; certificate && i < count && found.len == 0; i++)
        found = find_in_file(certificate, &files[i], arena);
    X509_free(certificate);
    return found;
}

/* ---- asking */

/* SHA-1 is what every responder understands (RFC 5019 section 2.1.1); it only names the issuer. */
static OCSP_REQUEST *make_request(struct span leaf, struct span issuer)
{
    X509 *subject = decode(leaf), *authority = decode(issuer);
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    OCSP_CERTID *id = subject && authority ? OCSP_cert_to_id(EVP_sha1(), subject, authority) : NULL;
    bool worked = request && id && OCSP_request_add0_id(request, id);
    X509_free(subject);
    X509_free(authority);
    if (worked)
        return request;
    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(request);
    return NULL;
}

bool pki_ocsp_request(struct span leaf, struct span issuer, uint8_t request[PKI_OCSP_REQUEST_MAX], size_t *length,
                      struct error *error)
{
    OCSP_REQUEST *made = make_request(leaf, issuer);
    int size = made ? i2d_OCSP_REQUEST(made, NULL) : 0;
    bool fits = size > 0 && size <= PKI_OCSP_REQUEST_MAX;
    unsigned char *at = request;
    if (fits)
        *length = (size_t)i2d_OCSP_REQUEST(made, &at);
    else
        error_set(error, ERROR_INPUT, "the certificate and its issuer's cannot be made into an OCSP request");
    OCSP_REQUEST_free(made);
    ERR_clear_error();
    return fits;
}

bool pki_ocsp_get_url(const char *url, struct span request, char text[PKI_OCSP_GET])
{
    unsigned char encoded[4 * ((PKI_OCSP_REQUEST_MAX + 2) / 3) + 1];
    size_t used = strlen(url);
    if (request.len > PKI_OCSP_REQUEST_MAX || used > PKI_OCSP_GET - 2)
        return false;
    EVP_EncodeBlock(encoded, request.at, (int)request.len);
    memcpy(text, url, used);
    if (used == 0 || text[used - 1] != '/')
        text[used++] = '/';
    for (const unsigned char *at = encoded; *at && used < PKI_OCSP_GET; at++) {
        bool plain = *at != '+' && *at != '/' && *at != '=';
        used += (size_t)snprintf(text + used, PKI_OCSP_GET - used, plain ? "%c" : "%%%02X", *at);
    }
    return used < PKI_OCSP_GET;
}

/* ---- what comes back */

static OCSP_BASICRESP *decode_response(struct span der, struct error *error)
{
    const unsigned char *at = der.at;
    bool fits = der.len > 0 && der.len <= PKI_OCSP_RESPONSE_MAX;
    OCSP_RESPONSE *response = fits ? d2i_OCSP_RESPONSE(NULL, &at, (long)der.len) : NULL;
    int status = response ? OCSP_response_status(response) : 0;
    OCSP_BASICRESP *basic = NULL;
    if (!response || at != der.at + der.len)
        error_set(error, ERROR_INPUT, "it is no OCSP response (DER, at most %d bytes)", PKI_OCSP_RESPONSE_MAX);
    else if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        error_set(error, ERROR_INPUT, "the responder refuses to answer: %s", OCSP_response_status_str(status));
    else if (!(basic = OCSP_response_get1_basic(response)))
        error_set(error, ERROR_INPUT, "it is an OCSP response of an unknown type");
    OCSP_RESPONSE_free(response);
    return basic;
}

/* By the issuer's name and the serial number, or by the issuer's key, too, if it is known. The responder may have chosen another digest
 * than we. */
static bool is_about(const OCSP_CERTID *id, X509 *leaf, X509 *issuer)
{
    ASN1_OBJECT *algorithm = NULL;
    ASN1_OCTET_STRING *name = NULL;
    ASN1_INTEGER *serial = NULL;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    OCSP_id_get0_info(&name, &algorithm, NULL, &serial, (OCSP_CERTID *)(uintptr_t)id);
    const EVP_MD *kind = EVP_get_digestbyobj(algorithm);
    if (!kind || ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0)
        return false;
    if (!issuer)
        return X509_NAME_digest(X509_get_issuer_name(leaf), kind, digest, &length) == 1 &&
               span_equal(span_of(digest, length),
                          span_of(ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name)));
    OCSP_CERTID *ours = OCSP_cert_to_id(kind, leaf, issuer);
    bool same = ours && OCSP_id_cmp(ours, id) == 0;
    OCSP_CERTID_free(ours);
    return same;
}

static OCSP_SINGLERESP *find(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer)
{
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
        if (is_about(OCSP_SINGLERESP_get0_id(single), leaf, issuer))
            return single;
    }
    return NULL;
}

/* The issuer is the only one that is trusted, root or not; whoever else signs must be certified by it, for this use. */
static bool is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
    X509_STORE *trust = X509_STORE_new();
    STACK_OF(X509) *known = sk_X509_new_null();
    bool good = trust && known && X509_STORE_set_flags(trust, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
                X509_STORE_add_cert(trust, issuer) == 1 && sk_X509_push(known, issuer) > 0 &&
                OCSP_basic_verify(basic, known, trust, OCSP_NOEXPLICIT) == 1;
    sk_X509_free(known);
    X509_STORE_free(trust);
    return good;
}

static void read_single(OCSP_SINGLERESP *single, struct pki_ocsp *facts)
{
    ASN1_GENERALIZEDTIME *revoked = NULL, *begin = NULL, *end = NULL;
    int status = OCSP_single_get0_status(single, NULL, &revoked, &begin, &end);
    *facts = (struct pki_ocsp){
        .status = status == V_OCSP_CERTSTATUS_GOOD      ? PKI_OCSP_GOOD
                  : status == V_OCSP_CERTSTATUS_REVOKED ? PKI_OCSP_REVOKED
                                                        : PKI_OCSP_UNKNOWN,
        .begins = certificate_seconds(begin),
        .revoked = certificate_seconds(revoked),
    };
    facts->ends = end ? certificate_seconds(end) : facts->begins + WITHOUT_END;
}

static bool judge(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, struct pki_ocsp *facts, struct error *error)
{
    OCSP_SINGLERESP *single = find(basic, leaf, issuer);
    if (!single) {
        error_set(error, ERROR_INPUT, "the OCSP response is about another certificate");
        return false;
    }
    read_single(single, facts);
    if (issuer && !is_signed(basic, issuer))
        error_set(
            error, ERROR_INPUT, "the OCSP response is not signed by the certificate's issuer, or on its behalf: %s",
            ERR_GET_REASON(ERR_peek_last_error()) ? ERR_reason_error_string(ERR_peek_last_error()) : "out of memory");
    else if (facts->begins <= 0 || facts->ends < facts->begins)
        error_set(error, ERROR_INPUT, "the OCSP response ends before it begins");
    else if (facts->begins > (int64_t)time(NULL) + SKEW)
        error_set(error, ERROR_INPUT, "the OCSP response begins in the future: is the clock right?");
    else
        return true;
    return false;
}

bool pki_ocsp_read(struct span response, struct span leaf, struct span issuer, struct pki_ocsp *facts,
                   struct error *error)
{
    X509 *subject = decode(leaf), *authority = decode(issuer);
    ERR_clear_error();
    OCSP_BASICRESP *basic = decode_response(response, error);
    bool known = subject && (authority || issuer.len == 0);
    if (basic && !known)
        error_set(error, ERROR_INPUT, "the certificate, or that of its issuer, cannot be decoded");
    bool good = basic && known && judge(basic, subject, authority, facts, error);
    OCSP_BASICRESP_free(basic);
    X509_free(subject);
    X509_free(authority);
    ERR_clear_error();
    return good;
}
