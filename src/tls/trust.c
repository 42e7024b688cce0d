#include "trust.h"

#include "crossgate/pki/certificate.h"
#include "crossgate/pki/report.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <unistd.h>

static const char key_authorities[] = "ca_certificates";

static bool add_anchor(X509_STORE *store, X509 *certificate, const struct pki_place *place)
{
    char name[CERTIFICATE_NAME];
    certificate_print_name(X509_get_subject_name(certificate), name);
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
        pki_report(place, PROBLEM_WARNING, NULL, "%s: the authority %s has expired; nothing it issued is accepted",
                   place->path, name);
    if (X509_STORE_add_cert(store, certificate) == 1)
        return true;
    pki_report_library(place, "certificate not accepted as an authority");
    return false;
}

static bool add_file(X509_STORE *store, const struct pki_file *file, const struct pki_place *place,
                     STACK_OF(X509_NAME) * names)
{
    STACK_OF(X509) *certificates = sk_X509_new_null();
    bool worked = certificates && certificates_read(file, place, certificates);
    for (int i = 0; worked && i < sk_X509_num(certificates); i++) {
        X509 *certificate = sk_X509_value(certificates, i);
        X509_NAME *name = X509_NAME_dup(X509_get_subject_name(certificate));
        worked = name && sk_X509_NAME_push(names, name) > 0 && add_anchor(store, certificate, place);
    }
    sk_X509_pop_free(certificates, X509_free);
    return worked;
}

bool trust_read(const struct pki_files *files, X509_STORE *store, STACK_OF(X509_NAME) * names, const char *when_empty,
                struct problems *problems)
{
    struct pki_place place = {problems, key_authorities, PROBLEM_WHOLE, NULL};
    bool worked = true;
    if (files->count == 0) {
        pki_report(&place, PROBLEM_ERROR, when_empty, "the list of authorities is empty");
        return false;
    }
    for (size_t i = 0; i < files->count; i++) {
        place.index = i;
        place.path = files->at[i].path;
        worked &= add_file(store, &files->at[i], &place, names);
    }
    return worked;
}

bool trust_use_files(SSL_CTX *context, const struct pki_files *files, struct problems *problems)
{
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    bool worked = names && trust_read(files, SSL_CTX_get_cert_store(context), names,
                                      "leave it out: then the system's are used", problems);
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
    return worked;
}

static bool is_readable(const char *variable, const char *standard)
{
    const char *named = getenv(variable);
    return access(named ? named : standard, R_OK) == 0;
}

/* OpenSSL looks certificates up in that directory when it needs them, and keeps them in memory from then on. */
bool trust_use_system(SSL_CTX *context, struct problems *problems)
{
    struct pki_place place = {problems, key_authorities, PROBLEM_WHOLE, NULL};
    if (!is_readable(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()) &&
        !is_readable(X509_get_default_cert_file_env(), X509_get_default_cert_file()))
        pki_report(&place, PROBLEM_WARNING, "apt install ca-certificates, or name the authorities in ca_certificates",
                   "this system has no trust store at %s: no backend certificate can be verified",
                   X509_get_default_cert_dir());
    if (SSL_CTX_set_default_verify_paths(context) == 1)
        return true;
    pki_report_library(&place, "the system's trust store cannot be used");
    return false;
}
