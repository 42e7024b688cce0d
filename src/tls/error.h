/* The one place that asks OpenSSL what a call came to, and says it in our words. */
#ifndef CROSSGATE_TLS_ERROR_H
#define CROSSGATE_TLS_ERROR_H

#include "context.h"

enum tls_outcome {
    TLS_DONE,
    TLS_NEEDS_BYTES, /* call again when more has come */
    TLS_CLOSED,      /* the peer's close_notify */
    TLS_SUSPENDED,   /* the hello is heavy (hello.c) */
    TLS_FAILED,
};

struct tls_fault {
    enum ending why;
    const char *detail; /* static text, or NULL */
};

/* Before a call of OpenSSL on a connection: what others left on the error queue must not be taken for its own. Not for each
 * record, of which it would cost a tenth: whoever else calls OpenSSL clears the queue behind himself, a record that is not
 * complete is told without a look at it, and for what else may go wrong with one the connection ends anyway. */
void tls_outcome_prepare(void);

/* What the call came to that has just returned `result`; with TLS_FAILED *fault says why. `opened`: the handshake was
 * done before it. */
enum tls_outcome tls_outcome_of(const SSL *ssl, int result, enum tls_role role, bool opened, struct tls_fault *fault);

#endif
