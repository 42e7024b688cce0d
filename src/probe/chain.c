#include "chain.h"

#include "text.h"

#include "crossgate/pki/certificate.h"
#include "crossgate/pki/key.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

enum { DAY = 86400, STRENGTH = 112 };

int64_t chain_seconds(const ASN1_TIME *time)
{
    struct tm parts;
    return time && ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

void chain_print_name(const X509_NAME *name, char text[PROBE_TEXT])
{
    char raw[CERTIFICATE_NAME];
    certificate_print_name(name, raw);
    text_copy(text, PROBE_TEXT, span_string(raw));
}

static void print_hex(struct span bytes, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = 0; i < bytes.len && 2 * i + 2 < size; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes.at[i]);
}

static void print_serial(const X509 *certificate, char text[PROBE_WORD])
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    print_hex(span_of(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)), text, PROBE_WORD);
}

static void print_fingerprint(const X509 *certificate, char text[PROBE_WORD])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1)
        length = 0;
    print_hex(span_of(digest, length), text, PROBE_WORD);
}

/* One that nobody signed but itself proves nothing by its signature. */
static bool has_weak_signature(X509 *certificate)
{
    int digest = NID_undef, bits = -1;
    return X509_get_signature_info(certificate, &digest, NULL, &bits, NULL) == 1 && bits < STRENGTH &&
           !certificate_is_self_signed(certificate);
}

static int days(int64_t seconds)
{
    return (int)(seconds >= 0 ? seconds / DAY : -((DAY - 1 - seconds) / DAY));
}

static void describe(X509 *certificate, struct probe_certificate *out)
{
    char url[CERTIFICATE_URL] = "", key[KEY_TEXT] = "unknown";
    const EVP_PKEY *public_key = X509_get0_pubkey(certificate);
    const char *signature = OBJ_nid2ln(X509_get_signature_nid(certificate));
    chain_print_name(X509_get_subject_name(certificate), out->subject);
    chain_print_name(X509_get_issuer_name(certificate), out->issuer);
    print_serial(certificate, out->serial);
    print_fingerprint(certificate, out->fingerprint);
    if (public_key)
        key_print(public_key, key);
    if (certificate_issuer_url(certificate, url))
        TEXT_COPY(out->issuer_url, span_string(url));
    TEXT_COPY(out->key, span_string(key));
    TEXT_COPY(out->signature, span_string(signature ? signature : "unknown"));
    out->begin = chain_seconds(X509_get0_notBefore(certificate));
    out->end = chain_seconds(X509_get0_notAfter(certificate));
    out->days_left = days(out->end - (int64_t)time(NULL));
    out->lifetime = days(out->end - out->begin);
    out->self_signed = certificate_is_self_signed(certificate);
    out->weak_key = !public_key || EVP_PKEY_get_security_bits(public_key) < STRENGTH;
    out->weak_signature = has_weak_signature(certificate);
}

/* ---- the order in which they are sent */

/* Which one of the sent issued it; -1: none. */
static int find_issuer(STACK_OF(X509) * sent, X509 *subject)
{
    for (int i = 0; i < sk_X509_num(sent); i++) {
        X509 *candidate = sk_X509_value(sent, i);
        if (candidate != subject && X509_cmp(candidate, subject) != 0 &&
            X509_check_issued(candidate, subject) == X509_V_OK)
            return i;
    }
    return -1;
}

static void note_surplus(struct probe_chain *chain, size_t at)
{
    memcpy(chain->surplus, chain->sent[at].subject, sizeof chain->surplus);
    for (size_t i = 0; i < at; i++)
        if (strcmp(chain->sent[i].fingerprint, chain->sent[at].fingerprint) == 0)
            chain->surplus_again = true;
}

/* From issuer to issuer, with a bound, since two certificates may claim to have issued each other. */
static void look_at_order(STACK_OF(X509) * sent, struct probe_chain *chain)
{
    bool used[PROBE_CHAIN_MAX] = {true};
    int at = 0, before = 0;
    for (size_t step = 0; step < PROBE_CHAIN_MAX; step++) {
        at = find_issuer(sent, sk_X509_value(sent, at));
        if (at < 0 || at >= PROBE_CHAIN_MAX || used[at])
            break;
        chain->disordered |= at < before;
        before = at;
        used[at] = true;
    }
    for (size_t i = 1; i < chain->count; i++) {
        if (chain->sent[i].self_signed)
            chain->root_sent = true;
        if (!used[i] && !chain->surplus[0])
            note_surplus(chain, i);
    }
}

/* ---- names and uses */

static void print_general_name(const GENERAL_NAME *name, char text[PROBE_TEXT])
{
    const ASN1_OCTET_STRING *address = name->type == GEN_IPADD ? name->d.iPAddress : NULL;
    int length = address ? ASN1_STRING_length(address) : 0;
    if (length == 4 || length == 16)
        inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text, PROBE_TEXT);
    else if (name->type == GEN_DNS)
        text_copy(text, PROBE_TEXT,
                  span_of(ASN1_STRING_get0_data(name->d.dNSName), (size_t)ASN1_STRING_length(name->d.dNSName)));
}

