/* What all TLS connections of a probe have in common: a client that takes what it gets, to look at it. */
#ifndef CROSSGATE_PROBE_CLIENT_H
#define CROSSGATE_PROBE_CLIENT_H

#include "link.h"

struct client {
    SSL_CTX *context;
    X509_STORE *store; /* whom to trust */
    const char *name;  /* for SNI; NULL: none is sent */
};

/* False: *error says why; there is nothing to deinit. `name` is borrowed. */
bool client_init(struct client *client, const struct probe_settings *settings, const char *name, struct error *error)
    __attribute__((warn_unused_result));
void client_deinit(struct client *client);

struct client_wish {
    int highest;          /* version; 0: any */
    SSL_SESSION *session; /* to resume; NULL: a full handshake */
    bool h2;              /* offer HTTP/2 before HTTP/1.1 */
};

/* NULL when memory is out. */
SSL *client_new_ssl(const struct client *client, const struct client_wish *wish);

#endif
