/* What a TLS connection tells of itself. */
#ifndef CROSSGATE_TLS_FACTS_H
#define CROSSGATE_TLS_FACTS_H

#include "crossgate/base/facts.h"
#include "crossgate/base/slab.h"

#include <openssl/ssl.h>

/* What is kept of a handshake to be told later, when OpenSSL's object has gone: the suite, the names, the client's certificate. */
struct facts;

/* `exporter`: the channel binding may be asked for, too. NULL when memory is out or OpenSSL refuses. */
struct facts *facts_new(struct slabs *slabs, SSL *ssl, bool exporter);

/* Accepts NULL. */
void facts_free(struct facts *facts);

/* Spans point into the arena, or into `facts`. False when memory is out or OpenSSL refuses. */
bool facts_tell(const struct facts *facts, struct arena *arena, struct tls_facts *told)
    __attribute__((warn_unused_result));

#endif
