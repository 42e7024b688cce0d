#include "offer.h"

#include "ciphers.h"

#include "crossgate/base/nearest.h"
#include "crossgate/pki/key.h"
#include "crossgate/pki/report.h"

#include <openssl/err.h>

#include <stdio.h>

/* Mozilla's guidelines for servers, version 6.0 (https://ssl-config.mozilla.org/guidelines/6.0.json). They leave the choice
 * among their suites, which are all good, to the client, since one without AES in hardware does better with ChaCha20. It is
 * enough to let such a client have its way: testssl.sh calls a server without an order of its own unsafe. */
static const struct profile {
    const char *name;
    int min;
    bool heeds_chacha;
    const char *ciphers; /* of TLS 1.2; NULL: the default suites */
    const char *groups;
} profiles[] = {
    /* The last two groups are for clients that offer no elliptic curve. */
    [TLS_PROFILE_NONE] = {NULL, TLS1_2_VERSION, false, NULL, "X25519:P-256:P-384:ffdhe2048:ffdhe3072"},
    [TLS_PROFILE_MODERN] = {"modern", TLS1_3_VERSION, true, NULL, "X25519:P-256:P-384"},
    [TLS_PROFILE_INTERMEDIATE] = {"intermediate", TLS1_2_VERSION, true,
                                  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
                                  "X25519:P-256:P-384"},
};

/* The post-quantum hybrid comes first where the library knows it (OpenSSL 3.5). */
static const char hybrid_group[] = "X25519MLKEM768";

