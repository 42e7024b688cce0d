/* One connection to the server: TCP, or TLS over it.
 *
 * Contract
 * - A contact that was opened ends with exactly one on_end, from an own event. It may be opened again from there on.
 * - on_open: connected, TLS handshake done. on_bytes: what came, for that call only. on_turn: all that one event brought has
 *   been told, or there is room again: the time to write, in one go if possible. After contact_leave, contact_close or contact_fail none of them is
 *   called any more.
 * - A contact waits for nothing without a limit: whoever waits says so by contact_expect, again for each thing that he waits for. */
#ifndef CROSSGATE_LOAD_CONTACT_H
#define CROSSGATE_LOAD_CONTACT_H

#include "run.h"

#include "crossgate/base/deadline.h"

#include <openssl/ssl.h>

struct offer;
struct contact;

struct contact_user {
    void (*on_open)(struct contact *contact);
    void (*on_bytes)(struct contact *contact, struct span bytes);
    void (*on_turn)(struct contact *contact);
    void (*on_eof)(struct contact *contact); /* NULL: it is a failure */
    void (*on_end)(struct contact *contact); /* contact->why: the failure, or "" */
};

enum contact_state {
    CONTACT_NONE,       /* no socket */
    CONTACT_CONNECTING, /* TCP or TLS */
    CONTACT_OPEN,
    CONTACT_LEAVING, /* our last words are said; what the server still sends is dropped until it has ended, too */
    CONTACT_ENDING,  /* on_end will come */
};

enum { CONTACT_WHY = 200 };

struct contact {
    uv_poll_t poll;
    struct run *run;
    struct offer *offer; /* NULL: no TLS */
    const struct contact_user *on;
    SSL *ssl;
    int fd;
    enum contact_state state;
    bool paused;   /* nothing is read */
    bool resuming; /* it was paused, and what waits is to be read */
    bool may_read; /* in this event, once more */
    bool ended;    /* the server has finished sending */
    int events;    /* that are polled for */
    uint8_t *out;  /* what the kernel has not taken; NULL: nothing */
    size_t out_length;
    const char *awaited; /* for the message, if it does not come */
    uint32_t patience;   /* ms */
    struct deadline deadline;
    uint64_t free_at; /* ns: a slow reader goes on then */
    struct deadline breath;
    char why[CONTACT_WHY];
};

/* Once per contact. `offer` NULL: no TLS. */
void contact_init(struct contact *contact, struct run *run, struct offer *offer, const struct contact_user *on);

/* Connects a contact in CONTACT_NONE, or from on_end. */
void contact_open(struct contact *contact);

/* Takes all of them, at most RUN_BYTES. False: wait for on_turn before more is written. */
bool contact_write(struct contact *contact, struct span bytes);

static inline bool contact_has_room(const struct contact *contact)
{
    return contact->state == CONTACT_OPEN && !contact->out;
}

/* From now on something must come within that many ms, else the contact fails with "no … within … s". 0: nothing is awaited. Static text. */
void contact_expect(struct contact *contact, const char *what, uint32_t ms);

/* Says goodbye (close_notify, FIN) and ends when the server has, too. */
void contact_leave(struct contact *contact);

/* Ends at once. */
void contact_close(struct contact *contact);

/* Ends at once, with a reason. */
void contact_fail(struct contact *contact, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Of the BIO that joins OpenSSL to a contact. NULL when memory is out. */
BIO_METHOD *contact_method_new(void);

#endif
