/* One connection to the server: TCP, or TLS over it.
 *
 * Contract
 * - A link that was opened ends with exactly one on_end, from an own event. It may be opened again from there on.
 * - on_open: connected, TLS handshake done. on_bytes: what came, for that call only. on_turn: all that one event brought has
 *   been told, or there is room again: the time to write, in one go if possible. After link_leave, link_close or link_fail none of them is
 *   called any more.
 * - A link waits for nothing without a limit: whoever waits says so by link_expect, again for each thing that he waits for. */
#ifndef CROSSGATE_LOAD_LINK_H
#define CROSSGATE_LOAD_LINK_H

#include "run.h"

#include "crossgate/base/deadline.h"

#include <openssl/ssl.h>

struct client;
struct link;

struct link_user {
    void (*on_open)(struct link *link);
    void (*on_bytes)(struct link *link, struct span bytes);
    void (*on_turn)(struct link *link);
    void (*on_eof)(struct link *link); /* NULL: it is a failure */
    void (*on_end)(struct link *link); /* link->why: the failure, or "" */
};

enum link_state {
    LINK_NONE,       /* no socket */
    LINK_CONNECTING, /* TCP or TLS */
    LINK_OPEN,
    LINK_LEAVING, /* our last words are said; what the server still sends is dropped until it has ended, too */
    LINK_ENDING,  /* on_end will come */
};

enum { LINK_WHY = 200 };

struct link {
    uv_poll_t poll;
    struct run *run;
    struct client *client; /* NULL: no TLS */
    const struct link_user *on;
    SSL *ssl;
    int fd;
    enum link_state state;
    bool left_session; /* a session that can be resumed has come */
    bool paused;       /* nothing is read */
    bool resuming;     /* it was paused, and what waits is to be read */
    bool may_read;     /* in this event, once more */
    bool ended;        /* the server has finished sending */
    int events;        /* that are polled for */
    uint8_t *out;      /* what the kernel has not taken; NULL: nothing */
    size_t out_length;
    const char *awaited; /* for the message, if it does not come */
    uint32_t patience;   /* ms */
    struct deadline deadline;
    char why[LINK_WHY];
};

/* Once per link. `client` NULL: no TLS. */
void link_init(struct link *link, struct run *run, struct client *client, const struct link_user *on);

/* Connects a link in LINK_NONE, or from on_end. */
void link_open(struct link *link);

/* Takes all of them, at most RUN_BYTES. False: wait for on_turn before more is written. */
bool link_write(struct link *link, struct span bytes);

static inline bool link_has_room(const struct link *link)
{
    return link->state == LINK_OPEN && !link->out;
}

/* From now on something must come within that many ms, else the link fails with "no … within … s". 0: nothing is awaited. Static text. */
void link_expect(struct link *link, const char *what, uint32_t ms);

/* Stops reading, and goes on with it. */
void link_pause(struct link *link, bool paused);

/* Says goodbye (close_notify, FIN) and ends when the server has, too. */
void link_leave(struct link *link);

/* Ends at once. */
void link_close(struct link *link);

/* Ends at once, with a reason. */
void link_fail(struct link *link, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Of the BIO that joins OpenSSL to a link. NULL when memory is out. */
BIO_METHOD *link_method_new(void);

#endif
