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

struct hello;
struct ticket_ring;

/* What a step that is done elsewhere has with it, and brings back. */
struct away {
    uint8_t *written; /* meanwhile */
    size_t length;
    bool lacks_memory;        /* for what was to be kept */
    struct ticket_ring *ring; /* the keys of tickets at its beginning; a reference; NULL: there are none */
    unsigned unknown_tickets; /* that were seen, and are to be counted */
};

/* The BIO's data, so that what OpenSSL calls back can find it: of a handshake, then of the stream that has come of it. */
struct pipe {
    struct span in; /* ciphertext on offer; what OpenSSL took is cut off its front */
    struct stream *below;
    struct loop *loop;
    struct task *flush;  /* deferred before each write, so that it runs before below's own: one send per event */
    struct hello *hello; /* during the handshake */
    struct away *away;   /* while out; else NULL */
    bool full;           /* below is over its high mark, and will say when there is room */
};

/* On the loop: into the stream below, at the end of the event. */
void pipe_send(struct pipe *pipe, struct span bytes);

/* The same for the first `length` bytes of room that stream_reserve has given. */
void pipe_commit(struct pipe *pipe, size_t length);

/* On the loop, before and after a step that is done elsewhere. `away` is empty, and stays until the return. */
void pipe_leave(struct pipe *pipe, struct away *away);
void pipe_return(struct pipe *pipe);

/* After the return: what was written meanwhile goes below, or is of no use any more. */
void pipe_flush(struct pipe *pipe, struct away *away);
void away_forget(struct away *away);

/* Of a connection that has such a BIO. */
struct pipe *pipe_of(const SSL *ssl);

/* From now on it is that one's. */
void pipe_take_over(struct pipe *pipe, SSL *ssl);

/* Counted by nobody: lives as long as its BIOs' context. NULL when memory is out. */
BIO_METHOD *pipe_method_new(void);

/* NULL when memory is out. Borrows both. */
BIO *pipe_bio_new(const BIO_METHOD *method, struct pipe *pipe);

#endif
