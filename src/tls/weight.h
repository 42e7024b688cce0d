/* What a handshake may cost us, by its ClientHello: whatever the client says afterwards, one that is called light holds
 * the loop for some 0.3 ms at most. */
#ifndef CROSSGATE_TLS_WEIGHT_H
#define CROSSGATE_TLS_WEIGHT_H

#include "names.h"

#include "crossgate/tls.h"

#include <openssl/ssl.h>

/* Groups of a context that cost little, and that come before all that cost much. */
struct light_groups {
    bool p256, x25519;
};

/* Of a context that offers these; not given: our own choice, in which both come first. */
struct light_groups weight_light_groups(const struct tls_words *groups);

/* Light ones that cost, by our keys alone, so much that many of them, one after the other, are felt. */
bool weight_is_medium(const struct choice *choice);

/* Within the callback for the hello. */
bool weight_is_heavy(SSL *ssl, const struct choice *choice, const struct light_groups *ours);

#endif
