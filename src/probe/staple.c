#include "staple.h"

#include "chain.h"
#include "text.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

static OCSP_BASICRESP *decode(const unsigned char *bytes, long length)
{
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &bytes, length);
    bool worked = response && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
    OCSP_BASICRESP *basic = worked ? OCSP_response_get1_basic(response) : NULL;
    OCSP_RESPONSE_free(response);
    return basic;
}

/* What it says of the certificate with this number; responses about others are of no use. */
static OCSP_SINGLERESP *find(OCSP_BASICRESP *basic, const X509 *leaf)
{
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
        ASN1_INTEGER *serial = NULL;
        OCSP_id_get0_info(NULL, NULL, NULL, &serial, (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single));
        if (serial && ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) == 0)
            return single;
    }
    return NULL;
}

/* The issuer is the one to trust here, whoever is above it: he signs himself, or has certified who does. */
static bool verify(OCSP_BASICRESP *basic, X509 *issuer)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *known = sk_X509_new_null();
    bool verified = store && known && X509_STORE_add_cert(store, issuer) == 1 && sk_X509_push(known, issuer) > 0 &&
                    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
                    OCSP_basic_verify(basic, known, store, 0) == 1;
    sk_X509_free(known);
    X509_STORE_free(store);
    return verified;
}

static void describe(OCSP_BASICRESP *basic, OCSP_SINGLERESP *single, struct probe_staple *staple)
{
    ASN1_GENERALIZEDTIME *begin = NULL, *end = NULL;
    int reason = 0;
    int status = OCSP_single_get0_status(single, &reason, NULL, &begin, &end);
    TEXT_COPY(staple->status, span_string(OCSP_cert_status_str(status)));
    staple->readable = true;
    staple->produced = chain_seconds(OCSP_resp_get0_produced_at(basic));
    staple->begin = chain_seconds(begin);
    staple->end = chain_seconds(end);
}

void staple_look(SSL *ssl, X509 *issuer, struct probe_staple *staple)
{
    unsigned char *bytes = NULL;
    long length = SSL_get_tlsext_status_ocsp_resp(ssl, &bytes);
    const X509 *leaf = SSL_get0_peer_certificate(ssl);
    if (!bytes || length <= 0 || !leaf)
        return;
    staple->sent = true;
    OCSP_BASICRESP *basic = decode(bytes, length);
    OCSP_SINGLERESP *single = basic ? find(basic, leaf) : NULL;
    if (single)
        describe(basic, single, staple);
    staple->unverifiable = !issuer;
    staple->verified = single && issuer && verify(basic, issuer);
    OCSP_BASICRESP_free(basic);
    ERR_clear_error();
}
