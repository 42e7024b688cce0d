/* Between OpenSSL and the stream below: a BIO without a buffer of its own.
 *
 * OpenSSL reads ciphertext straight from the span that the stream below has passed up, and what it writes goes into
 * that stream, which gathers it until the end of the event. */
#ifndef CROSSGATE_TLS_BIO_H
#define CROSSGATE_TLS_BIO_H

#include "crossgate/base/loop.h"
#include "crossgate/stream.h"

#include <openssl/bio.h>

struct choice;

/* Member of a TLS stream, and the BIO's data, so that what OpenSSL calls back can find it. */
struct pipe {
    struct span in; /* ciphertext on offer; what OpenSSL took is cut off its front */
    struct stream *below;
    bool full; /* below is over its high mark, and will say when there is room */
    struct loop *loop;
    struct task *flush; /* deferred before each write, so that it runs before below's own: one send per event */
    /* Of servers, by hello.c: */
    const struct choice *choice; /* what the hello has chosen; NULL: nothing (yet) */
    bool is_named;               /* by the server name */
    bool is_nameless;            /* refused, since no certificate is for the name */
    bool is_challenge;           /* of an authority, instead of a choice: the handshake is all there is to say */
};

/* Counted by nobody: lives as long as its BIOs' context. NULL when memory is out. */
BIO_METHOD *pipe_method_new(void);

/* NULL when memory is out. Borrows both. */
BIO *pipe_bio_new(const BIO_METHOD *method, struct pipe *pipe);

#endif