static void list_names(X509 *leaf, struct probe_chain *chain)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        char text[PROBE_TEXT] = "";
        print_general_name(sk_GENERAL_NAME_value(names, i), text);
        if (!text[0])
            continue;
        chain->name_total++;
        if (chain->name_count < PROBE_NAMES_MAX)
            memcpy(chain->names[chain->name_count++], text, sizeof text);
    }
    GENERAL_NAMES_free(names);
}

/* As current clients do it: the subject's common name does not count (RFC 9525 section 2). */
static bool holds_name(X509 *leaf, const char *name)
{
    bool holds = X509_check_ip_asc(leaf, name, 0) == 1 ||
                 X509_check_host(leaf, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
    ERR_clear_error();
    return holds;
}

/* RFC 7633: it asks for a stapled OCSP response with each handshake. */
static bool wants_staple(X509 *leaf)
{
    enum { STATUS_REQUEST = 5 };
    TLS_FEATURE *features = X509_get_ext_d2i(leaf, NID_tlsfeature, NULL, NULL);
    bool wants = false;
    for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
        wants |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == STATUS_REQUEST;
    TLS_FEATURE_free(features);
    return wants;
}

/* ---- trust */

static void on_issuer_missing(X509 *last, struct probe_chain *chain)
{
    char url[CERTIFICATE_URL];
    chain->incomplete = true;
    if (chain->missing[0])
        return;
    chain_print_name(X509_get_issuer_name(last), chain->missing);
    if (certificate_issuer_url(last, url))
        TEXT_COPY(chain->missing_url, span_string(url));
}

static void note_trouble(int error, int depth, X509 *certificate, struct probe_chain *chain)
{
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        on_issuer_missing(certificate, chain);
        return;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        chain->authority_unknown = true;
        return;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        if (depth > 0 && !chain->expired[0])
            chain_print_name(X509_get_subject_name(certificate), chain->expired);
        return;
    default:
        if (!chain->error[0] && !(error == X509_V_ERR_INVALID_PURPOSE && depth == 0))
            snprintf(chain->error, sizeof chain->error, "%s", X509_verify_cert_error_string(error));
    }
}

/* Goes on, so that all that is wrong is heard of. */
static int on_verify(int worked, X509_STORE_CTX *search)
{
    X509 *certificate = X509_STORE_CTX_get_current_cert(search);
    if (!worked && certificate)
        note_trouble(X509_STORE_CTX_get_error(search), X509_STORE_CTX_get_error_depth(search), certificate,
                     X509_STORE_CTX_get_app_data(search));
    return 1;
}

static void list_verified(const X509_STORE_CTX *search, struct probe_chain *chain, X509 **issuer)
{
    STACK_OF(X509) *verified = X509_STORE_CTX_get0_chain(search);
    for (int i = 0; i < sk_X509_num(verified) && chain->verified_count < PROBE_CHAIN_MAX; i++)
        chain_print_name(X509_get_subject_name(sk_X509_value(verified, i)), chain->verified[chain->verified_count++]);
    if (sk_X509_num(verified) > 1 && X509_up_ref(sk_X509_value(verified, 1)) == 1)
        *issuer = sk_X509_value(verified, 1);
}

static void verify(const struct client *client, X509 *leaf, STACK_OF(X509) * sent, struct probe_chain *chain,
                   X509 **issuer)
{
    X509_STORE_CTX *search = X509_STORE_CTX_new();
    bool ready = search && X509_STORE_CTX_init(search, client->store, leaf, sent) == 1 &&
                 X509_STORE_CTX_set_app_data(search, chain) == 1;
    if (ready) {
        X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(search), 0);
        X509_STORE_CTX_set_purpose(search, X509_PURPOSE_SSL_SERVER);
        X509_STORE_CTX_set_verify_cb(search, on_verify);
        ready = X509_verify_cert(search) == 1;
        list_verified(search, chain, issuer);
    }
    if (!ready && !chain->error[0])
        snprintf(chain->error, sizeof chain->error, "the chain cannot be verified");
    chain->trusted = ready && !chain->incomplete && !chain->authority_unknown && !chain->error[0];
    X509_STORE_CTX_free(search);
    ERR_clear_error();
}

void chain_look(const struct client *client, const SSL *ssl, const char *name, struct probe_chain *chain, X509 **issuer)
{
    STACK_OF(X509) *sent = SSL_get_peer_cert_chain(ssl);
    X509 *leaf = sk_X509_num(sent) > 0 ? sk_X509_value(sent, 0) : NULL;
    *issuer = NULL;
    if (!leaf)
        return;
    chain->total = (size_t)sk_X509_num(sent);
    for (; chain->count < chain->total && chain->count < PROBE_CHAIN_MAX; chain->count++)
        describe(sk_X509_value(sent, (int)chain->count), &chain->sent[chain->count]);
    look_at_order(sent, chain);
    list_names(leaf, chain);
    chain->name_matches = holds_name(leaf, name);
    chain->must_staple = wants_staple(leaf);
    chain->serves = X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) == 1;
    verify(client, leaf, sent, chain, issuer);
}
