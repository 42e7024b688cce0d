#include "crossgate/pki/chain.h"

#include "crossgate/pki/key.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static X509 *find_leaf(STACK_OF(X509) * given, const EVP_PKEY *key)
{
    for (int i = 0; i < sk_X509_num(given); i++) {
        const EVP_PKEY *public_key = X509_get0_pubkey(sk_X509_value(given, i));
        if (public_key && EVP_PKEY_eq(public_key, key) == 1)
            return sk_X509_value(given, i);
    }
    return NULL;
}

bool chain_has_issued(X509 *issuer, X509 *subject)
{
    return X509_check_issued(issuer, subject) == X509_V_OK && X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
}

bool chain_holds(STACK_OF(X509) * stack, const X509 *certificate)
{
    for (int i = 0; i < sk_X509_num(stack); i++)
        if (X509_cmp(sk_X509_value(stack, i), certificate) == 0)
            return true;
    return false;
}

/* A root comes last, so that of two certificates for one authority the cross-signed one is sent. */
static X509 *find_issuer(STACK_OF(X509) * given, X509 *subject, STACK_OF(X509) * chain)
{
    X509 *root = NULL;
    for (int i = 0; i < sk_X509_num(given); i++) {
        X509 *candidate = sk_X509_value(given, i);
        if (chain_holds(chain, candidate) || !chain_has_issued(candidate, subject))
            continue;
        if (!certificate_is_self_signed(candidate))
            return candidate;
        root = candidate;
    }
    return root;
}

static void report_mismatch(const struct pki_place *place)
{
    pki_report(place, PROBLEM_ERROR, "compare their public keys: crossgate cert show KEY CERTIFICATE",
               "%s: no certificate in it belongs to the private key", place->path);
}

/* The names in the order of the files, e.g. "CN=R3 > CN=example.com". */
static void print_order(STACK_OF(X509) * given, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < sk_X509_num(given) && used < size; i++) {
        char name[CERTIFICATE_NAME];
        certificate_print_name(X509_get_subject_name(sk_X509_value(given, i)), name);
        int wrote = snprintf(text + used, size - used, "%s%s", i ? " > " : "", name);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

/* The chain is a subsequence of what was given, if the order was right. */
static bool is_in_order(STACK_OF(X509) * given, STACK_OF(X509) * chain)
{
    int next = 0;
    for (int i = 0; i < sk_X509_num(given) && next < sk_X509_num(chain); i++)
        if (X509_cmp(sk_X509_value(given, i), sk_X509_value(chain, next)) == 0)
            next++;
    return next == sk_X509_num(chain) && sk_X509_value(given, 0) == sk_X509_value(chain, 0);
}

static void report_order(STACK_OF(X509) * given, STACK_OF(X509) * chain, const struct pki_place *place)
{
    char order[320];
    if (is_in_order(given, chain))
        return;
    print_order(given, order, sizeof order);
    pki_report(place, PROBLEM_WARNING, "put the server's certificate first, then each one's issuer after it",
               "%s: the certificates are in the wrong order, and are sent in the right one. Found: %s", place->path,
               order);
}

bool chain_has_root(STACK_OF(X509) * chain, X509 *certificate)
{
    if (!certificate_is_self_signed(certificate))
        return false;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        const X509_NAME *issuer = X509_get_issuer_name(sk_X509_value(chain, i));
        if (X509_NAME_cmp(issuer, X509_get_subject_name(certificate)) == 0)
            return true;
    }
    return false;
}

/* The root is left out on purpose; anything else that is not sent was meant to be. */
static void report_left_over(STACK_OF(X509) * given, STACK_OF(X509) * chain, const struct pki_place *place)
{
    static const char look[] = "look at them: crossgate cert show FILE";
    X509 *last = sk_X509_value(chain, sk_X509_num(chain) - 1);
    char name[CERTIFICATE_NAME];
    char wanted[CERTIFICATE_NAME];
    certificate_print_name(X509_get_issuer_name(last), wanted);
    for (int i = 0; i < sk_X509_num(given); i++) {
        X509 *certificate = sk_X509_value(given, i);
        if (chain_holds(chain, certificate) || chain_has_root(chain, certificate))
            continue;
        certificate_print_name(X509_get_subject_name(certificate), name);
        if (certificate_is_self_signed(last))
            pki_report(place, PROBLEM_WARNING, look,
                       "%s: the certificate of %s is not part of the chain, and is not sent", place->path, name);
        else
            pki_report(place, PROBLEM_WARNING, look,
                       "%s: the chain is broken: it goes on with %s, but %s was given, which is not sent", place->path,
                       wanted, name);
    }
}

/* Names such as 4042bcee.0 are those by which OpenSSL finds a certificate in a directory (openssl-rehash(1)). */
static bool is_hashed(const char *directory)
{
    DIR *entries = opendir(directory);
    bool found = false;
    for (const struct dirent *entry; entries && !found && (entry = readdir(entries));)
        found = strspn(entry->d_name, "0123456789abcdef") == 8 && strcmp(entry->d_name + 8, ".0") == 0;
    if (entries)
        closedir(entries);
    return found;
}

