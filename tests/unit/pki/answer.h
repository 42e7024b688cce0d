/* OCSP responses, made on the spot. For tests only. */
#ifndef CROSSGATE_TESTS_PKI_ANSWER_H
#define CROSSGATE_TESTS_PKI_ANSWER_H

#include "../tls/forge.h"

#include <openssl/ocsp.h>

struct answer {
    X509 *leaf, *issuer; /* what it is about */
    X509 *signer;
    EVP_PKEY *key;
    int status;           /* V_OCSP_CERTSTATUS_… */
    long begins, ends;    /* s from now; `ends` 0: there is no end */
    const EVP_MD *digest; /* of the identifier; NULL: SHA-1 */
    bool encloses;        /* the signer's certificate is in it */
    X509 *before;         /* it is about this one, too, and first; NULL: it is not */
};

static inline void answer_add(OCSP_BASICRESP *basic, const struct answer *how, X509 *leaf)
{
    OCSP_CERTID *id = OCSP_cert_to_id(how->digest ? how->digest : EVP_sha1(), leaf, how->issuer);
    ASN1_TIME *begin = X509_gmtime_adj(NULL, how->begins), *end = how->ends ? X509_gmtime_adj(NULL, how->ends) : NULL;
    ASN1_TIME *revoked = how->status == V_OCSP_CERTSTATUS_REVOKED ? X509_gmtime_adj(NULL, how->begins) : NULL;
    assert(OCSP_basic_add1_status(basic, id, how->status, OCSP_REVOKED_STATUS_NOSTATUS, revoked,
                                  ASN1_TIME_to_generalizedtime(begin, &begin),
                                  end ? ASN1_TIME_to_generalizedtime(end, &end) : NULL));
    OCSP_CERTID_free(id);
    ASN1_TIME_free(begin);
    ASN1_TIME_free(end);
    ASN1_TIME_free(revoked);
}

static inline struct span answer_der(struct arena *arena, OCSP_RESPONSE *response)
{
    unsigned char *der = NULL;
    int length = i2d_OCSP_RESPONSE(response, &der);
    assert(length > 0);
    char *copy = arena_copy(arena, span_of(der, (size_t)length));
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
    return span_of(copy, (size_t)length);
}

static inline struct span answer_make(struct arena *arena, const struct answer *how)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    if (how->before)
        answer_add(basic, how, how->before);
    answer_add(basic, how, how->leaf);
    assert(OCSP_basic_sign(basic, how->signer, how->key, EVP_sha256(), NULL, how->encloses ? 0 : OCSP_NOCERTS) == 1);
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    OCSP_BASICRESP_free(basic);
    return answer_der(arena, response);
}

static inline struct span answer_certificate(struct arena *arena, X509 *certificate)
{
    unsigned char *der = NULL;
    int length = i2d_X509(certificate, &der);
    char *copy = arena_copy(arena, span_of(der, (size_t)length));
    OPENSSL_free(der);
    return span_of(copy, (size_t)length);
}

#endif
