/* The second joint: requests.
 *
 * A service is what answers the requests of a path: immutable, part of a plan, one file of src/service/ per type.
 * An exchange is one request with its answer; it belongs to the HTTP connection (http/connection.c implements the
 * functions below). A service answers within serve, or keeps the exchange and answers later; then it must watch it. */
#ifndef CROSSGATE_SERVICE_H
#define CROSSGATE_SERVICE_H

#include "crossgate/http.h"

struct exchange;

struct service_ops {
    const char *type; /* Crossbar's name: "static", "json", … */
    void (*serve)(const struct service *service, struct exchange *exchange);
    /* Whether serve reads the body of this request by exchange_receive; NULL: never. Else the body is dropped before serve,
     * if it is short, or the connection ends with the answer. May move the tail: it is put back. */
    bool (*takes_body)(const struct service *service, struct exchange *exchange);
};

/* First member of each service. */
struct service {
    const struct service_ops *ops;
};

/* For a service that answers later. */
struct exchange_user {
    void (*on_room)(void *user); /* exchange_write may go on */
    /* A piece of the request's body, perhaps empty with the last. Only after exchange_receive; NULL if that is never called. */
    void (*on_body)(void *user, struct span bytes, bool last);
    /* Exactly once: the answer is complete, or the visitor has left. The exchange must not be touched afterwards. Not called
     * after exchange_upgrade. Never called from within an exchange_ function: with a complete answer it comes from
     * PHASE_BURY. */
    void (*on_end)(void *user);
};

struct http_answer {
    unsigned status;
    const struct http_header *headers; /* without Date, Server, Connection, Content-Length, Transfer-Encoding */
    size_t header_count;
};

static inline void service_serve(const struct service *service, struct exchange *exchange)
{
    service->ops->serve(service, exchange);
}

static inline bool service_takes_body(const struct service *service, struct exchange *exchange)
{
    return service->ops->takes_body && service->ops->takes_body(service, exchange);
}

/* All of them the exchange's. */
const struct http_request *exchange_request(const struct exchange *exchange);
const struct http_site *exchange_site(const struct exchange *exchange);
const struct peer *exchange_peer(const struct exchange *exchange);
struct loop *exchange_loop(const struct exchange *exchange);

/* What is known of the visitor's connection; spans live as long as the exchange. facts->skips_local is given by the
 * caller. False when memory is out. */
bool exchange_describe(const struct exchange *exchange, struct connection_facts *facts);

/* The decoded path below the path of the service that is asked: "" or "/…". */
struct span exchange_tail(const struct exchange *exchange);

/* Moves the tail forward by n bytes; for services that pass on by path. */
void exchange_descend(struct exchange *exchange, size_t n);

/* The field Server of the answer is to name our version, too (Crossbar: show_server_version). Before the answer. */
void exchange_show_version(struct exchange *exchange);

/* Who is told about room and the end. Must be called before serve returns if no answer is complete by then. */
void exchange_watch(struct exchange *exchange, const struct exchange_user *on, void *user);

/* Length of the request's body, asked within serve; 0: none; HTTP_LENGTH_UNKNOWN: chunked. */
uint64_t exchange_body_length(const struct exchange *exchange);

/* For a service that takes the body: it waits with the visitor until this is called with true, and again after false. A
 * visitor that asked (Expect: 100-continue) is told to go on by the first call. Ignored when the body is complete. An answer
 * that begins before the body is complete is the last of its connection. */
void exchange_receive(struct exchange *exchange, bool wanted);

/* A whole answer at once. The body is copied; it is left out for HEAD and where the status has none. */
void exchange_answer(struct exchange *exchange, const struct http_answer *answer, struct span body);

/* The answer in parts: head, then exactly `length` bytes by exchange_write, then exchange_end. With HTTP_LENGTH_UNKNOWN it is
 * chunked for HTTP/1.1, and ends with the connection for 1.0. For HEAD the head is sent, and writes are swallowed.
 * exchange_write returns false: wait for on_room. */
void exchange_begin(struct exchange *exchange, const struct http_answer *answer, uint64_t length);
bool exchange_write(struct exchange *exchange, struct span bytes);
void exchange_end(struct exchange *exchange);

/* The answer that ending.def has for `why`, as a small page, counted and logged; `detail` (may be NULL) goes to the log
 * only. After exchange_begin the connection is aborted instead, since the answer cannot be completed. The connection
 * stays open for requests that were understood (404, 405, …). `allow` for METHOD: e.g. "GET, HEAD". */
void exchange_fail(struct exchange *exchange, enum ending why, const char *detail);
void exchange_fail_method(struct exchange *exchange, const char *allow);

/* Sends the 101 and hands the stream over; it is paused, and the caller attaches a new user and unpauses. Connection:
 * Upgrade is added to the headers of `answer`; the Upgrade field itself is the caller's. The exchange is gone afterwards
 * (its request stays readable until the end of the turn); the HTTP connection buries itself. */
struct stream *exchange_upgrade(struct exchange *exchange, const struct http_answer *answer);

#endif
