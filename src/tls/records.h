/* The records of an open connection: what comes between its ciphertext and the content.
 *
 * layer.c has them for the suites that nearly everybody uses, without OpenSSL's connection, which goes when the handshake is done and
 * takes 14 KB along; library.c leaves them to OpenSSL for all others. Both read from the pipe's span and write into the stream below. */
#ifndef CROSSGATE_TLS_RECORDS_H
#define CROSSGATE_TLS_RECORDS_H

#include "bio.h"
#include "error.h"
#include "secrets.h"

struct records;

struct records_ops {
    enum tls_outcome (*read)(struct records *records, struct span *content, struct tls_fault *fault);
    bool (*write)(struct records *records, struct span content, struct tls_fault *fault);
    bool (*give_ticket)(struct records *records, struct tls_fault *fault);
    void (*close)(struct records *records);
    bool (*has_pending)(const struct records *records);
    void (*free)(struct records *records);
};

/* First member of each implementation. */
struct records {
    const struct records_ops *ops;
    struct pipe *pipe;
    enum tls_role role;
    bool gives_ticket;    /* a server's, over TLS 1.3: one is owed until give_ticket has been called */
    uint32_t key_updates; /* that the peer has sent */
    uint64_t received;    /* bytes of content */
};

/* Key updates a peer may send: a few, and one more with each MiB of data. Each costs some key derivations to follow, and all that come in
 * one read cost one turn; nobody's keys wear out that fast (RFC 8446 section 5.5). */
enum { KEY_UPDATES_FREE = 32, KEY_UPDATES_SHIFT = 20 };
extern const char records_too_many_key_updates[];

static inline bool records_have_too_many_key_updates(const struct records *records)
{
    return records->key_updates > KEY_UPDATES_FREE + (records->received >> KEY_UPDATES_SHIFT);
}

/* The peer did what it must not; `detail` is static text. */
static inline struct tls_fault records_broken(const struct records *records, const char *detail)
{
    return (struct tls_fault){records->role == TLS_CLIENT ? ENDING_BACKEND_TLS : ENDING_TLS_BROKEN, detail};
}

/* After the handshake, whose SSL object they own from now on; `secrets` are what was heard in it. The pipe is borrowed. NULL when
 * memory is out: then the object is freed. */
struct records *records_new(SSL *ssl, const struct tls_secrets *secrets, struct pipe *pipe, enum tls_role role);

/* Accepts NULL. */
static inline void records_free(struct records *records)
{
    if (records)
        records->ops->free(records);
}

/* Content of the next record that has some, borrowed until the next call for any connection of the loop: TLS_DONE. Or TLS_NEEDS_BYTES,
 * TLS_CLOSED (the peer's close_notify), TLS_FAILED; if it is the peer that broke the protocol, he has been told by an alert. */
static inline enum tls_outcome records_read(struct records *records, struct span *content, struct tls_fault *fault)
{
    return records->ops->read(records, content, fault);
}

/* As many records as it takes. False: *fault says why. */
static inline bool records_write(struct records *records, struct span content, struct tls_fault *fault)
{
    return records->ops->write(records, content, fault);
}

/* At once: a session ticket (RFC 8446 section 4.6.1). */
static inline bool records_give_ticket(struct records *records, struct tls_fault *fault)
{
    return records->ops->give_ticket(records, fault);
}

/* The alert close_notify (RFC 8446 section 6.1). */
static inline void records_close(struct records *records)
{
    records->ops->close(records);
}

/* There may be more to read, although the pipe is empty. */
static inline bool records_have_pending(const struct records *records)
{
    return records->ops->has_pending(records);
}

#endif
