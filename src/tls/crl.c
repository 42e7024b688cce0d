/* Lists of revoked certificates (RFC 5280 section 5). */
#include "trust.h"

#include "crossgate/pki/certificate.h"
#include "crossgate/pki/pem.h"

#include <openssl/err.h>

static const char remedy_fetch[] = "have its authority make a new one, and fetch it before the old one ends";

/* As nginx and HAProxy do, and as RFC 5280 section 6.3 has it: who cannot know that a certificate is not revoked does not
 * accept it. */
static void check_dates(X509_CRL *crl, const struct pki_place *place, const char *issuer)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
    int days = 0;
    int seconds = 0;
    if (X509_cmp_current_time(X509_CRL_get0_lastUpdate(crl)) > 0)
        pki_report(place, PROBLEM_WARNING, "check the clock of this machine: date -u",
                   "%s is NOT VALID YET: until then every client with a certificate of %s is refused", place->path,
                   issuer);
    if (!next || ASN1_TIME_diff(&days, &seconds, NULL, next) != 1)
        return;
    if (days < 0 || seconds < 0)
        pki_report(place, PROBLEM_WARNING, remedy_fetch,
                   "%s HAS EXPIRED: every client with a certificate of %s is refused", place->path, issuer);
    else if (days < 1)
        pki_report(place, PROBLEM_WARNING, remedy_fetch,
                   "%s ends within a day: then every client with a certificate of %s is refused", place->path, issuer);
}

static bool is_signed_by_anchor(X509_CRL *crl, X509_STORE *store)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *anchor = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (anchor && X509_NAME_cmp(X509_get_subject_name(anchor), X509_CRL_get_issuer(crl)) == 0 &&
            X509_CRL_verify(crl, X509_get0_pubkey(anchor)) == 1)
            return true;
    }
    ERR_clear_error();
    return false;
}

static bool add(X509_STORE *store, X509_CRL *crl, const struct pki_place *place)
{
    char issuer[CERTIFICATE_NAME];
    certificate_print_name(X509_CRL_get_issuer(crl), issuer);
    check_dates(crl, place, issuer);
    if (!is_signed_by_anchor(crl, store))
        pki_report(place, PROBLEM_WARNING, "name the authority's certificate in ca_certificates, beside it",
                   "%s is a list of %s, which is not among the ca_certificates", place->path, issuer);
    if (X509_STORE_add_crl(store, crl) == 1)
        return true;
    pki_report_library(place, "list of revoked certificates not accepted");
    return false;
}

static bool add_block(X509_STORE *store, const struct pem_block *block, const struct pki_place *place)
{
    const unsigned char *at = block->der;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, block->len);
    ERR_clear_error();
    if (!crl)
        pki_report(place, PROBLEM_ERROR, "copy the file again from where it was made",
                   "%s is damaged: its list of revoked certificates cannot be decoded", place->path);
    bool worked = crl && add(store, crl, place);
    X509_CRL_free(crl);
    return worked;
}

static bool add_file(X509_STORE *store, const struct pki_file *file, const struct pki_place *place)
{
    struct pem_file pem;
    if (!pem_file_read(&pem, file->bytes)) {
        pki_report(place, PROBLEM_ERROR, NULL, "out of memory");
        return false;
    }
    bool worked = pem_file_find(&pem, PEM_CRL) != NULL;
    if (!worked)
        pem_report_missing(&pem, place, PEM_CRL);
    for (size_t i = 0; worked && i < pem.count; i++)
        worked = pem.blocks[i].kind != PEM_CRL || add_block(store, &pem.blocks[i], place);
    pem_file_deinit(&pem);
    return worked;
}

/* The issuer of a leaf that has no list refuses the leaf. Those of intermediates are not looked for, so that an authority
 * that is listed for the sake of its intermediates needs none. */
static bool has_crl(X509_STORE *store, X509 *anchor)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
        if (crl && X509_NAME_cmp(X509_get_subject_name(anchor), X509_CRL_get_issuer(crl)) == 0)
            return true;
    }
    return false;
}

static void report_missing(X509_STORE *store, struct problems *problems)
{
    const struct pki_place place = {problems, "crl_files", PROBLEM_WHOLE, NULL};
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    char name[CERTIFICATE_NAME];
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *anchor = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (!anchor || has_crl(store, anchor))
            continue;
        certificate_print_name(X509_get_subject_name(anchor), name);
        pki_report(&place, PROBLEM_WARNING, "name its list, too, or leave crl_files out",
                   "there is no list of %s: clients with a certificate that it has issued itself are refused", name);
    }
}

bool trust_read_crls(const struct pki_files *files, X509_STORE *store, struct problems *problems)
{
    struct pki_place place = {problems, "crl_files", PROBLEM_WHOLE, NULL};
    bool worked = true;
    for (size_t i = 0; i < files->count; i++) {
        place.index = i;
        place.path = files->at[i].path;
        worked &= add_file(store, &files->at[i], &place);
    }
    if (worked && files->count > 0)
        report_missing(store, problems);
    return worked;
}
