/* What clients would say of a chain. */
#include "bag.h"

#include "crossgate/pki/certificate.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* What OpenSSL finds, in the words of people and of browsers. */
static const struct complaint {
    int error;
    const char *code;
    const char *text; /* behind "the certificate of NAME"; NULL: said by another row already */
    const char *browsers;
    const char *remedy;
} complaints[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, "time", "HAS EXPIRED",
     "Chrome: NET::ERR_CERT_DATE_INVALID, Firefox: SEC_ERROR_EXPIRED_CERTIFICATE",
     "have it renewed: crossgate cert self-signed or sign, with --force, or your authority"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "time", "is NOT VALID YET",
     "Chrome: NET::ERR_CERT_DATE_INVALID, Firefox: MOZILLA_PKIX_ERROR_NOT_YET_VALID_CERTIFICATE",
     "check the clock of this machine: date -u"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "issuer", "is self-signed, and not among those that are trusted",
     "Chrome: NET::ERR_CERT_AUTHORITY_INVALID, Firefox: MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT",
     "right for development: have clients trust it, and verify it with --ca FILE, the file itself"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "issuer", "is a root that is not trusted",
     "Chrome: NET::ERR_CERT_AUTHORITY_INVALID, Firefox: SEC_ERROR_UNKNOWN_ISSUER",
     "if it is your own authority: --ca FILE, and have clients trust it"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "issuer", NULL, NULL, NULL},
    {X509_V_ERR_INVALID_CA, "use", "may not issue others: it is no authority's", "Firefox: SEC_ERROR_CA_CERT_INVALID",
     "an authority is made by crossgate cert ca"},
    {X509_V_ERR_INVALID_PURPOSE, "use", "is made for other uses than TLS servers (extendedKeyUsage)",
     "Chrome: NET::ERR_CERT_INVALID, Firefox: SEC_ERROR_INADEQUATE_CERT_TYPE", "have it made again, for servers"},
    {X509_V_ERR_KEYUSAGE_NO_CERTSIGN, "use", "may not issue others (keyUsage)",
     "Firefox: SEC_ERROR_INADEQUATE_KEY_USAGE", "an authority is made by crossgate cert ca"},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, "constraint", "has too many authorities below it (path length)",
     "Firefox: SEC_ERROR_PATH_LEN_CONSTRAINT_INVALID", "have servers' certificates issued by it directly"},
    {X509_V_ERR_PERMITTED_VIOLATION, "constraint", "has a name that its authority may not certify (nameConstraints)",
     "Chrome: NET::ERR_CERT_INVALID, Firefox: SEC_ERROR_CERT_NOT_IN_NAME_SPACE",
     "make the authority for that name, too: crossgate cert ca --only NAME"},
    {X509_V_ERR_EXCLUDED_VIOLATION, "constraint", "has a name that its authority may not certify (nameConstraints)",
     "Chrome: NET::ERR_CERT_INVALID, Firefox: SEC_ERROR_CERT_NOT_IN_NAME_SPACE",
     "make the authority for that name, too: crossgate cert ca --only NAME"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, "strength", "has a key that can be broken", "Chrome: NET::ERR_CERT_WEAK_KEY",
     "crossgate cert key, and have a certificate made for it"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, "strength", "has a key that can be broken", "Chrome: NET::ERR_CERT_WEAK_KEY",
     "it takes another authority"},
    {X509_V_ERR_CA_MD_TOO_WEAK, "strength", "is signed with a digest that can be forged",
     "Chrome: NET::ERR_CERT_WEAK_SIGNATURE_ALGORITHM, Firefox: SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED",
     "have it signed again, with SHA-256"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "issuer", "is not signed by the one it names",
     "Chrome: NET::ERR_CERT_INVALID, Firefox: SEC_ERROR_BAD_SIGNATURE",
     "copy the files again from where they were made"},
};

static const struct complaint *find_complaint(int error)
{
    for (size_t i = 0; i < sizeof complaints / sizeof complaints[0]; i++) {
        if (complaints[i].error == error)
            return &complaints[i];
    }
    return NULL;
}

/* "CN=localhost", or what there is. */
static void print_subject(X509 *certificate, char name[CERTIFICATE_NAME])
{
    certificate_print_name(X509_get_subject_name(certificate), name);
}

