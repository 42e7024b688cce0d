/* Messages of the handshake in records: one may be cut over several, and one record may hold several (RFC 8446 section 5.1). Of those that
 * come behind the handshake nobody needs more than their head and a key update's only byte: nothing else is kept. */
#ifndef CROSSGATE_TLS_MESSAGE_H
#define CROSSGATE_TLS_MESSAGE_H

#include "crossgate/base/span.h"

struct message {
    uint32_t left; /* of the body, bytes */
    uint8_t type;
    uint8_t last; /* byte of the body that has come */
    uint8_t head; /* bytes of it that have come; 0: between two messages */
};

enum message_step {
    MESSAGE_NEEDS_BYTES, /* all have been taken */
    MESSAGE_BEGUN,       /* type and length are known, of the body nothing has been taken */
    MESSAGE_WHOLE,
};

/* Takes bytes off the front, up to the next step. */
enum message_step message_take(struct message *message, struct span *bytes);

#endif
