#include "crossgate/pki/certificate.h"

#include "crossgate/pki/pem.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <ctype.h>
#include <stdio.h>
#include <time.h>

static X509 *decode(const struct pem_block *block)
{
    const unsigned char *at = block->der;
    X509 *certificate =
        block->kind == PEM_TRUSTED_CERTIFICATE ? d2i_X509_AUX(NULL, &at, block->len) : d2i_X509(NULL, &at, block->len);
    ERR_clear_error();
    return certificate;
}

/* False: reported. */
static bool append(const struct pem_block *block, size_t number, const struct pki_place *place, STACK_OF(X509) * all)
{
    X509 *certificate = decode(block);
    if (!certificate) {
        pki_report(place, PROBLEM_ERROR, "copy the file again from where it was made",
                   "%s is damaged: its PEM block %zu cannot be decoded as a certificate", place->path, number);
        return false;
    }
    if (sk_X509_push(all, certificate) > 0)
        return true;
    X509_free(certificate);
    pki_report(place, PROBLEM_ERROR, NULL, "out of memory");
    return false;
}

static bool append_all(const struct pem_file *pem, const struct pki_place *place, STACK_OF(X509) * all)
{
    size_t found = 0;
    for (size_t i = 0; i < pem->count; i++) {
        const struct pem_block *block = &pem->blocks[i];
        if (block->kind != PEM_CERTIFICATE && block->kind != PEM_TRUSTED_CERTIFICATE)
            continue;
        if (!append(block, i + 1, place, all))
            return false;
        found++;
    }
    if (found == 0) {
        pem_report_missing(pem, place, PEM_CERTIFICATE);
        return false;
    }
    if (pem->damaged)
        pki_report(
            place, PROBLEM_ERROR, "copy the file again from where it was made",
            "%s is damaged: after %zu good certificates there is a PEM block that is cut off or not valid base64",
            place->path, found);
    return !pem->damaged;
}

bool certificates_read(const struct pki_file *file, const struct pki_place *place, STACK_OF(X509) * all)
{
    struct pem_file pem;
    if (!pem_file_read(&pem, file->bytes)) {
        pki_report(place, PROBLEM_ERROR, NULL, "out of memory");
        return false;
    }
    bool worked = append_all(&pem, place, all);
    pem_file_deinit(&pem);
    return worked;
}

void certificate_print_name(const X509_NAME *name, char text[CERTIFICATE_NAME])
{
    text[0] = '\0';
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        int length = BIO_read(bio, text, CERTIFICATE_NAME - 1);
        text[length > 0 ? length : 0] = '\0';
    }
    BIO_free(bio);
    ERR_clear_error();
    if (text[0] == '\0')
        snprintf(text, CERTIFICATE_NAME, "(no name)");
}

int64_t certificate_seconds(const ASN1_TIME *time)
{
    struct tm parts;
    return time && ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

bool certificate_is_self_signed(X509 *certificate)
{
    bool is = X509_self_signed(certificate, 1) == 1;
    ERR_clear_error();
    return is;
}

void certificate_print_date(const ASN1_TIME *time, char text[DATE_TEXT])
{
    if (ASN1_TIME_check(time) == 1)
        date_print(certificate_seconds(time), text);
    else
        snprintf(text, DATE_TEXT, "a time that is not valid");
}

static const char remedy_renew[] = "renew the certificate, and put the new one in its place";

/* Renewal is due when two thirds of the lifetime are over; with less than a tenth, and at most ten days, left, whatever
 * was to do it has failed. */
static bool is_renewal_late(const ASN1_TIME *begin, const ASN1_TIME *end, int days_left)
{
    int lifetime = 0;
    int seconds = 0;
    if (ASN1_TIME_diff(&lifetime, &seconds, begin, end) != 1)
        return false;
    return days_left < (lifetime / 10 < 10 ? lifetime / 10 : 10);
}

static void check_dates(X509 *leaf, const struct pki_place *place)
{
    const ASN1_TIME *begin = X509_get0_notBefore(leaf);
    const ASN1_TIME *end = X509_get0_notAfter(leaf);
    char date[DATE_TEXT];
    int days_left = 0;
    int seconds_left = 0;
    if (X509_cmp_current_time(begin) > 0) {
        certificate_print_date(begin, date);
        pki_report(place, PROBLEM_WARNING, "check the clock of this machine: date -u",
                   "%s is NOT VALID YET: its certificate begins on %s. Clients will refuse it until then", place->path,
                   date);
    }
    certificate_print_date(end, date);
    if (X509_cmp_current_time(end) < 0)
        pki_report(place, PROBLEM_WARNING, remedy_renew,
                   "%s HAS EXPIRED: its certificate ended on %s. It is served all the same, but clients will refuse it",
                   place->path, date);
    else if (ASN1_TIME_diff(&days_left, &seconds_left, NULL, end) == 1 && is_renewal_late(begin, end, days_left))
        pki_report(place, PROBLEM_WARNING, remedy_renew, "%s: its certificate ends soon, on %s (in %d days)",
                   place->path, date, days_left);
}

static void check_names(X509 *leaf, const struct pki_place *place)
{
    if (X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1) >= 0)
        return;
    pki_report(
        place, PROBLEM_WARNING,
        "have it made again with the name: crossgate cert self-signed HOST, or crossgate cert sign HOST by your "
        "authority",
        "%s: its certificate has no subjectAltName; browsers and other current clients look for the host name only "
        "there and will refuse it",
        place->path);
}