/* " (since 2026-…)" for what has to do with time. */
static void print_since(int error, X509 *certificate, char text[64])
{
    char date[DATE_TEXT];
    text[0] = '\0';
    if (error != X509_V_ERR_CERT_HAS_EXPIRED && error != X509_V_ERR_CERT_NOT_YET_VALID)
        return;
    bool over = error == X509_V_ERR_CERT_HAS_EXPIRED;
    certificate_print_date(over ? X509_get0_notAfter(certificate) : X509_get0_notBefore(certificate), date);
    snprintf(text, 64, " (%s %s)", over ? "since" : "before", date);
}

/* Nobody is known who issued it: an intermediate that should have been sent, or an authority that is not trusted. */
static void report_no_issuer(struct problems *problems, X509 *certificate)
{
    char issuer[CERTIFICATE_NAME], url[CERTIFICATE_URL], remedy[PKI_REMEDY_TEXT];
    certificate_print_name(X509_get_issuer_name(certificate), issuer);
    if (certificate_issuer_url(certificate, url))
        problem_report(
            problems, PROBLEM_ERROR, "missing", PROBLEM_WHOLE,
            pki_remedy(remedy, "curl -sS -o issuer.crt %s, then crossgate cert chain FILE… issuer.crt --out FULL", url),
            "the certificate of %s is missing, an intermediate: Chrome may fetch it, Firefox "
            "(SEC_ERROR_UNKNOWN_ISSUER), "
            "curl, Python and Java will not",
            issuer);
    else
        problem_report(problems, PROBLEM_ERROR, "issuer", PROBLEM_WHOLE,
                       "if it is your own authority: --ca FILE, and have clients trust it",
                       "%s is not trusted, and its certificate is not here (Chrome: NET::ERR_CERT_AUTHORITY_INVALID, "
                       "Firefox: SEC_ERROR_UNKNOWN_ISSUER)",
                       issuer);
}

static void report_error(struct problems *problems, int error, X509 *certificate)
{
    char name[CERTIFICATE_NAME], since[64];
    const struct complaint *complaint = find_complaint(error);
    print_subject(certificate, name);
    print_since(error, certificate, since);
    if (error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT)
        report_no_issuer(problems, certificate);
    else if (!complaint)
        problem_report(problems, PROBLEM_ERROR, "other", PROBLEM_WHOLE, NULL, "the certificate of %s: %s", name,
                       X509_verify_cert_error_string(error));
    else if (complaint->text)
        problem_report(problems, PROBLEM_ERROR, complaint->code, PROBLEM_WHOLE, complaint->remedy,
                       "the certificate of %s %s%s (%s)", name, complaint->text, since, complaint->browsers);
}

/* All that is wrong is wanted, not the first. */
static int on_verify(int fine, X509_STORE_CTX *context)
{
    X509 *certificate = X509_STORE_CTX_get_current_cert(context);
    if (!fine && certificate)
        report_error(X509_STORE_CTX_get_app_data(context), X509_STORE_CTX_get_error(context), certificate);
    return 1;
}

static X509_STORE *new_store(const struct pki_bag *authorities)
{
    X509_STORE *store = X509_STORE_new();
    bool worked = store && (authorities || X509_STORE_set_default_paths(store) == 1);
    for (size_t i = 0; worked && authorities && i < authorities->count; i++) {
        if (authorities->items[i].sort == PKI_CERTIFICATE)
            worked = X509_STORE_add_cert(store, authorities->items[i].certificate) == 1;
    }
    if (worked)
        return store;
    X509_STORE_free(store);
    return NULL;
}

/* Whoever names an intermediate as trusted means it. Level 2 is 112 bits: RSA 2048. */
static void set_parameters(X509_VERIFY_PARAM *parameters, bool own)
{
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_auth_level(parameters, 2);
    if (own)
        X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
}

