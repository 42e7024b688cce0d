/* What contexts ask OpenSSL for, so that their keys are derived by provider.c: it is preferred, and may be missing. */
#ifndef CROSSGATE_TLS_PROVIDER_H
#define CROSSGATE_TLS_PROVIDER_H

#define PROVIDER_NAME      "crossgate"
#define PROVIDER_PROPERTY  "provider=" PROVIDER_NAME
#define PROVIDER_PREFERRED "?" PROVIDER_PROPERTY

#endif
