/* What a server's certificate tells, in one line. */
#include "context.h"

#include "crossgate/pki/certificate.h"

#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

/* A certificate may have a hundred names; these many tell whose it is. */
enum { NAMES_SHOWN = 8 };

/* Text that grows until its room is used up. */
struct line {
    char *at;
    size_t size;
    size_t used;
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line->at + line->used, line->size - line->used, format, arguments);
    va_end(arguments);
    if (n > 0)
        line->used = line->used + (size_t)n < line->size ? line->used + (size_t)n : line->size - 1;
}

static void put_days(struct line *line, const X509 *leaf)
{
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)) != 1)
        return;
    if (days < 0 || seconds < 0)
        put(line, ", expired");
    else
        put(line, ", %d day%s left", days, days == 1 ? "" : "s");
}

static void put_host(struct line *line, const ASN1_STRING *text, const char *between)
{
    for (int i = 0; i < ASN1_STRING_length(text); i++)
        if (ASN1_STRING_get0_data(text)[i] <= 0x20 || ASN1_STRING_get0_data(text)[i] >= 0x7f)
            return;
    put(line, "%s%.*s", between, ASN1_STRING_length(text), (const char *)ASN1_STRING_get0_data(text));
}

static void put_address(struct line *line, const ASN1_STRING *bytes, const char *between)
{
    char address[INET6_ADDRSTRLEN];
    int length = ASN1_STRING_length(bytes);
    if ((length == 4 || length == 16) &&
        inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), address, sizeof address))
        put(line, "%s%s", between, address);
}

/* RFC 5280 section 4.2.1.6. Names with bytes that do not belong into a terminal are not printed. */
static void put_names(struct line *line, const X509 *leaf, const char *before)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    int count = sk_GENERAL_NAME_num(names);
    for (int i = 0; i < count && i < NAMES_SHOWN; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const char *between = i == 0 ? before : ", ";
        if (name->type == GEN_DNS)
            put_host(line, name->d.dNSName, between);
        else if (name->type == GEN_IPADD)
            put_address(line, name->d.iPAddress, between);
    }
    if (count > NAMES_SHOWN)
        put(line, " and %d more names", count - NAMES_SHOWN);
    GENERAL_NAMES_free(names);
}

void certificate_print_names(X509 *leaf, char *text, size_t size)
{
    struct line line = {text, size, 0};
    text[0] = '\0';
    put_names(&line, leaf, "");
}

void tls_certificate_print(const struct tls_certificate *certificate, char *text, size_t size)
{
    struct line line = {text, size, 0};
    const unsigned char *der = certificate->leaf.at;
    X509 *leaf = d2i_X509(NULL, &der, (long)certificate->leaf.len);
    text[0] = '\0';
    if (!leaf)
        return;
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    const char *type = EVP_PKEY_get0_type_name(key);
    put(&line, "%s %d", type ? type : "key of", EVP_PKEY_get_bits(key));
    if (certificate_is_self_signed(leaf))
        put(&line, ", self-signed");
    put_days(&line, leaf);
    put_names(&line, leaf, ": ");
    X509_free(leaf);
}
