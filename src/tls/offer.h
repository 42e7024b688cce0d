/* What we offer to clients: versions, suites, groups and signature algorithms, from a profile or one by one. */
#ifndef CROSSGATE_TLS_OFFER_H
#define CROSSGATE_TLS_OFFER_H

#include "credential.h"

#include "crossgate/tls.h"

/* Sets all of it. What is given explicitly goes before the profile; what contradicts itself is reported. False: reported. */
bool offer_use(SSL_CTX *context, const struct tls_server_settings *settings, struct problems *problems);

/* What every side offers that has no settings of its own. False: OpenSSL refuses, or memory is out. */
bool offer_use_standard(SSL_CTX *context) __attribute__((warn_unused_result));

/* Whether the key can sign by one of the signature algorithms. False: reported. */
bool offer_check_key(const struct tls_server_settings *settings, const struct credential *credential,
                     struct problems *problems);

/* Likewise what is to be said of each kind of key once; only warns. */
void offer_check_kind(const SSL_CTX *context, const struct tls_server_settings *settings,
                      const struct credential *credential, struct problems *problems);

#endif
