/* What a server context serves, for those who watch over it: the master's renewal, expiry, stapling and status. */
#include "context.h"

#include "crossgate/pki/certificate.h"

#include <stdlib.h>

static bool copy_der(X509 *certificate, struct span *copy)
{
    unsigned char *der = NULL;
    int length = certificate ? i2d_X509(certificate, &der) : 0;
    uint8_t *bytes = length > 0 ? malloc((size_t)length) : NULL;
    if (bytes)
        memcpy(bytes, der, (size_t)length);
    OPENSSL_free(der);
    *copy = span_of(bytes, bytes ? (size_t)length : 0);
    return !certificate || bytes;
}

static void record_deinit(struct tls_certificate *record)
{
    free((void *)(uintptr_t)record->path);
    free((void *)(uintptr_t)record->names);
    free((void *)(uintptr_t)record->leaf.at);
    free((void *)(uintptr_t)record->issuer.at);
}

static bool fill(struct tls_certificate *record, const struct credential *credential)
{
    X509 *issuer = sk_X509_num(credential->issuers) > 0 ? sk_X509_value(credential->issuers, 0) : NULL;
    unsigned length = 0;
    char names[TLS_NAMES];
    certificate_print_names(credential->leaf, names, sizeof names);
    record->path = strdup(credential->path ? credential->path : "");
    record->names = strdup(names);
    record->begins = certificate_seconds(X509_get0_notBefore(credential->leaf));
    record->ends = certificate_seconds(X509_get0_notAfter(credential->leaf));
    return record->path && record->names && X509_digest(credential->leaf, EVP_sha256(), record->digest, &length) == 1 &&
           copy_der(credential->leaf, &record->leaf) && copy_der(issuer, &record->issuer);
}

bool context_record(struct tls_context *context, const struct credential *credential)
{
    struct tls_certificate *records =
        realloc(context->certificates, (context->certificate_count + 1) * sizeof *records);
    if (!records)
        return false;
    context->certificates = records;
    struct tls_certificate *record = &records[context->certificate_count];
    *record = (struct tls_certificate){0};
    if (!fill(record, credential)) {
        record_deinit(record);
        return false;
    }
    context->certificate_count++;
    return true;
}

void context_forget_records(struct tls_context *context)
{
    for (size_t i = 0; i < context->certificate_count; i++)
        record_deinit(&context->certificates[i]);
    free(context->certificates);
}

size_t tls_context_certificates(const struct tls_context *context, const struct tls_certificate **list)
{
    *list = context->certificates;
    return context->certificate_count;
}
