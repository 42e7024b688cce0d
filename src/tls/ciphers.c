#include "ciphers.h"

#include "crossgate/pki/key.h"
#include "crossgate/pki/report.h"

#include <openssl/err.h>
#include <openssl/objects.h>

#include <string.h>

/* What Crossbar offers by default, save CBC with SHA-1, and the same for ECDSA keys, AES-256 and ChaCha20. AES-128
 * comes first: it is enough, and the cheapest where the processor knows AES. */
static const char default_suites[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                     "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                     "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                                     "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305:"
                                     "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:DHE-RSA-AES128-SHA256";

/* What separates the names of a list (openssl-ciphers(1)). */
static const char separators[] = ":,; ";

enum { NAME_MAX_BYTES = 128 };

static bool selects_something(SSL_CTX *scratch, const char *name)
{
    bool does = SSL_CTX_set_cipher_list(scratch, name) == 1;
    ERR_clear_error();
    return does;
}

static void check_name(SSL_CTX *scratch, const char *name, size_t length, const struct pki_place *place)
{
    char copy[NAME_MAX_BYTES];
    if (length == 0 || length >= sizeof copy || name[0] == '@')
        return;
    bool excludes = name[0] == '!' || name[0] == '-';
    size_t prefix = excludes || name[0] == '+' ? 1 : 0;
    memcpy(copy, name + prefix, length - prefix);
    copy[length - prefix] = '\0';
    if (copy[0] == '\0' || selects_something(scratch, copy))
        return;
    if (strncmp(copy, "TLS_", 4) == 0 && !strstr(copy, "_WITH_"))
        pki_report(place, PROBLEM_NOTE, "leave it out",
                   "\"%s\" is a TLS 1.3 suite: these are always on, and this list is for TLS 1.2 only", copy);
    else
        pki_report(place, excludes ? PROBLEM_NOTE : PROBLEM_WARNING,
                   "see which names there are: openssl ciphers -s -v ALL", "\"%s\" selects no suite in %s%s", copy,
                   OpenSSL_version(OPENSSL_VERSION), excludes ? ", so there is nothing to exclude" : "");
}

/* OpenSSL ignores names it does not know, silently. */
static void check_names(const char *list, const struct pki_place *place)
{
    SSL_CTX *scratch = SSL_CTX_new(TLS_method());
    for (const char *at = list; scratch && *at;) {
        size_t length = strcspn(at, separators);
        check_name(scratch, at, length, place);
        at += length;
        at += strspn(at, separators);
    }
    SSL_CTX_free(scratch);
}

bool ciphers_use(SSL_CTX *context, const char *list, struct problems *problems)
{
    struct pki_place place = {problems, "ciphers", PROBLEM_WHOLE, NULL};
    if (list)
        check_names(list, &place);
    if (SSL_CTX_set_cipher_list(context, list ? list : default_suites) == 1)
        return true;
    ERR_clear_error();
    pki_report(&place, PROBLEM_ERROR, "leave ciphers out: the default suites are chosen with care",
               "the list selects no TLS 1.2 suite in %s", OpenSSL_version(OPENSSL_VERSION));
    return false;
}

bool ciphers_have_dhe(const SSL_CTX *context)
{
    const STACK_OF(SSL_CIPHER) *suites = SSL_CTX_get_ciphers(context);
    for (int i = 0; i < sk_SSL_CIPHER_num(suites); i++)
        if (SSL_CIPHER_get_kx_nid(sk_SSL_CIPHER_value(suites, i)) == NID_kx_dhe)
            return true;
    return false;
}

static bool is_usable(const SSL_CIPHER *suite, const EVP_PKEY *key)
{
    bool is_rsa = EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");
    return SSL_CIPHER_get_auth_nid(suite) == (is_rsa ? NID_auth_rsa : NID_auth_ecdsa);
}

void ciphers_check_key(const SSL_CTX *context, const EVP_PKEY *key, struct problems *problems)
{
    struct pki_place place = {problems, "ciphers", PROBLEM_WHOLE, NULL};
    const STACK_OF(SSL_CIPHER) *suites = SSL_CTX_get_ciphers(context);
    char what[KEY_TEXT];
    for (int i = 0; i < sk_SSL_CIPHER_num(suites); i++)
        if (is_usable(sk_SSL_CIPHER_value(suites, i), key))
            return;
    key_print(key, what);
    pki_report(&place, PROBLEM_WARNING, "leave ciphers out: the default suites are for keys of both kinds",
               "no suite of the list can be used with the key (%s): TLS 1.2 clients cannot connect, only TLS 1.3",
               what);
}
