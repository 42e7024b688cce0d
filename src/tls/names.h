/* From the server name that a client asks for to what it gets. Built once, read only afterwards.
 *
 * Names are those of the certificates: exact ones first, then wildcards, which stand for one whole left-most label
 * (RFC 9525 section 6.3). Certificates for the same name with keys of different kinds are one choice of OpenSSL's. */
#ifndef CROSSGATE_TLS_NAMES_H
#define CROSSGATE_TLS_NAMES_H

#include "credential.h"
#include "policy.h"

#include "crossgate/base/arena.h"

enum { CHOICE_IDENTITY = 32 };

/* What clients get who ask for a name. */
struct choice {
    const struct credential *credentials[KEY_KINDS]; /* NULL: none with a key of that kind */
    const struct policy *policy;
    uint8_t identity[CHOICE_IDENTITY]; /* of names, policy and suites: tickets are bound to it (session id context) */
    struct choice *next;               /* that begins with the same credential */
};

struct names;

/* NULL when memory is out. The arena keeps the names, the context has its suites. */
struct names *names_new(struct arena *arena, const SSL_CTX *context);
void names_free(struct names *names); /* accepts NULL */

/* All names of the certificate, which are found by names_find after names_settle. The first one added is what clients
 * without a name get, and may have none. What is doubtful about the names is reported. False when memory is out. */
bool names_add(struct names *names, const struct credential *credential, const struct policy *policy,
               struct problems *problems) __attribute__((warn_unused_result));

/* After the last one. Reports names that several certificates have, each to the problems of the later one. False:
 * reported, or memory is out. */
bool names_settle(struct names *names) __attribute__((warn_unused_result));

/* What clients without a name get, and with a name that no certificate is for. */
const struct choice *names_default(const struct names *names);

/* NULL: no certificate is for that name. A final dot and upper case make no difference. */
const struct choice *names_find(const struct names *names, struct span name);

#endif
