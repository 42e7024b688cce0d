/* Between OpenSSL and the stream below: a BIO without a buffer of its own.
 *
 * OpenSSL reads ciphertext straight from the span that the stream below has passed up, and what it writes goes into
 * that stream, which gathers it until the end of the event. While the stream is out (queue.h) it is kept, since the stream below
 * belongs to the loop. */
#ifndef CROSSGATE_TLS_BIO_H
#define CROSSGATE_TLS_BIO_H

#include "crossgate/base/loop.h"
#include "crossgate/stream.h"

#include <openssl/ssl.h>

struct choice;
struct ticket_ring;

/* Member of a TLS stream, and the BIO's data, so that what OpenSSL calls back can find it. */
struct pipe {
    struct span in; /* ciphertext on offer; what OpenSSL took is cut off its front */
    struct stream *below;
    bool full; /* below is over its high mark, and will say when there is room */
    struct loop *loop;
    struct task *flush; /* deferred before each write, so that it runs before below's own: one send per event */
    /* While out: */
    bool is_out;
    bool lacks_memory; /* for what was to be kept */
    uint8_t *kept;     /* written meanwhile */
    size_t kept_length;
    struct ticket_ring *ring; /* the keys of tickets at its beginning; a reference; NULL: those of the loop */
    unsigned unknown_tickets; /* that were seen, and are to be counted */
    /* Of servers, by hello.c: */
    const struct choice *choice; /* what the hello has chosen; NULL: nothing (yet) */
    bool is_medium;              /* and is suspended, since others wait as well */
    bool is_named;               /* by the server name */
    bool is_nameless;            /* refused, since no certificate is for the name */
    bool is_challenge;           /* of an authority, instead of a choice: the handshake is all there is to say */
};

/* On the loop, before and after a step that is done elsewhere. */
void pipe_leave(struct pipe *pipe);
void pipe_return(struct pipe *pipe);

/* What was written meanwhile goes below, or is of no use any more. */
void pipe_flush(struct pipe *pipe);
void pipe_forget(struct pipe *pipe);

/* Of a connection that has such a BIO. */
struct pipe *pipe_of(const SSL *ssl);

/* Counted by nobody: lives as long as its BIOs' context. NULL when memory is out. */
BIO_METHOD *pipe_method_new(void);

/* NULL when memory is out. Borrows both. */
BIO *pipe_bio_new(const BIO_METHOD *method, struct pipe *pipe);

#endif
