/* The suites of TLS 1.2, as OpenSSL's cipher lists name them. */
#ifndef CROSSGATE_TLS_CIPHERS_H
#define CROSSGATE_TLS_CIPHERS_H

#include "crossgate/base/problem.h"

#include <openssl/ssl.h>

#include <stdbool.h>

/* Sets the suites, and with "@SECLEVEL=n" in the list the context's security level, which checks of keys depend on.
 * `list` NULL: the default suites. Names that select nothing are reported. False: reported. */
bool ciphers_use(SSL_CTX *context, const char *list, struct problems *problems);

/* Whether DHE is among them, which needs a group. */
bool ciphers_have_dhe(const SSL_CTX *context);

/* Warns if no TLS 1.2 suite can be used with the key. */
void ciphers_check_key(const SSL_CTX *context, const EVP_PKEY *key, struct problems *problems);

#endif
