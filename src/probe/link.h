/* One connection to the server: TCP, with or without TLS over it. Every call ends by the time it is given. */
#ifndef CROSSGATE_PROBE_LINK_H
#define CROSSGATE_PROBE_LINK_H

#include "resolve.h"

#include "crossgate/base/span.h"

#include <openssl/ssl.h>

struct link {
    int socket; /* -1: none */
    SSL *ssl;   /* NULL: plain */
    /* What was seen on the way. */
    SSL_SESSION *session; /* the last ticket or session that came; owned */
    unsigned sessions;
    bool asked_certificate;
    uint8_t alert;            /* of the server; 0: none */
    char failure[PROBE_TEXT]; /* why the last call failed */
};

/* Connects. PROBE_SILENT or PROBE_ENDED: not, and `failure` says why; there is nothing to close. */
enum probe_failure link_dial(struct link *link, const struct address *address, uint64_t until);

/* Takes `ssl` over and makes the client's handshake. The facts of an unfinished one can be asked of link->ssl, too. */
enum probe_failure link_handshake(struct link *link, SSL *ssl, uint64_t until);

/* Writes all of it. */
enum probe_failure link_write(struct link *link, struct span bytes, uint64_t until);

/* Reads what there is, at least one byte. PROBE_ENDED: nothing comes any more. */
enum probe_failure link_read(struct link *link, void *bytes, size_t size, size_t *length, uint64_t until);

/* Says goodbye if there is TLS, without waiting for an answer. */
void link_close(struct link *link);

/* The link of an SSL, for callbacks. */
struct link *link_of(const SSL *ssl);

#endif
