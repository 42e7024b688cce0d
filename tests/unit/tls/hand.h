/* A peer whose records are made by hand: OpenSSL does the handshake (struct guest_peer), then its keys are taken, and what is said with
 * them may be anything. */
#ifndef CROSSGATE_TESTS_TLS_HAND_H
#define CROSSGATE_TESTS_TLS_HAND_H

#include "protection.h"
#include "world.h"

struct hand {
    struct guest_peer guest;
    struct tls_context *ours; /* of our stream */
    struct derive_digest digest;
    struct tls_sealer *sealer;
    struct protection in, out;
    size_t heard; /* of what our stream has sent */
    uint8_t record[RECORD_HEAD + (1 << 16)];
};

/* A suite as OpenSSL names it; over TLS 1.2 with a certificate of RSA. */
struct suite {
    const char *name;
    int version;
    enum aead aead;
    uint8_t fragment; /* a client's wish for short records (RFC 6066 section 4); 0: none */
};
enum { SUITES = 6 };
extern const struct suite suites[SUITES];

/* Opens a connection with our stream, of this role. */
void hand_open(struct hand *hand, enum tls_role ours, const struct suite *suite);

/* Before the first word is said; and when OpenSSL knows the keys, to be used behind the records of Finished. */
void hand_begin(struct hand *hand, enum tls_role ours, const struct suite *suite);
void hand_take_keys(struct hand *hand, enum tls_role ours, const struct suite *suite);

/* Frees it all, and hangs up. */
void hand_leave(struct hand *hand);

/* The record is made, and our stream gets it in the next turn; hand_make only makes it. */
struct span hand_make(struct hand *hand, int type, struct span content);
void hand_say(struct hand *hand, int type, struct span content);

/* Over TLS 1.3: with zeros behind the type, at least one. */
struct span hand_make_padded(struct hand *hand, int type, struct span content, size_t zeros);

/* Anything. */
void hand_send(struct hand *hand, struct span bytes);

/* A key update, after which all else has the next keys (RFC 8446 section 4.6.3). */
void hand_update(struct hand *hand, uint8_t request);

/* What our stream sends next is that record, or nothing. */
void hand_expect(struct hand *hand, int type, struct span content);
void hand_expect_nothing(struct hand *hand);

/* Our stream's keys are the next ones from here on. */
void hand_expect_update(struct hand *hand);

/* Our stream has said this alert, and nothing before it that has not been expected, and has ended for the peer's fault. */
void hand_expect_refusal(struct hand *hand, uint8_t alert, const char *detail);

#endif
