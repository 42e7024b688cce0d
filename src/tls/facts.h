/* What a TLS connection tells of itself. */
#ifndef CROSSGATE_TLS_FACTS_H
#define CROSSGATE_TLS_FACTS_H

#include "crossgate/base/facts.h"

#include <openssl/ssl.h>

/* `exporter`: give the channel binding away, too. Spans point into the arena, or into `ssl`. False when memory is out or
 * OpenSSL refuses. */
bool facts_tell(SSL *ssl, bool exporter, struct arena *arena, struct tls_facts *facts)
    __attribute__((warn_unused_result));

#endif
