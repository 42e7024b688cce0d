/* Groups of finite-field Diffie-Hellman that are in no standard, as `openssl dhparam` makes them. */
#ifndef CROSSGATE_TLS_OWN_GROUP_H
#define CROSSGATE_TLS_OWN_GROUP_H

#include "crossgate/pki/report.h"

#include <openssl/evp.h>

/* The group to work with instead of the one that the file has; the caller's. Its numbers are checked first, where the problems are not
 * vouched. With a safe prime its exponents are as short as those of standard groups of that size (RFC 7919 section 5.2). NULL: reported. */
EVP_PKEY *own_group_settle(EVP_PKEY *read, const struct pki_place *place);

#endif
