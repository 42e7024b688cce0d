/* What the handshakes of a run offer, whom they trust, and the sessions that they may resume. */
#ifndef CROSSGATE_LOAD_OFFER_H
#define CROSSGATE_LOAD_OFFER_H

#include "crossgate/load.h"

#include <openssl/ssl.h>

enum { OFFER_SESSIONS = 1024 };

struct offer {
    SSL_CTX *context;
    const struct load_target *target;
    X509 *trusted; /* a certificate that was verified; the same one is not verified again */
    unsigned percent;
    unsigned owed; /* hundredths of a resumption */
    SSL_SESSION *sessions[OFFER_SESSIONS];
    unsigned count;
};

/* False: the settings are of no use, or memory is out. The target is borrowed. */
bool offer_init(struct offer *offer, const struct load_settings *settings, const struct load_tls *tls,
                struct error *error) __attribute__((warn_unused_result));
void offer_deinit(struct offer *offer);

/* A connection that has not begun; of so many in a hundred as was asked for with a session to resume, if there is one.
 * NULL when memory is out. */
SSL *offer_connection(struct offer *offer) __attribute__((warn_unused_result));

/* Whether handshakes are to leave sessions behind. */
static inline bool offer_resumes(const struct offer *offer)
{
    return offer->percent > 0;
}

#endif
