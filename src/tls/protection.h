/* Protected records in one direction of an open connection, for the suites with authenticated encryption: RFC 8446 section 5.2 and
 * 5.3; RFC 5246 section 6.2.3.3 with RFC 5288 and RFC 7905. */
#ifndef CROSSGATE_TLS_PROTECTION_H
#define CROSSGATE_TLS_PROTECTION_H

#include "sealer.h"
#include "secrets.h"

/* Types of content (RFC 8446 section 5.1). */
enum content_type {
    CONTENT_CHANGE_CIPHER_SPEC = 20,
    CONTENT_ALERT = 21,
    CONTENT_HANDSHAKE = 22,
    CONTENT_APPLICATION_DATA = 23,
};

/* Bytes: type, version and length in front of each record; what a record may hold. */
enum { RECORD_HEAD = 5, RECORD_CONTENT_MAX = 16384 };

/* By which a record is longer than its content at most: the head, a nonce of 8 bytes, the tag. */
enum { RECORD_EXPANSION_MAX = RECORD_HEAD + 8 + AEAD_TAG };

struct protection {
    struct seal seal;
    uint8_t iv[AEAD_NONCE];             /* TLS 1.2 with GCM: the 4 bytes that are fixed */
    uint8_t secret[SECRET_BYTES_MAX];   /* TLS 1.3: what the next keys come of */
    const struct derive_digest *digest; /* of the secret; NULL: TLS 1.2 */
    uint64_t sequence;                  /* of the next record */
};

/* TLS 1.3, with the keys of a traffic secret (RFC 8446 section 7.3). False when OpenSSL fails. */
bool protection_init_tls13(struct protection *protection, struct tls_sealer *sealer, enum aead aead,
                           const struct derive_digest *digest, const uint8_t *secret)
    __attribute__((warn_unused_result));

/* With those of the secret that follows on it (section 7.2). */
bool protection_renew(struct protection *protection, struct tls_sealer *sealer) __attribute__((warn_unused_result));

/* TLS 1.2. `sequence` stays: Finished has been protected with the same keys, and its records count. False: the key block is not as
 * long as those of this suite. */
bool protection_init_tls12(struct protection *client, struct protection *server, enum aead aead, struct span key_block)
    __attribute__((warn_unused_result));

void protection_wipe(struct protection *protection, struct tls_sealer *sealer);

/* How long the record is that begins with this head, the head included; 0: longer than any can be. */
size_t protection_record_length(const struct protection *protection, const uint8_t *head);

/* Makes a record of at most RECORD_CONTENT_MAX bytes in `to`, which has room for RECORD_EXPANSION_MAX more. Its length; 0: that
 * failed. */
size_t protection_seal(struct protection *protection, struct tls_sealer *sealer, enum content_type type,
                       struct span content, uint8_t *to);

struct content {
    uint8_t type;
    struct span bytes;
};

enum opening {
    OPENING_DONE,
    OPENING_BAD_MAC, /* not from who has the key, or not in this order */
    OPENING_OVERFLOW,
    OPENING_MALFORMED, /* authentic, and yet nothing that may be sent (RFC 8446 section 5.4) */
    OPENING_FAILED,    /* memory is out */
};

/* Opens a whole record into `to`, which has room for SEALER_RECORD and which the content borrows. */
enum opening protection_open(struct protection *protection, struct tls_sealer *sealer, struct span record, uint8_t *to,
                             struct content *content);

#endif
