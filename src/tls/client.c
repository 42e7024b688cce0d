/* Contexts for the connecting side. */
#include "context.h"
#include "credential.h"
#include "trust.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <stdlib.h>

static bool is_address(const char *name)
{
    struct in6_addr address;
    return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

/* Letters, digits, "-", "_" and "." (RFC 1123 section 2.1, and what is in use); no empty label. */
static bool is_host_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t length = strlen(name);
    return length > 0 && length <= 253 && strspn(name, allowed) == length && name[0] != '.' &&
           name[length - 1] != '.' && !strstr(name, "..");
}

/* RFC 9525: the certificate must be for this name, and a wildcard stands for a whole label only. */
static bool verify_name(struct tls_context *context, const char *name)
{
    X509_VERIFY_PARAM *verify = SSL_CTX_get0_param(context->ssl);
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    if (is_address(name)) /* RFC 6066 section 3: no SNI for address literals */
        return X509_VERIFY_PARAM_set1_ip_asc(verify, name) == 1;
    X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    context->sni = strdup(name);
    return context->sni && X509_VERIFY_PARAM_set1_host(verify, name, 0) == 1;
}

static bool use_name(struct tls_context *context, const char *name, struct problems *problems)
{
    struct pki_place place = {problems, "hostname", PROBLEM_WHOLE, NULL};
    if (!name || (!is_address(name) && !is_host_name(name))) {
        pki_report(&place, PROBLEM_ERROR, "give the name that the backend's certificate is made for",
                   "\"%s\" is not a host name or address", name ? name : "");
        return false;
    }
    if (verify_name(context, name))
        return true;
    pki_report_library(&place, "the host name cannot be used");
    return false;
}

static bool use_pair(SSL_CTX *ssl, const struct tls_client_settings *settings, struct problems *problems)
{
    const struct credential_files files = {&settings->key, &settings->certificate, NULL};
    struct credential *credential = credential_read(&files, PKI_FOR_CLIENT, credential_strength(ssl), NULL, problems);
    bool used = credential && credential_use(ssl, credential, problems);
    credential_free(credential);
    return used;
}

static bool use_credential(SSL_CTX *ssl, const struct tls_client_settings *settings, struct problems *problems)
{
    struct pki_place place = {problems, NULL, PROBLEM_WHOLE, NULL};
    if (settings->key.path && settings->certificate.path)
        return use_pair(ssl, settings, problems);
    if (settings->key.path) {
        place.key = "key";
        pki_report(&place, PROBLEM_ERROR, "name its certificate as `certificate`, or leave the key out",
                   "a key without a certificate is of no use");
        return false;
    }
    if (settings->certificate.path) {
        place.key = "certificate";
        pki_report(&place, PROBLEM_WARNING, "name its private key as `key`, or leave the certificate out",
                   "a certificate without its key cannot be used, and is ignored");
    }
    return true;
}

static bool configure(struct tls_context *context, const struct tls_client_settings *settings,
                      struct problems *problems)
{
    static const unsigned char protocols[] = "\x08http/1.1";
    SSL_CTX *ssl = context->ssl;
    bool name = use_name(context, settings->hostname, problems);
    bool trust = settings->authorities.given ? trust_use_files(ssl, &settings->authorities, problems)
                                             : trust_use_system(ssl, problems);
    bool credential = use_credential(ssl, settings, problems);
    /* The one setter of OpenSSL that returns 0 for success. */
    return name && trust && credential && SSL_CTX_set_alpn_protos(ssl, protocols, sizeof protocols - 1) == 0;
}

struct tls_context *tls_client_context_new(const struct tls_client_settings *settings, struct problems *problems)
{
    struct tls_context *context = tls_context_new(TLS_CLIENT, problems);
    if (!context)
        return NULL;
    if (!configure(context, settings, problems)) {
        tls_context_unref(context);
        context = NULL;
    }
    ERR_clear_error();
    return context;
}
