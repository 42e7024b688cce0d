#include "credential.h"

#include "crossgate/pki/chain.h"
#include "crossgate/pki/key.h"

#include <openssl/err.h>

int credential_strength(const SSL_CTX *context)
{
    static const int bits[] = {0, 80, 112, 128, 192, 256};
    int level = SSL_CTX_get_security_level(context);
    return level < 0 ? 0 : bits[level > 5 ? 5 : level];
}

/* All certificates in the order of the files. NULL: reported. */
static STACK_OF(X509) *
    read_all(const struct pki_file *certificate, const struct pki_files *chain, struct problems *problems)
{
    struct pki_place place = {problems, "certificate", PROBLEM_WHOLE, certificate->path};
    STACK_OF(X509) *all = sk_X509_new_null();
    bool worked = all && certificates_read(certificate, &place, all);
    place.key = "chain_certificates";
    for (size_t i = 0; all && chain && i < chain->count; i++) {
        place.index = i;
        place.path = chain->at[i].path;
        worked &= certificates_read(&chain->at[i], &place, all);
    }
    if (worked)
        return all;
    sk_X509_pop_free(all, X509_free);
    return NULL;
}

static bool check_strengths(X509 *leaf, STACK_OF(X509) * issuers, const struct pki_place *place, int strength)
{
    bool worked = certificate_check_strength(leaf, place, strength);
    for (int i = 0; i < sk_X509_num(issuers); i++)
        worked &= certificate_check_strength(sk_X509_value(issuers, i), place, strength);
    return worked;
}

static bool use(SSL_CTX *context, EVP_PKEY *key, X509 *leaf, STACK_OF(X509) * issuers, const struct pki_place *place)
{
    ERR_clear_error();
    if (SSL_CTX_use_cert_and_key(context, leaf, key, issuers, 1) == 1 && SSL_CTX_check_private_key(context) == 1)
        return true;
    pki_report_library(place, "OpenSSL does not accept the certificate and its key");
    return false;
}

bool credential_use(SSL_CTX *context, const struct pki_file *key, const struct pki_file *certificate,
                    const struct pki_files *chain, enum pki_purpose purpose, struct problems *problems)
{
    struct pki_place key_place = {problems, "key", PROBLEM_WHOLE, key->path};
    struct pki_place place = {problems, "certificate", PROBLEM_WHOLE, certificate->path};
    int strength = credential_strength(context);
    X509 *leaf = NULL;
    STACK_OF(X509) *issuers = NULL;
    EVP_PKEY *private_key = key_read(key, &key_place, strength);
    STACK_OF(X509) *all = read_all(certificate, chain, problems);
    bool worked = private_key && all && chain_build(all, private_key, purpose, &place, &leaf, &issuers);
    if (worked) {
        certificate_check_leaf(leaf, purpose, &place);
        worked = check_strengths(leaf, issuers, &place, strength) && use(context, private_key, leaf, issuers, &place);
    }
    sk_X509_free(issuers);
    sk_X509_pop_free(all, X509_free);
    EVP_PKEY_free(private_key);
    return worked;
}
