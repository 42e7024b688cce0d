/* What contexts ask OpenSSL for, so that their keys are derived by provider.c: it is preferred, and may be missing. */
#ifndef CROSSGATE_TLS_PROVIDER_H
#define CROSSGATE_TLS_PROVIDER_H

#define PROVIDER_NAME "crossgate"

/* Not the property `provider`: OpenSSL's own configuration may demand or prefer one for everything, and a query for another would take the
 * place of that. Names that are not OpenSSL's have a dot (property(7)). */
#define PROVIDER_PROPERTY  PROVIDER_NAME ".kdf"
#define PROVIDER_PREFERRED "?" PROVIDER_PROPERTY

#endif
