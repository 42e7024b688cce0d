/* Keys of the exchange, as the provider offers them: OpenSSL's own, made and checked with less work. */
#ifndef CROSSGATE_TLS_EXCHANGE_H
#define CROSSGATE_TLS_EXCHANGE_H

#include <openssl/core.h>

#include <stdbool.h>

/* Once. False: OpenSSL's default provider is not in use, or is not as it is known here; its keys are then left alone. */
bool exchange_prepare(void);

/* What the functions of both tables are given as the context of their provider: the default provider's. NULL: there are none. */
void *exchange_context(void);

/* EC and DH for OSSL_OP_KEYMGMT, ECDH and DH for OSSL_OP_KEYEXCH; NULL for other operations, or if there are none. */
const OSSL_ALGORITHM *exchange_algorithms(int operation);

/* What the provider can do for TLS (OSSL_FUNC_PROVIDER_GET_CAPABILITIES, provider-base(7)): the default provider's groups. */
int exchange_groups(void *unused, const char *capability, OSSL_CALLBACK *tell, void *data);

#endif
