/* What a handshake may cost us, by its ClientHello: whatever the client says afterwards, one that is called light holds
 * the loop for some 0.3 ms at most. */
#ifndef CROSSGATE_TLS_WEIGHT_H
#define CROSSGATE_TLS_WEIGHT_H

#include "names.h"

/* Within the callback for the hello. */
bool weight_is_heavy(SSL *ssl, const struct choice *choice);

#endif
