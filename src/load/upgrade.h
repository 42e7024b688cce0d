/* The opening handshake of a WebSocket, in role client (RFC 6455 section 4.1), on an open contact. */
#ifndef CROSSGATE_LOAD_UPGRADE_H
#define CROSSGATE_LOAD_UPGRADE_H

#include "contact.h"
#include "request.h"

#include "crossgate/websocket.h"

/* Zeroed: none is under way. */
struct upgrade {
    struct http_response_reader *reader;
    char key[WEBSOCKET_KEY];
};

/* What the requests of all connections have in common. */
bool upgrade_prepare(struct request *request, const struct load_settings *settings, struct error *error)
    __attribute__((warn_unused_result));

/* Asks, and expects the answer in time. Fails the contact if it cannot. */
void upgrade_begin(struct upgrade *upgrade, struct contact *contact, const struct request *request);

/* Takes the answer off *in. True: it is a 101 that is right. False: more must come, or the contact has failed. */
bool upgrade_read(struct upgrade *upgrade, struct contact *contact, struct span *in);

static inline bool upgrade_is_under_way(const struct upgrade *upgrade)
{
    return upgrade->reader != NULL;
}

/* The connection is gone. */
void upgrade_forget(struct upgrade *upgrade);

#endif
