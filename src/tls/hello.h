/* What is decided by a ClientHello, before anything else of it is looked at: which certificates a connection gets, and
 * which clients are let in. */
#ifndef CROSSGATE_TLS_HELLO_H
#define CROSSGATE_TLS_HELLO_H

#include "context.h"
#include "names.h"

/* What a handshake's hello has come to: found by the handshake's pipe (bio.h). */
struct hello {
    const struct choice *choice; /* NULL: nothing has been chosen (yet) */
    bool is_medium;              /* and is suspended, since others wait as well (queue.h) */
    bool is_named;               /* chosen by the server name */
    bool is_nameless;            /* refused, since no certificate is for the name */
    bool is_challenge;           /* of an authority, instead of a choice: the handshake is all there is to say */
};

/* The name in the body of a server_name extension (RFC 6066 section 3), not checked any further. False: malformed. */
bool hello_read_name(struct span extension, struct span *name) __attribute__((warn_unused_result));

/* For the context of a server. */
void hello_watch(struct tls_context *context);

/* Whether a handshake for this host (without port; empty: none) would have been under the same policy as one with that
 * choice: if not, the request belongs on a connection of its own. */
bool hello_is_for(const struct tls_context *context, const struct choice *choice, struct span host);

#endif
