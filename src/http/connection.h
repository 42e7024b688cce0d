/* The visitor's connection and its exchange, as connection.c (bytes and states) and exchange.c (requests and answers) share
 * them. An idle connection is this struct and nothing else: what belongs to one request lives in the arena of its exchange.
 *
 * Order in time. connection.c makes an exchange when the first byte of a request comes, and has it served. exchange.c calls
 * connection_answered when the answer is complete. An exchange that was answered within serve, and that nobody watches, is
 * freed when serve has returned; all others are buried at the end of the turn, and only then the next request is read. So a
 * connection has at most one exchange. */
#ifndef CROSSGATE_HTTP_CONNECTION_H
#define CROSSGATE_HTTP_CONNECTION_H

#include "body.h"
#include "head.h"

#include "crossgate/service.h"

struct http_state;

struct http_connection {
    const struct http_state *state;
    struct loop *loop;
    struct stream *stream; /* NULL once it has ended or was handed over */
    const struct http_site *site;
    struct exchange *exchange; /* NULL between requests */
    struct deadline deadline;
    struct guest guest;
    struct task burial;
    uint64_t written;  /* bytes given to the stream */
    uint64_t accepted; /* written less queued when the send deadline was last looked at */
    uint64_t burst_at; /* the millisecond that `burst` counts */
    unsigned burst;    /* requests answered in it */
    struct peer peer;
    bool close;      /* the present request is the last one */
    bool held;       /* the stream keeps bytes that we have not taken */
    bool full;       /* the stream wants no more bytes until on_room */
    bool peer_ended; /* the visitor has said its last word */
    bool ended;
};

enum exchange_phase {
    EXCHANGE_OPEN,  /* nothing answered yet */
    EXCHANGE_BEGUN, /* the head is sent */
    EXCHANGE_DONE,
};

enum exchange_framing {
    FRAMING_NONE, /* no body: HEAD, 204, 304 */
    FRAMING_LENGTH,
    FRAMING_CHUNKED,
    FRAMING_CLOSE, /* HTTP/1.0: the body ends with the connection */
};

/* Lives in its own arena. */
struct exchange {
    struct http_connection *connection;
    struct arena *arena;
    struct task burial;
    struct head head;
    struct body body;
    struct http_request request;
    size_t tail; /* offset into request.path */
    const struct exchange_user *on;
    void *user;
    enum exchange_phase phase;
    enum exchange_framing framing;
    bool serving; /* serve is on the stack */
    bool owed;    /* the body is the service's, and not complete */
    bool expects; /* the visitor waits for 100 before it sends the body */
    bool waiting; /* the service was told to wait for room */
    bool shows_version;
    bool misdirected; /* its host is not for this connection */
    unsigned status;
    uint64_t length; /* of the body, or HTTP_LENGTH_UNKNOWN */
    uint64_t sent;   /* bytes of the body so far */
    uint64_t timed;  /* bytes of the request's body when the time for more of it began */
    uint64_t began;  /* ms, when the first byte came */
};

/* NULL when memory is out. */
struct exchange *exchange_new(struct http_connection *connection);

/* When the head is understood: whether it belongs on this connection. */
void exchange_judge(struct exchange *exchange);

/* Whether its service reads the body. */
bool exchange_takes_body(struct exchange *exchange);

/* Has the root service answer it. */
void exchange_serve(struct exchange *exchange);

/* The visitor has left, nobody is on the stack: tells the service and frees the exchange. */
void exchange_drop(struct exchange *exchange);

/* Whether the body is wanted now. */
void connection_receive(struct http_connection *connection, bool wanted);

/* Bytes to the visitor. */
void connection_write(struct http_connection *connection, struct span bytes);

/* Whether the connection ends with the present answer. */
bool connection_is_last(const struct http_connection *connection);

/* The answer is complete. */
void connection_answered(struct http_connection *connection);

/* The exchange is freed: on to the next request, if there may be one. */
void connection_next(struct http_connection *connection);

/* The only way out. The first ending wins. `detail` is for the log; may be NULL. */
void connection_end(struct http_connection *connection, enum ending why, const char *detail);

/* The stream has a new owner; the connection buries itself. */
struct stream *connection_hand_over(struct http_connection *connection);

#endif
