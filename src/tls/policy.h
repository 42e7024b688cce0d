/* Which clients a name lets in. One policy may be that of many names. */
#ifndef CROSSGATE_TLS_POLICY_H
#define CROSSGATE_TLS_POLICY_H

#include "crossgate/tls.h"

#include <openssl/ssl.h>

enum { POLICY_DIGEST = 32 };

struct policy {
    struct policy *next;
    enum tls_client_certificates wanted; /* never UNSAID */
    X509_STORE *store;                   /* authorities and lists of revoked certificates; NULL: NONE */
    STACK_OF(X509_NAME) * names;         /* of the authorities, as a hint to clients */
    unsigned long flags;                 /* of verifying */
    uint8_t digest[POLICY_DIGEST];       /* of all that decides who gets in: what it is the same policy by */
};

/* What a certificate's own settings leave unsaid is the endpoint's. */
struct tls_clients policy_inherit(const struct tls_clients *own, const struct tls_clients *endpoint);

/* The policy of resolved settings: from the list, or a new one in it. NULL: reported. */
struct policy *policy_get(struct policy **list, const struct tls_clients *clients, struct problems *problems);
void policies_free(struct policy *list);

/* Makes it the one that connections start with. False when memory is out. */
bool policy_use(SSL_CTX *context, const struct policy *policy) __attribute__((warn_unused_result));

/* Likewise of one connection, instead of the one it has started with. */
bool policy_apply(SSL *ssl, const struct policy *policy) __attribute__((warn_unused_result));

#endif
