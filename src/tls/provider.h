/* What contexts ask OpenSSL for, so that provider.c is preferred; it may be missing. */
#ifndef CROSSGATE_TLS_PROVIDER_H
#define CROSSGATE_TLS_PROVIDER_H

#define PROVIDER_NAME "crossgate"

/* Not the property `provider`: OpenSSL's own configuration may demand or prefer one for everything, and a query for another would take the
 * place of that. Names that are not OpenSSL's have a dot (property(7)). */
#define PROVIDER_PROPERTY   PROVIDER_NAME ".tls"
#define PROVIDER_PREFERRED  "?" PROVIDER_PROPERTY
#define PROVIDER_PROPERTIES "provider=" PROVIDER_NAME "," PROVIDER_PROPERTY

#endif
