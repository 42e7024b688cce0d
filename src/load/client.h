/* A client of TLS: what its handshakes offer, whom it trusts, and the sessions that it may resume. */
#ifndef CROSSGATE_LOAD_CLIENT_H
#define CROSSGATE_LOAD_CLIENT_H

#include "crossgate/load.h"

#include <openssl/ssl.h>

enum { CLIENT_SESSIONS = 1024 };

struct client {
    SSL_CTX *context;
    const struct load_target *target;
    X509 *trusted; /* a certificate that was verified; the same one is not verified again */
    unsigned percent;
    unsigned owed; /* hundredths of a resumption */
    SSL_SESSION *sessions[CLIENT_SESSIONS];
    unsigned count;
};

/* False: the settings are of no use, or memory is out. The target is borrowed. */
bool client_init(struct client *client, const struct load_settings *settings, const struct load_tls *tls,
                 struct error *error) __attribute__((warn_unused_result));
void client_deinit(struct client *client);

/* A connection that has not begun; of so many in a hundred as was asked for with a session to resume, if there is one. *left_session
 * becomes true when it has left one behind. NULL when memory is out. */
SSL *client_connection(struct client *client, bool *left_session) __attribute__((warn_unused_result));

/* Whether handshakes are to leave sessions behind. */
static inline bool client_resumes(const struct client *client)
{
    return client->percent > 0;
}

/* Takes the session over. */
void client_keep(struct client *client, SSL_SESSION *session);

#endif