static const char suites_1_3[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* -- words of lists -- */

enum { LIST_TEXT = 1024 };

/* A list of the configuration, and the words that may be in it. */
struct vocabulary {
    const char *key;
    const char *what; /* "a group" */
    const char *const *words;
    size_t count;
    int (*try)(SSL_CTX *context, const char *list); /* 1: the library takes it */
};

static int try_groups(SSL_CTX *context, const char *list)
{
    return (int)SSL_CTX_set1_groups_list(context, (char *)(uintptr_t)list);
}

static int try_algorithms(SSL_CTX *context, const char *list)
{
    return (int)SSL_CTX_set1_sigalgs_list(context, (char *)(uintptr_t)list);
}

static const char *const group_words[] = {
    "X25519MLKEM768",
    "SecP256r1MLKEM768",
    "SecP384r1MLKEM1024",
    "MLKEM512",
    "MLKEM768",
    "MLKEM1024",
    "X25519",
    "X448",
    "P-256",
    "P-384",
    "P-521",
    "secp256r1",
    "secp384r1",
    "secp521r1",
    "prime256v1",
    "ffdhe2048",
    "ffdhe3072",
    "ffdhe4096",
    "ffdhe6144",
    "ffdhe8192",
};

static const char *const suite_words[] = {
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",   "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256",
};

/* Those that may sign a handshake of TLS 1.2 or 1.3; SHA-1 may not. Kinds of key, and for TLS 1.3 curves. */
static const struct algorithm {
    const char *word;
    enum key_kind kind;
    const char *curve; /* NULL: any */
} algorithms[] = {
    {"ecdsa_secp256r1_sha256", KEY_EC, "prime256v1"},
    {"ecdsa_secp384r1_sha384", KEY_EC, "secp384r1"},
    {"ecdsa_secp521r1_sha512", KEY_EC, "secp521r1"},
    {"ed25519", KEY_ED25519, NULL},
    {"ed448", KEY_ED448, NULL},
    {"rsa_pss_rsae_sha256", KEY_RSA, NULL},
    {"rsa_pss_rsae_sha384", KEY_RSA, NULL},
    {"rsa_pss_rsae_sha512", KEY_RSA, NULL},
    {"rsa_pss_pss_sha256", KEY_RSA_PSS, NULL},
    {"rsa_pss_pss_sha384", KEY_RSA_PSS, NULL},
    {"rsa_pss_pss_sha512", KEY_RSA_PSS, NULL},
    {"rsa_pkcs1_sha256", KEY_RSA, NULL},
    {"rsa_pkcs1_sha384", KEY_RSA, NULL},
    {"rsa_pkcs1_sha512", KEY_RSA, NULL},
};
enum { ALGORITHMS = sizeof algorithms / sizeof algorithms[0] };

static bool is_known(const struct vocabulary *vocabulary, const char *word)
{
    for (size_t i = 0; i < vocabulary->count; i++)
        if (strcmp(vocabulary->words[i], word) == 0)
            return true;
    return false;
}

static void report_unknown(const struct vocabulary *vocabulary, const char *word, const struct pki_place *place)
{
    char text[PKI_REMEDY_TEXT];
    char all[LIST_TEXT] = "";
    struct nearest nearest = {.word = word};
    size_t used = 0;
    for (size_t i = 0; i < vocabulary->count; i++) {
        nearest_offer(&nearest, vocabulary->words[i]);
        int n = snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", vocabulary->words[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    if (nearest.best)
        pki_remedy(text, "did you mean %s?", nearest.best);
    else
        pki_remedy(text, "known are %s", all);
    pki_report(place, PROBLEM_ERROR, text, "\"%s\" is not the name of %s", word, vocabulary->what);
}

/* False: reported. A word that is known, but not to this library, is left out. */
static bool add_word(SSL_CTX *context, const struct vocabulary *vocabulary, const char *word,
                     const struct pki_place *place, char list[LIST_TEXT])
{
    size_t used = strlen(list);
    if (!is_known(vocabulary, word)) {
        report_unknown(vocabulary, word, place);
        return false;
    }
    bool taken = vocabulary->try(context, word) == 1;
    ERR_clear_error();
    if (!taken)
        pki_report(place, PROBLEM_WARNING, NULL, "%s cannot be had with %s, and is left out", word,
                   OpenSSL_version(OPENSSL_VERSION));
    else if (used + strlen(word) + 2 <= LIST_TEXT)
        snprintf(list + used, LIST_TEXT - used, "%s%s", used ? ":" : "", word);
    return true;
}

/* Makes the list the context's. False: reported. */
static bool use_words(SSL_CTX *context, const struct vocabulary *vocabulary, const struct tls_words *words,
                      struct problems *problems)
{
    struct pki_place place = {problems, vocabulary->key, PROBLEM_WHOLE, NULL};
    char list[LIST_TEXT] = "";
    bool worked = true;
    for (size_t i = 0; i < words->count; i++) {
        place.index = i;
        worked &= add_word(context, vocabulary, words->at[i], &place, list);
    }
    place.index = PROBLEM_WHOLE;
    if (worked && !list[0])
        pki_report(&place, PROBLEM_ERROR, "leave it out: what is offered then is chosen with care",
                   "the list holds nothing that can be offered");
    else if (worked && vocabulary->try(context, list) != 1)
        pki_report_library(&place, "the list cannot be used");
    else
        return worked;
    return false;
}

/* -- groups, suites, algorithms -- */

static bool use_standard_groups(SSL_CTX *context, const char *standard)
{
    char list[LIST_TEXT];
    snprintf(list, sizeof list, "%s:%s", hybrid_group, standard);
    bool worked = try_groups(context, list) == 1 || try_groups(context, standard) == 1;
    if (worked)
        ERR_clear_error();
    return worked;
}

static bool use_groups(SSL_CTX *context, const struct tls_server_settings *settings, struct problems *problems)
{
    static const struct vocabulary groups = {"groups", "a group", group_words,
                                             sizeof group_words / sizeof group_words[0], try_groups};
    const struct pki_place place = {problems, "groups", PROBLEM_WHOLE, NULL};
    if (settings->groups.given)
        return use_words(context, &groups, &settings->groups, problems);
    if (use_standard_groups(context, profiles[settings->profile].groups))
        return true;
    pki_report_library(&place, "the groups cannot be set");
    return false;
}

static bool use_suites(SSL_CTX *context, const struct tls_server_settings *settings, struct problems *problems)
{
    static const struct vocabulary suites = {"ciphersuites", "a TLS 1.3 suite", suite_words,
                                             sizeof suite_words / sizeof suite_words[0], SSL_CTX_set_ciphersuites};
    const struct pki_place place = {problems, "ciphersuites", PROBLEM_WHOLE, NULL};
    if (settings->ciphersuites.given)
        return use_words(context, &suites, &settings->ciphersuites, problems);
    if (SSL_CTX_set_ciphersuites(context, suites_1_3) == 1)
        return true;
    pki_report_library(&place, "the TLS 1.3 suites cannot be set");
    return false;
}

static bool use_algorithms(SSL_CTX *context, const struct tls_server_settings *settings, struct problems *problems)
{
    const char *words[ALGORITHMS];
    const struct vocabulary vocabulary = {"signature_algorithms", "a signature algorithm", words, ALGORITHMS,
                                          try_algorithms};
    for (size_t i = 0; i < ALGORITHMS; i++)
        words[i] = algorithms[i].word;
    return !settings->signature_algorithms.given ||
           use_words(context, &vocabulary, &settings->signature_algorithms, problems);
}

/* -- versions -- */

static int min_version(const struct tls_server_settings *settings)
{
    switch (settings->min_version) {
    case TLS_VERSION_1_2:
        return TLS1_2_VERSION;
    case TLS_VERSION_1_3:
        return TLS1_3_VERSION;
    case TLS_VERSION_UNSAID:
        break;
    }
    return profiles[settings->profile].min;
}

static int max_version(const struct tls_server_settings *settings)
{
    return settings->max_version == TLS_VERSION_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

/* What says that TLS 1.2 is not offered. */
static const char *print_floor(const struct tls_server_settings *settings, char text[PKI_REMEDY_TEXT])
{
    if (settings->min_version == TLS_VERSION_UNSAID)
        return pki_remedy(text, "profile \"%s\"", profiles[settings->profile].name);
    return pki_remedy(text, "min_version \"1.3\"");
}

static bool check_versions(const struct tls_server_settings *settings, struct problems *problems)
{
    char floor[PKI_REMEDY_TEXT];
    struct pki_place place = {problems, "max_version", PROBLEM_WHOLE, NULL};
    bool worked = true;
    if (min_version(settings) > max_version(settings)) {
        pki_report(&place, PROBLEM_ERROR, "raise max_version, or leave it out: TLS 1.3 is the highest there is",
                   "max_version \"1.2\" is below %s", print_floor(settings, floor));
        worked = false;
    }
    place.key = "ciphers";
    if (settings->ciphers && min_version(settings) > TLS1_2_VERSION) {
        pki_report(&place, PROBLEM_ERROR,
                   "leave ciphers out (TLS 1.3 has ciphersuites), or offer TLS 1.2: \"min_version\": \"1.2\"",
                   "ciphers are for TLS 1.2, which %s does not offer", print_floor(settings, floor));
        worked = false;
    }
    place.key = "ciphersuites";
    if (settings->ciphersuites.given && max_version(settings) < TLS1_3_VERSION) {
        pki_report(&place, PROBLEM_ERROR, "leave ciphersuites out, or max_version",
                   "ciphersuites are for TLS 1.3, which max_version \"1.2\" does not offer");
        worked = false;
    }
    return worked;
}

static bool use_versions(SSL_CTX *context, const struct tls_server_settings *settings)
{
    return SSL_CTX_set_min_proto_version(context, min_version(settings)) == 1 &&
           SSL_CTX_set_max_proto_version(context, max_version(settings)) == 1;
}

bool offer_use_standard(SSL_CTX *context)
{
    const struct profile *standard = &profiles[TLS_PROFILE_NONE];
    return SSL_CTX_set_min_proto_version(context, standard->min) == 1 && use_standard_groups(context, standard->groups);
}

bool offer_use(SSL_CTX *context, const struct tls_server_settings *settings, struct problems *problems)
{
    const struct profile *profile = &profiles[settings->profile];
    SSL_CTX_set_options(context,
                        SSL_OP_CIPHER_SERVER_PREFERENCE | (profile->heeds_chacha ? SSL_OP_PRIORITIZE_CHACHA : 0));
    bool versions = check_versions(settings, problems) && use_versions(context, settings);
    bool ciphers = ciphers_use(context, settings->ciphers ? settings->ciphers : profile->ciphers, problems);
    bool suites = use_suites(context, settings, problems);
    bool groups = use_groups(context, settings, problems);
    bool signing = use_algorithms(context, settings, problems);
    return versions && ciphers && suites && groups && signing;
}

/* -- keys -- */

static bool has_curve(const EVP_PKEY *key, const char *curve)
{
    char name[64];
    return !curve || (EVP_PKEY_get_group_name(key, name, sizeof name, NULL) == 1 && strcmp(name, curve) == 0);
}

/* In TLS 1.2 the curve is not part of the algorithm (RFC 8446 section 4.2.3). */
static bool can_sign(const struct credential *credential, const char *word, bool any_curve)
{
    for (size_t i = 0; i < ALGORITHMS; i++)
        if (strcmp(algorithms[i].word, word) == 0)
            return algorithms[i].kind == credential->kind &&
                   (any_curve || has_curve(credential->key, algorithms[i].curve));
    return false;
}

bool offer_check_key(const struct tls_server_settings *settings, const struct credential *credential,
                     struct problems *problems)
{
    const struct pki_place place = {problems, "signature_algorithms", PROBLEM_WHOLE, NULL};
    const struct tls_words *words = &settings->signature_algorithms;
    char what[KEY_TEXT];
    if (!words->given)
        return true;
    for (size_t i = 0; i < words->count; i++)
        if (can_sign(credential, words->at[i], min_version(settings) < TLS1_3_VERSION))
            return true;
    key_print(credential->key, what);
    pki_report(&place, PROBLEM_ERROR,
               credential->kind == KEY_RSA ? "add rsa_pss_rsae_sha256, or use a key for ECDSA"
                                           : "add the algorithm for that key, such as ecdsa_secp256r1_sha256 for P-256",
               "none of the list can be used with the key of %s (%s)", credential->path, what);
    return false;
}

void offer_check_kind(const SSL_CTX *context, const struct tls_server_settings *settings,
                      const struct credential *credential, struct problems *problems)
{
    const struct pki_place place = {problems, "profile", PROBLEM_WHOLE, NULL};
    if (min_version(settings) < TLS1_3_VERSION)
        ciphers_check_key(context, credential->key, problems);
    if (settings->profile == TLS_PROFILE_MODERN && credential->kind == KEY_RSA)
        pki_report(&place, PROBLEM_NOTE, "crossgate cert key --out KEY",
                   "%s is for an RSA key; the profile recommends one for ECDSA (P-256), which is faster, too",
                   credential->path);
}
