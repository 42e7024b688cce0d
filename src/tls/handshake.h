/* The handshake of a TLS stream: an object of its own, which goes when the stream is open.
 *
 *     ciphertext is kept --> waits for its turn --> a step, on the loop or beside it --+--> open, ended, dropped
 *           ^                                                                          |
 *           +------------- more is needed, or the step turned out to be heavy ---------+
 *
 * Until it is open it owns the SSL object. It knows of the stream above what it is told here, and of the one below how to pause it
 * and to write to it. */
#ifndef CROSSGATE_TLS_HANDSHAKE_H
#define CROSSGATE_TLS_HANDSHAKE_H

#include "bio.h"
#include "context.h"
#include "error.h"
#include "secrets.h"

struct tls_handshake;

/* What it leaves behind: all of it is the user's from now on. */
struct tls_opened {
    SSL *ssl;
    const struct tls_secrets *secrets; /* that were heard; save these, which are wiped with the handshake */
    uint8_t *kept;                     /* ciphertext that came along and is application data; NULL: none */
    size_t kept_length;
    const struct choice *choice; /* servers: whom the hello asked for */
    bool below_is_paused;        /* by the handshake */
    bool below_is_over;          /* EOF came behind `kept` */
};

/* One of them is called, once, from the loop and last of all; the user then frees the handshake, before it returns. on_ended with
 * ENDING_DONE: all has been said (a challenge of an authority, hello.h). */
struct tls_handshake_user {
    void (*on_open)(void *user, const struct tls_opened *opened);
    void (*on_ended)(void *user, const struct tls_fault *fault); /* the peer is to hear what has been written below */
    void (*on_dropped)(void *user, enum ending why);             /* at once */
};

/* `pipe` tells what the handshake reads and writes (below, loop, flush), and is copied. `timeout` in ms, from now. `peer` may be
 * NULL. Takes a reference on the context. NULL when memory is out. */
struct tls_handshake *tls_handshake_new(const struct pipe *pipe, struct tls_context *context, const struct peer *peer,
                                        uint32_t timeout, const struct tls_handshake_user *on, void *user);

/* Whatever it was up to, its user hears no more of it. If a step is under way beside the loop, what that works on is freed when
 * it is done. Accepts NULL. */
void tls_handshake_free(struct tls_handshake *handshake);

/* Clients speak first. */
void tls_handshake_begin(struct tls_handshake *handshake);

/* The time begins anew. */
void tls_handshake_restart_clock(struct tls_handshake *handshake);

/* What below tells, with stream.h's contract. */
size_t tls_handshake_on_bytes(struct tls_handshake *handshake, struct span ciphertext);
void tls_handshake_on_eof(struct tls_handshake *handshake);

#endif