static void check_use(X509 *leaf, enum pki_purpose purpose, const struct pki_place *place)
{
    uint32_t wanted = purpose == PKI_FOR_SERVER ? XKU_SSL_SERVER : XKU_SSL_CLIENT;
    uint32_t use = X509_get_extended_key_usage(leaf);
    if (use == UINT32_MAX || (use & (wanted | XKU_ANYEKU)) != 0)
        return;
    pki_report(
        place, PROBLEM_WARNING, NULL,
        "%s: its certificate is made for other uses (extendedKeyUsage) than TLS %s; the other side will refuse it",
        place->path, purpose == PKI_FOR_SERVER ? "servers" : "clients");
}

void certificate_check_leaf(X509 *leaf, enum pki_purpose purpose, const struct pki_place *place)
{
    check_dates(leaf, place);
    check_use(leaf, purpose, place);
    if (purpose != PKI_FOR_SERVER)
        return;
    check_names(leaf, place);
    if (certificate_is_self_signed(leaf))
        pki_report(place, PROBLEM_NOTE, NULL,
                   "%s is self-signed: right for development; other clients must be told to trust it", place->path);
    ERR_clear_error();
}

static bool check_signature(X509 *certificate, const struct pki_place *place, int strength)
{
    int digest = NID_undef;
    int bits = -1;
    char name[CERTIFICATE_NAME];
    if (certificate_is_self_signed(certificate) ||
        X509_get_signature_info(certificate, &digest, NULL, &bits, NULL) != 1 || bits >= strength)
        return true;
    certificate_print_name(X509_get_subject_name(certificate), name);
    pki_report(
        place, PROBLEM_ERROR, "have the certificate made again, signed with SHA-256",
        "%s: the certificate of %s is signed with a weak digest, %s (%d bits of security, at least %d are needed)",
        place->path, name, OBJ_nid2sn(digest), bits, strength);
    return false;
}

bool certificate_check_strength(X509 *certificate, const struct pki_place *place, int strength)
{
    char name[CERTIFICATE_NAME];
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    int bits = key ? EVP_PKEY_get_security_bits(key) : 0;
    ERR_clear_error();
    if (bits >= strength)
        return check_signature(certificate, place, strength);
    certificate_print_name(X509_get_subject_name(certificate), name);
    pki_report(place, PROBLEM_ERROR, "have the certificate made again for a key of at least 2048 bits (RSA)",
               "%s: the key of %s has %d bits of security, at least %d are needed", place->path, name, bits, strength);
    return false;
}

static bool is_plain_url(const ASN1_STRING *uri)
{
    const unsigned char *at = ASN1_STRING_get0_data(uri);
    int length = ASN1_STRING_length(uri);
    if (length >= CERTIFICATE_URL || length < 8 || memcmp(at, "http://", 7) != 0)
        return false;
    for (int i = 0; i < length; i++)
        if (!isalnum(at[i]) && !strchr("-._~:/%", at[i]))
            return false;
    return true;
}

static bool copy_issuer_url(const ACCESS_DESCRIPTION *access, char url[CERTIFICATE_URL])
{
    if (OBJ_obj2nid(access->method) != NID_ad_ca_issuers || access->location->type != GEN_URI)
        return false;
    const ASN1_STRING *uri = access->location->d.uniformResourceIdentifier;
    if (!is_plain_url(uri))
        return false;
    snprintf(url, CERTIFICATE_URL, "%.*s", ASN1_STRING_length(uri), (const char *)ASN1_STRING_get0_data(uri));
    return true;
}

bool certificate_issuer_url(X509 *certificate, char url[CERTIFICATE_URL])
{
    AUTHORITY_INFO_ACCESS *info = X509_get_ext_d2i(certificate, NID_info_access, NULL, NULL);
    bool found = false;
    for (int i = 0; !found && i < sk_ACCESS_DESCRIPTION_num(info); i++)
        found = copy_issuer_url(sk_ACCESS_DESCRIPTION_value(info, i), url);
    AUTHORITY_INFO_ACCESS_free(info);
    ERR_clear_error();
    return found;
}
