#include "policy.h"

#include "crossgate/pki/report.h"
#include "trust.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <stdlib.h>

/* Names beyond this are not sent: the hint would not fit into the messages that clients accept. */
enum { HINT_BYTES_MAX = 16384 };

struct tls_clients policy_inherit(const struct tls_clients *own, const struct tls_clients *endpoint)
{
    struct tls_clients all = *own;
    if (!own->authorities.given) {
        all.authorities = endpoint->authorities;
        if (!own->crls.given)
            all.crls = endpoint->crls;
    }
    if (all.wanted == TLS_CLIENTS_UNSAID)
        all.wanted = endpoint->wanted;
    if (all.wanted == TLS_CLIENTS_UNSAID)
        all.wanted = all.authorities.given ? TLS_CLIENTS_REQUIRE : TLS_CLIENTS_NONE;
    return all;
}

/* Each file is digested by itself, so that bytes cannot move from one to the next unnoticed. */
static bool digest_files(EVP_MD_CTX *sum, const struct pki_files *files)
{
    uint8_t digest[POLICY_DIGEST];
    bool worked = EVP_DigestUpdate(sum, &files->count, sizeof files->count) == 1;
    for (size_t i = 0; worked && i < files->count; i++)
        worked = EVP_Digest(files->at[i].bytes.at, files->at[i].bytes.len, digest, NULL, EVP_sha256(), NULL) == 1 &&
                 EVP_DigestUpdate(sum, digest, sizeof digest) == 1;
    return worked;
}

static bool digest_clients(const struct tls_clients *clients, uint8_t digest[POLICY_DIGEST])
{
    const uint8_t wanted = (uint8_t)clients->wanted;
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    bool worked = sum && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) == 1 &&
                  EVP_DigestUpdate(sum, &wanted, sizeof wanted) == 1 &&
                  (clients->wanted == TLS_CLIENTS_NONE ||
                   (digest_files(sum, &clients->authorities) && digest_files(sum, &clients->crls))) &&
                  EVP_DigestFinal_ex(sum, digest, NULL) == 1;
    EVP_MD_CTX_free(sum);
    return worked;
}

static void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    X509_STORE_free(policy->store);
    sk_X509_NAME_pop_free(policy->names, X509_NAME_free);
    free(policy);
}

static bool fits_hint(STACK_OF(X509_NAME) * names)
{
    int bytes = 0;
    for (int i = 0; i < sk_X509_NAME_num(names) && bytes <= HINT_BYTES_MAX; i++)
        bytes += i2d_X509_NAME(sk_X509_NAME_value(names, i), NULL) + 2;
    return bytes <= HINT_BYTES_MAX;
}

static bool fill(struct policy *policy, const struct tls_clients *clients, struct problems *problems)
{
    policy->wanted = clients->wanted;
    policy->names = sk_X509_NAME_new_null();
    if (!policy->names)
        return false;
    if (clients->wanted == TLS_CLIENTS_NONE)
        return true;
    policy->store = X509_STORE_new();
    policy->flags = X509_V_FLAG_PARTIAL_CHAIN | (clients->crls.count > 0 ? X509_V_FLAG_CRL_CHECK : 0);
    bool worked = policy->store &&
                  trust_read(&clients->authorities, policy->store, policy->names,
                             "leave it out: then clients need no certificate", problems) &&
                  trust_read_crls(&clients->crls, policy->store, problems);
    if (worked && !fits_hint(policy->names)) /* none at all: a client takes a list to be complete */
        while (sk_X509_NAME_num(policy->names) > 0)
            X509_NAME_free(sk_X509_NAME_pop(policy->names));
    return worked;
}

static bool check(const struct tls_clients *clients, struct problems *problems)
{
    struct pki_place place = {problems, "client_certificates", PROBLEM_WHOLE, NULL};
    if (clients->wanted != TLS_CLIENTS_NONE && !clients->authorities.given) {
        pki_report(&place, PROBLEM_ERROR, "name the authorities that issue them: \"ca_certificates\": [\"ca.pem\"]",
                   "client certificates cannot be judged without ca_certificates");
        return false;
    }
    place.key = "crl_files";
    if (clients->crls.given && clients->wanted == TLS_CLIENTS_NONE)
        pki_report(&place, PROBLEM_WARNING, "ask for client certificates: \"client_certificates\": \"require\"",
                   "crl_files have no use where clients are not asked for a certificate");
    return true;
}

struct policy *policy_get(struct policy **list, const struct tls_clients *clients, struct problems *problems)
{
    const struct pki_place place = {problems, NULL, PROBLEM_WHOLE, NULL};
    uint8_t digest[POLICY_DIGEST];
    if (!check(clients, problems))
        return NULL;
    unsigned errors = problems->errors;
    bool worked = digest_clients(clients, digest);
    for (struct policy *policy = *list; worked && policy; policy = policy->next)
        if (memcmp(policy->digest, digest, sizeof digest) == 0)
            return policy;
    struct policy *policy = worked ? calloc(1, sizeof *policy) : NULL;
    if (!policy || !fill(policy, clients, problems)) {
        policy_free(policy);
        if (problems->errors == errors)
            pki_report_library(&place, "the policy for client certificates cannot be made");
        return NULL;
    }
    memcpy(policy->digest, digest, sizeof digest);
    policy->next = *list;
    *list = policy;
    return policy;
}

void policies_free(struct policy *list)
{
    while (list) {
        struct policy *next = list->next;
        policy_free(list);
        list = next;
    }
}

static int verify_mode(const struct policy *policy)
{
    switch (policy->wanted) {
    case TLS_CLIENTS_REQUIRE:
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT | SSL_VERIFY_CLIENT_ONCE;
    case TLS_CLIENTS_OPTIONAL:
        return SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE;
    case TLS_CLIENTS_UNSAID:
    case TLS_CLIENTS_NONE:
        break;
    }
    return SSL_VERIFY_NONE;
}

static bool set_flags(X509_VERIFY_PARAM *verify, unsigned long flags)
{
    return X509_VERIFY_PARAM_clear_flags(verify, X509_VERIFY_PARAM_get_flags(verify)) == 1 &&
           X509_VERIFY_PARAM_set_flags(verify, flags) == 1;
}

bool policy_use(SSL_CTX *context, const struct policy *policy)
{
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(policy->names);
    if (!names)
        return false;
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, verify_mode(policy), NULL);
    if (policy->store)
        SSL_CTX_set1_cert_store(context, policy->store);
    return set_flags(SSL_CTX_get0_param(context), policy->flags);
}

/* The store of the connection comes before the context's; without one nothing is verified. */
bool policy_apply(SSL *ssl, const struct policy *policy)
{
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(policy->names);
    if (!names)
        return false;
    SSL_set_client_CA_list(ssl, names);
    SSL_set_verify(ssl, verify_mode(policy), NULL);
    return SSL_set1_verify_cert_store(ssl, policy->store) == 1 && set_flags(SSL_get0_param(ssl), policy->flags);
}