static void verify_path(X509 *leaf, STACK_OF(X509) * others, const struct pki_bag *authorities,
                        struct problems *problems)
{
    X509_STORE *store = new_store(authorities);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (store && context && X509_STORE_CTX_init(context, store, leaf, others) == 1) {
        X509_STORE_CTX_set_app_data(context, problems);
        X509_STORE_CTX_set_verify_cb(context, on_verify);
        set_parameters(X509_STORE_CTX_get0_param(context), authorities != NULL);
        if (X509_verify_cert(context) != 1) /* on_verify lets all pass: it has not come to an end */
            problem_report(problems, PROBLEM_ERROR, NULL, PROBLEM_WHOLE, NULL, "the chain cannot be verified");
    } else {
        problem_report(problems, PROBLEM_ERROR, NULL, PROBLEM_WHOLE, NULL, "out of memory");
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
}

static bool has_name(X509 *leaf, const char *name)
{
    struct pki_network address;
    if (pki_network_read(name, &address))
        return X509_check_ip_asc(leaf, name, 0) == 1;
    return X509_check_host(leaf, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

/* "a, b and others" into the text. */
static void print_names(const struct pki_words *names, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < names->count && used < size; i++) {
        int wrote = snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", names->at[i]);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

static void verify_name(X509 *leaf, const struct pki_card *card, const char *name, struct problems *problems)
{
    char names[300];
    print_names(&card->names, names, sizeof names);
    if (card->names.count == 0)
        problem_report(problems, PROBLEM_ERROR, "name", PROBLEM_WHOLE,
                       "have it made again: crossgate cert self-signed HOST, or crossgate cert sign HOST",
                       "the certificate has no names (subjectAltName), and clients look nowhere else (Chrome: "
                       "NET::ERR_CERT_COMMON_NAME_INVALID, Firefox: SSL_ERROR_BAD_CERT_DOMAIN)");
    else if (name && !has_name(leaf, name))
        problem_report(problems, PROBLEM_ERROR, "name", PROBLEM_WHOLE, "have it made again with that name, too",
                       "the certificate is not for %s, but for %s (Chrome: NET::ERR_CERT_COMMON_NAME_INVALID, Firefox: "
                       "SSL_ERROR_BAD_CERT_DOMAIN)",
                       name, names);
}

/* Since 2019 Apple's systems refuse servers' certificates that live longer, also those of one's own authorities. */
enum { LIFETIME_MAX = 825, DAY = 24 * 3600 };

static void verify_times(const struct pki_card *card, unsigned days, struct problems *problems)
{
    int64_t left = card->ends - (int64_t)time(NULL);
    if (days > 0 && left > 0 && left < (int64_t)days * DAY)
        problem_report(problems, PROBLEM_ERROR, "time", PROBLEM_WHOLE, "have it renewed",
                       "the certificate ends in %" PRId64 " days, sooner than in %u", left / DAY, days);
    if (card->ends - card->begins > (int64_t)LIFETIME_MAX * DAY)
        problem_report(problems, PROBLEM_WARNING, "time", PROBLEM_WHOLE, "have it made for a year: --days 397",
                       "the certificate lives for %" PRId64
                       " days: Apple's systems refuse those of servers that live for more than 825",
                       (card->ends - card->begins) / DAY);
}

static void verify_leaf(X509 *leaf, const struct pki_card *card, const struct pki_question *question,
                        struct problems *problems)
{
    verify_name(leaf, card, question->name, problems);
    verify_times(card, question->days, problems);
    if (card->authority)
        problem_report(problems, PROBLEM_WARNING, "use", PROBLEM_WHOLE,
                       "give the server one of its own: crossgate cert sign HOST, or self-signed HOST",
                       "the certificate is an authority's (Firefox: MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY)");
    ERR_clear_error();
}

bool pki_bag_verify(const struct pki_bag *bag, const struct pki_chain *chain, const struct pki_question *question,
                    struct problems *problems)
{
    unsigned before = problems->errors;
    struct arena *arena = arena_new();
    STACK_OF(X509) *others = sk_X509_new_null();
    struct pki_card card;
    bool worked = arena && others && pki_bag_card(bag, chain->at[0], arena, &card);
    for (size_t i = 1; worked && i < chain->count; i++)
        worked = sk_X509_push(others, bag->items[chain->at[i]].certificate) > 0;
    if (worked) {
        verify_path(bag->items[chain->at[0]].certificate, others, question->authorities, problems);
        verify_leaf(bag->items[chain->at[0]].certificate, &card, question, problems);
    } else {
        problem_report(problems, PROBLEM_ERROR, NULL, PROBLEM_WHOLE, NULL, "out of memory");
    }
    sk_X509_free(others);
    arena_free(arena);
    ERR_clear_error();
    return problems->errors == before;
}