/* To look into a hashed directory costs nothing, to read the file beside it some ten milliseconds, for each certificate that is
 * served; systems that have both keep the same in both. */
static bool use_system(X509_STORE *store)
{
    const char *file = getenv(X509_get_default_cert_file_env()), *directory = getenv(X509_get_default_cert_dir_env());
    directory = directory ? directory : X509_get_default_cert_dir();
    if (!file && is_hashed(directory))
        return X509_STORE_load_path(store, directory) == 1;
    return X509_STORE_set_default_paths(store) == 1;
}

void chain_memory_deinit(struct chain_memory *memory)
{
    X509_STORE_free(memory->system);
    X509_NAME_free(memory->missed);
}

/* NULL when memory is out. */
static X509_STORE *load_system(struct chain_memory *memory)
{
    if (!memory->system)
        memory->system = X509_STORE_new();
    else
        return memory->system;
    return memory->system && use_system(memory->system) ? memory->system : NULL;
}

static bool system_has_issuer(X509 *certificate, struct chain_memory *memory)
{
    X509 *issuer = NULL;
    X509_STORE *store = load_system(memory);
    X509_STORE_CTX *search = X509_STORE_CTX_new();
    bool found = store && search && X509_STORE_CTX_init(search, store, certificate, NULL) == 1 &&
                 X509_STORE_CTX_get1_issuer(&issuer, search, certificate) == 1;
    X509_free(issuer);
    X509_STORE_CTX_free(search);
    ERR_clear_error();
    return found;
}

bool chain_system_has_issuer(X509 *certificate)
{
    struct chain_memory memory = {0};
    bool found = system_has_issuer(certificate, &memory);
    chain_memory_deinit(&memory);
    return found;
}

/* Whether it is the first to be missed, or another one than last. */
static bool is_news(const X509_NAME *issuer, struct chain_memory *memory)
{
    if (memory->missed && X509_NAME_cmp(memory->missed, issuer) == 0)
        return false;
    X509_NAME_free(memory->missed);
    memory->missed = X509_NAME_dup(issuer);
    return true;
}

/* Whether clients can get from the last certificate to a root they trust cannot be known; it is likely if this system
 * does. A certificate that says where its issuer's is found comes of a public authority, whose intermediates servers
 * have to send; one that does not is likely to come of an authority of one's own. */
static void report_incomplete(X509 *last, const struct pki_place *place, struct chain_memory *memory)
{
    char text[PKI_REMEDY_TEXT];
    char issuer[CERTIFICATE_NAME];
    char url[CERTIFICATE_URL];
    if (place->problems->vouched || certificate_is_self_signed(last) || system_has_issuer(last, memory) ||
        !is_news(X509_get_issuer_name(last), memory))
        return;
    certificate_print_name(X509_get_issuer_name(last), issuer);
    if (certificate_issuer_url(last, url))
        pki_report(
            place, PROBLEM_WARNING,
            pki_remedy(text,
                       "curl -s %s | crossgate cert chain - --out chain.pem, and name chain.pem in chain_certificates",
                       url),
            "%s: an intermediate certificate is missing, that of %s: many clients will refuse the chain", place->path,
            issuer);
    else
        pki_report(place, PROBLEM_NOTE, NULL, "%s: clients must trust %s, which this system does not", place->path,
                   issuer);
}

bool chain_collect(STACK_OF(X509) * given, X509 *leaf, STACK_OF(X509) * chain)
{
    for (X509 *next = leaf; next; next = find_issuer(given, next, chain)) {
        if (sk_X509_push(chain, next) <= 0)
            return false;
        if (certificate_is_self_signed(next))
            break;
    }
    ERR_clear_error();
    return true;
}

bool chain_build(STACK_OF(X509) * given, EVP_PKEY *key, enum pki_purpose purpose, const struct pki_place *place,
                 struct chain_memory *memory, X509 **leaf, STACK_OF(X509) * *issuers)
{
    struct chain_memory own = {0};
    *leaf = find_leaf(given, key);
    ERR_clear_error();
    if (!*leaf || !key_proves(key, X509_get0_pubkey(*leaf))) {
        report_mismatch(place);
        return false;
    }
    STACK_OF(X509) *chain = sk_X509_new_null();
    if (!chain || !chain_collect(given, *leaf, chain)) {
        sk_X509_free(chain);
        pki_report(place, PROBLEM_ERROR, NULL, "out of memory");
        return false;
    }
    report_order(given, chain, place);
    report_left_over(given, chain, place);
    X509 *last = sk_X509_value(chain, sk_X509_num(chain) - 1);
    if (purpose == PKI_FOR_SERVER)
        report_incomplete(last, place, memory ? memory : &own);
    chain_memory_deinit(&own);
    if (sk_X509_num(chain) > 1 && certificate_is_self_signed(last))
        sk_X509_pop(chain);
    sk_X509_shift(chain);
    *issuers = chain;
    return true;
}
