/* Between OpenSSL and the stream below: a BIO without a buffer of its own.
 *
 * OpenSSL reads ciphertext straight from the span that the stream below has passed up, and what it writes goes into
 * that stream, which gathers it until the end of the event. */
#ifndef CROSSGATE_TLS_BIO_H
#define CROSSGATE_TLS_BIO_H

#include "crossgate/base/loop.h"
#include "crossgate/stream.h"

#include <openssl/bio.h>

/* Member of a TLS stream, and the BIO's data. */
struct pipe {
    struct span in; /* ciphertext on offer; what OpenSSL took is cut off its front */
    struct stream *below;
    bool full; /* below is over its high mark, and will say when there is room */
    struct loop *loop;
    struct task *flush; /* deferred before each write, so that it runs before below's own: one send per event */
};

/* Counted by nobody: lives as long as its BIOs' context. NULL when memory is out. */
BIO_METHOD *pipe_method_new(void);

/* NULL when memory is out. Borrows both. */
BIO *pipe_bio_new(const BIO_METHOD *method, struct pipe *pipe);

#endif
