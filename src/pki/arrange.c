/* A bag of certificates becomes what a server sends. */
#include "bag.h"

#include "crossgate/pki/chain.h"
#include "crossgate/pki/key.h"
#include "crossgate/pki/text.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdio.h>

/* While a bag is put in order. */
struct arranging {
    const struct pki_bag *bag;
    struct problems *problems;
    STACK_OF(X509) * all;   /* borrowed certificates */
    STACK_OF(X509) * chain; /* the root, if there is one, at its end */
};

static void report(struct arranging *work, const char *code, enum problem_severity severity, const char *remedy,
                   const char *text)
{
    problem_report(work->problems, severity, code, PROBLEM_WHOLE, remedy, "%s", text);
}

static size_t index_of(const struct pki_bag *bag, const X509 *certificate)
{
    size_t i = 0;
    while (bag->items[i].sort != PKI_CERTIFICATE || bag->items[i].certificate != certificate)
        i++;
    return i;
}

static const char *path_of(const struct arranging *work, const X509 *certificate)
{
    return work->bag->items[index_of(work->bag, certificate)].path;
}

static bool has_issued_another(const struct arranging *work, X509 *issuer)
{
    for (int i = 0; i < sk_X509_num(work->all); i++) {
        X509 *other = sk_X509_value(work->all, i);
        if (X509_cmp(issuer, other) != 0 && chain_has_issued(issuer, other))
            return true;
    }
    return false;
}

/* Certificates that have issued none of the others, each once. */
static void keep_candidates(const struct arranging *work, STACK_OF(X509) * candidates)
{
    for (int i = 0; i < sk_X509_num(work->all); i++) {
        X509 *certificate = sk_X509_value(work->all, i);
        if (!chain_holds(candidates, certificate) && !has_issued_another(work, certificate))
            sk_X509_push(candidates, certificate);
    }
}

