/* What ACME calls a request and a certificate by. */
#include "crossgate/pki/text.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <stdlib.h>

bool pki_request_base64url(struct span pem, struct pki_text *text, struct error *error)
{
    unsigned char *der = NULL;
    X509_REQ *request = pki_text_request(pem);
    int length = request ? i2d_X509_REQ(request, &der) : -1;
    *text = (struct pki_text){0};
    if (length > 0)
        text->at = malloc(PKI_BASE64URL((size_t)length));
    if (text->at) {
        pki_base64url(span_of(der, (size_t)length), text->at);
        text->len = strlen(text->at);
    } else {
        error_set(error, request ? ERROR_MEMORY : ERROR_INPUT, "%s",
                  request ? "out of memory" : "the signing request cannot be read");
    }
    OPENSSL_free(der);
    X509_REQ_free(request);
    return text->at != NULL;
}

/* Identifiers are 20 bytes as a rule (RFC 5280 section 4.2.1.2), serial numbers at most 20 (section 4.1.2.2). */
enum { PART_MAX = 64, HEAD = 2 };

/* The contents of the DER of the number: a leading zero is part of them. */
static bool print_serial(const X509 *certificate, char text[PKI_BASE64URL(PART_MAX)])
{
    unsigned char *der = NULL;
    int length = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &der);
    bool fits = length > HEAD && length <= HEAD + PART_MAX;
    if (fits)
        pki_base64url(span_of(der + HEAD, (size_t)(length - HEAD)), text);
    OPENSSL_free(der);
    return fits;
}

static bool print_authority(X509 *certificate, char text[PKI_BASE64URL(PART_MAX)])
{
    const ASN1_OCTET_STRING *id = X509_get0_authority_key_id(certificate);
    int length = id ? ASN1_STRING_length(id) : 0;
    if (length <= 0 || length > PART_MAX)
        return false;
    pki_base64url(span_of(ASN1_STRING_get0_data(id), (size_t)length), text);
    return true;
}

bool pki_certificate_id(struct span pem, char id[PKI_CERTIFICATE_ID])
{
    char authority[PKI_BASE64URL(PART_MAX)], serial[PKI_BASE64URL(PART_MAX)];
    X509 *certificate = pki_text_certificate(pem);
    bool worked = certificate && print_authority(certificate, authority) && print_serial(certificate, serial);
    if (worked)
        snprintf(id, PKI_CERTIFICATE_ID, "%s.%s", authority, serial);
    X509_free(certificate);
    ERR_clear_error();
    return worked;
}