static void report_doubt(struct arranging *work, STACK_OF(X509) * candidates)
{
    char text[512], name[CERTIFICATE_NAME];
    size_t used = (size_t)snprintf(text, sizeof text, "which is the server's certificate?");
    for (int i = 0; i < sk_X509_num(candidates) && used < sizeof text; i++) {
        X509 *certificate = sk_X509_value(candidates, i);
        certificate_print_name(X509_get_subject_name(certificate), name);
        int wrote = snprintf(text + used, sizeof text - used, "%s %s (%s)", i > 0 ? " or" : " That of", name,
                             path_of(work, certificate));
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    report(work, "leaf", PROBLEM_ERROR, "name its private key: --key FILE", text);
}

/* Without a key: the one that is nobody's issuer; of several, the one that is no authority. */
static X509 *guess_leaf(struct arranging *work)
{
    X509 *leaf = NULL;
    STACK_OF(X509) *candidates = sk_X509_new_null();
    if (candidates)
        keep_candidates(work, candidates);
    for (int i = sk_X509_num(candidates) - 1; sk_X509_num(candidates) > 1 && i >= 0; i--) {
        if (X509_check_ca(sk_X509_value(candidates, i)) == 1)
            sk_X509_delete(candidates, i);
    }
    if (sk_X509_num(candidates) == 1)
        leaf = sk_X509_value(candidates, 0);
    else
        report_doubt(work, candidates);
    sk_X509_free(candidates);
    return leaf;
}

/* Of several certificates for one key the one that ends last: the others were renewed. */
static X509 *find_leaf(struct arranging *work, EVP_PKEY *key)
{
    X509 *found = NULL;
    for (int i = 0; i < sk_X509_num(work->all); i++) {
        X509 *certificate = sk_X509_value(work->all, i);
        EVP_PKEY *public_key = X509_get0_pubkey(certificate);
        if (!public_key || EVP_PKEY_eq(public_key, key) != 1)
            continue;
        if (!found || ASN1_TIME_compare(X509_get0_notAfter(certificate), X509_get0_notAfter(found)) > 0)
            found = certificate;
    }
    if (!found || !key_proves(key, X509_get0_pubkey(found))) {
        report(work, "key", PROBLEM_ERROR, "compare their public keys: crossgate cert show KEY CERTIFICATE",
               "no certificate belongs to the private key");
        return NULL;
    }
    return found;
}

static bool has_itself(STACK_OF(X509) * stack, const X509 *certificate)
{
    for (int i = 0; i < sk_X509_num(stack); i++) {
        if (sk_X509_value(stack, i) == certificate)
            return true;
    }
    return false;
}

/* Without the root, the chain is done: what of the bag is not in it? */
static void report_left_over(struct arranging *work, X509 *certificate)
{
    char name[CERTIFICATE_NAME], text[512];
    const char *code = "surplus", *what = "is not part of the chain, and is left out";
    enum problem_severity severity = PROBLEM_WARNING;
    if (has_itself(work->chain, certificate))
        return;
    if (chain_holds(work->chain, certificate)) {
        what = "is there twice, and is taken once";
        severity = PROBLEM_NOTE;
    } else if (chain_has_root(work->chain, certificate)) {
        code = "root";
        what = "is the root, and is left out: clients have it, or do not trust it";
        severity = PROBLEM_NOTE;
    }
    certificate_print_name(X509_get_subject_name(certificate), name);
    snprintf(text, sizeof text, "%s: the certificate of %s %s", path_of(work, certificate), name, what);
    report(work, code, severity, NULL, text);
}

/* As chain_build does it for a server that starts: what says where its issuer is comes of a public authority. False: something is
 * missing, and where it can be had is said. */
static bool report_missing(struct arranging *work)
{
    char issuer[CERTIFICATE_NAME], url[CERTIFICATE_URL], text[512], remedy[PKI_REMEDY_TEXT];
    X509 *last = sk_X509_value(work->chain, sk_X509_num(work->chain) - 1);
    if (certificate_is_self_signed(last) || chain_system_has_issuer(last))
        return true;
    certificate_print_name(X509_get_issuer_name(last), issuer);
    if (!certificate_issuer_url(last, url)) {
        snprintf(text, sizeof text, "the chain ends below %s, which clients must trust; this system does not", issuer);
        report(work, "issuer", PROBLEM_NOTE, NULL, text);
        return true;
    }
    snprintf(text, sizeof text,
             "an intermediate certificate is missing, that of %s: many clients will refuse the chain", issuer);
    report(work, "missing", PROBLEM_ERROR, pki_remedy(remedy, "curl -sS -o issuer.crt %s, and add issuer.crt", url),
           text);
    return false;
}

/* The order in which servers send it, with a root at its end; false: reported. */
static bool collect(struct arranging *work)
{
    EVP_PKEY *key = bag_key(work->bag);
    if (sk_X509_num(work->all) == 0) {
        report(work, "leaf", PROBLEM_ERROR, NULL, "there is no certificate");
        return false;
    }
    X509 *leaf = key ? find_leaf(work, key) : guess_leaf(work);
    if (leaf && !chain_collect(work->all, leaf, work->chain)) {
        report(work, NULL, PROBLEM_ERROR, NULL, "out of memory");
        return false;
    }
    return leaf != NULL;
}

static void conclude(struct arranging *work, struct pki_chain *chain)
{
    chain->whole = report_missing(work);
    if (sk_X509_num(work->chain) > 1 &&
        certificate_is_self_signed(sk_X509_value(work->chain, sk_X509_num(work->chain) - 1)))
        sk_X509_pop(work->chain);
    for (int i = 0; i < sk_X509_num(work->all); i++)
        report_left_over(work, sk_X509_value(work->all, i));
    for (int i = 0; i < sk_X509_num(work->chain); i++)
        chain->at[chain->count++] = index_of(work->bag, sk_X509_value(work->chain, i));
}

bool pki_bag_chain(const struct pki_bag *bag, struct pki_chain *chain, struct problems *problems)
{
    struct arranging work = {bag, problems, bag_certificates(bag), sk_X509_new_null()};
    bool worked = false;
    chain->count = 0;
    if (!work.all || !work.chain)
        report(&work, NULL, PROBLEM_ERROR, NULL, "out of memory");
    else
        worked = collect(&work);
    if (worked)
        conclude(&work, chain);
    sk_X509_free(work.chain);
    sk_X509_free(work.all);
    ERR_clear_error();
    return worked;
}

bool pki_chain_write(const struct pki_bag *bag, const struct pki_chain *chain, struct pki_text *pem,
                     struct error *error)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool worked = bio != NULL;
    for (size_t i = 0; worked && i < chain->count; i++)
        worked = PEM_write_bio_X509(bio, bag->items[chain->at[i]].certificate) == 1;
    if (worked) {
        worked = pki_text_take(pem, bio);
        bio = NULL;
    }
    if (!worked)
        pki_error_library(error, "the certificates cannot be written");
    BIO_free(bio);
    return worked;
}
