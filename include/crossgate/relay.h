/* Coupling two message endpoints, and the endpoints that are not a visitor: echo and backends. */
#ifndef CROSSGATE_RELAY_H
#define CROSSGATE_RELAY_H

#include "crossgate/base/counted.h"
#include "crossgate/endpoint.h"
#include "crossgate/http.h"
#include "crossgate/net.h"
#include "crossgate/tls.h"
#include "crossgate/wamp.h"
#include "crossgate/websocket.h"

/* Couples front and back until both have ended; owns both from now on, frees itself. Holds a reference on `owner`
 * (the plan that the endpoints' settings belong to). A guest of the loop: on leave both sides get Close 1001. `sessions`
 * (or NULL) is a count of open relays in memory that `owner` keeps: this one is in it as long as it lives.
 * False when memory is out: both have been aborted. */
bool relay_new(struct loop *loop, struct endpoint *front, struct endpoint *back, struct counted *owner,
               _Atomic uint64_t *sessions, const struct peer *peer);

/* An endpoint that answers each piece to its sender. NULL when memory is out. */
struct endpoint *echo_new(struct loop *loop);

enum backend_kind {
    BACKEND_WEBSOCKET,
    BACKEND_RAWSOCKET,
    BACKEND_HTTP, /* requests; WebSockets, too, if the service passes them */
};

/* A node behind the door: Crossbar's `backend` of websocket-reverseproxy, or --backend URL. Part of a plan. */
struct backend {
    enum backend_kind kind;
    struct net_target target;
    struct tls_context *tls; /* wss, rss; NULL: ws, rs */
    const char *path;        /* path of the backend's URL if it names one other than "/": the request's path below the
                                service is put behind it. NULL: the request's path is passed as it is */
    const char *name;        /* its id, else where it is: "ws://host:port", "ws+unix:/path". One name, one node */
    bool proxy_protocol;     /* the connection begins with a PROXY header, version 2 */
    const char *host;        /* Host of requests to it; NULL: the visitor's */
    /* What X-Forwarded-Port and -Proto say instead of how the visitor came; 0 and NULL: that. */
    uint16_t forwarded_port;
    const char *forwarded_proto;
    struct websocket_settings settings;  /* of kind WEBSOCKET */
    struct rawsocket_settings rawsocket; /* of kind RAWSOCKET; `serializers` are those that visitors may have */
};

struct backend_call;

/* Answer to a call, exactly one of both, never from within backend_call_new. */
struct backend_call_user {
    /* The session is open. `answer` is the backend's 101, valid for this call; of a RawSocket backend it is one that names
     * the subprotocol. The endpoint is the callee's. */
    void (*on_open)(void *user, struct endpoint *back, const struct http_response *answer);
    /* It is not. `answer` is a WebSocket backend's refusal (why = BACKEND_DENIED) or NULL. `detail` names backend and cause. */
    void (*on_fail)(void *user, enum ending why, const struct http_response *answer, const char *detail);
};

/* What the backend is told of the visitor. All borrowed for the time of backend_call_new. */
struct backend_visitor {
    const struct http_request *request; /* Host, Origin, cookies, subprotocols, other end-to-end fields pass. NULL: a
                                           RawSocket visitor */
    const struct wamp_serializer *serializer; /* of a RawSocket visitor */
    struct span tail;                         /* decoded path below the service */
    const struct peer *peer;                  /* X-Forwarded-For */
    bool secure;                              /* X-Forwarded-Proto: https or http */
    uint16_t port;                            /* X-Forwarded-Port */
    const struct connection_facts *facts; /* client certificate and channel binding, as X-TLS- fields; PROXY header */
};

/* Connects, does TLS if the backend has it, and opens a WebSocket or RawSocket session, all within target.timeout. A request is
 * written in one piece. A RawSocket backend is not called if the visitor has none of its serializers: NO_SERIALIZER. Holds a
 * reference on `owner` (the plan that the backend belongs to) until it is gone, which after a cancel is later than the
 * visitor. NULL when memory is out. */
struct backend_call *backend_call_new(struct loop *loop, const struct backend *backend, struct counted *owner,
                                      const struct backend_visitor *visitor, const struct backend_call_user *on,
                                      void *user);

/* The visitor has left: no callback any more. */
void backend_call_cancel(struct backend_call *call);

/* The first subprotocol in a visitor's fields that is of the set; NULL: none is. */
const struct wamp_serializer *visitor_serializer(const struct http_headers *headers, wamp_serializers set);

/* ---- several backends
 *
 * An upstream is a list of backends with a rule which of them a visitor gets. It belongs to a plan; what is known of a
 * backend (sessions, failures, drained or not) belongs to the loop, by the backend's name: plans that name the same backend,
 * the next one after a reload for one, share it. It is there as long as one of them lives. */

enum upstream_policy {
    UPSTREAM_ROUND_ROBIN,       /* in turn, as Crossbar's connection lists */
    UPSTREAM_LEAST_CONNECTIONS, /* who has the fewest sessions and requests under way; in turn among equals */
    UPSTREAM_SOURCE,            /* the same one for each address of visitors, while it may be tried */
};

/* All in milliseconds. */
struct upstream_settings {
    enum upstream_policy policy;
    uint32_t timeout;     /* for all tries of a call; each has the backend's own besides. After it no request goes on */
    unsigned eject_after; /* failures in a row; 0: nobody is ejected */
    uint32_t eject_time;  /* for the first ejection; each one in a row doubles it */
    uint32_t eject_time_max; /* no longer */
    uint32_t slow_start;     /* in which the share of one that has come back grows to its full size; 0: at once */
};

enum health_type {
    HEALTH_TCP,       /* it accepts connections */
    HEALTH_TLS,       /* likewise, and TLS can be had over them if it has that */
    HEALTH_WEBSOCKET, /* it makes an opening handshake as for a visitor, TLS included; then Close */
};

enum backend_fitness {
    BACKEND_WORKS, /* also one that has answered with a refusal for which it need not be broken (404) */
    BACKEND_FAILS,
    BACKEND_UNKNOWN, /* we could not ask: memory or descriptors are out */
};

struct backend_verdict {
    enum backend_fitness fitness;
    enum ending why;    /* DONE: all went well */
    const char *detail; /* "name: cause"; NULL: nothing is to be said */
};

struct backend_check;

/* Called once. `verdict` is valid for this call. */
typedef void backend_checked(void *user, const struct backend_verdict *verdict);

/* Asks a backend once, within target.timeout. on_answer is never called from within this function. Holds a reference on `owner` until
 * the backend has let go of it, which may be after the answer. NULL when memory is out. */
struct backend_check *backend_check_new(struct loop *loop, const struct backend *backend, enum health_type type,
                                        struct counted *owner, backend_checked *on_answer, void *user);

/* Before the answer: it is of no interest any more. */
void backend_check_cancel(struct backend_check *check);

/* How a backend is asked at intervals. */
struct health_check {
    enum health_type type;
    uint32_t interval;      /* ms between the end of one check and the beginning of the next */
    unsigned rise;          /* good ones in a row: it is up */
    unsigned fall;          /* bad ones in a row: it is down */
    struct backend backend; /* the same with the check's own timeout */
};

struct backend_state;

struct upstream_member {
    const struct backend *backend;
    const struct health_check *check; /* NULL: not asked, or by another upstream of the plan */
    struct backend_state *state;      /* NULL until upstream_bind */
    int credit;                       /* whose turn it is */
};

/* A call keeps a bit for each. */
enum { UPSTREAM_MEMBERS_MAX = 64 };

struct upstream {
    struct upstream *next; /* of the plan */
    struct upstream_settings settings;
    struct upstream_member *members;
    size_t count; /* 1..UPSTREAM_MEMBERS_MAX */
};

/* Before the first call: finds or makes the states of the backends in this loop. False when memory is out. */
bool upstream_bind(struct upstream *upstream, struct loop *loop) __attribute__((warn_unused_result));

/* Gives the states up. Safe on one that is not bound, or not whole. */
void upstream_unbind(struct upstream *upstream);

/* Whether one of them is told the addresses of a visitor's connection. */
bool upstream_has_proxy_protocol(const struct upstream *upstream);

/* A drained backend gets no new sessions, from no upstream; open ones go on. False: this loop has none of that name. */
bool backend_set_drained(struct loop *loop, const char *name, bool drained);

/* The health checks of a plan in force. */
struct health;

/* Begins to ask all members that have a check, in `upstreams` and those linked to it, which are bound. Backends are taken to
 * be up until they have been asked; the first checks are spread over an interval, so that workers ask at different times.
 * Checks under way hold a reference on `owner`. NULL when memory is out. */
struct health *health_start(struct loop *loop, struct upstream *upstreams, struct counted *owner);

/* Stops asking. A backend that nobody asks any more is not down any more. Accepts NULL. */
void health_stop(struct health *health);

struct upstream_call;

/* Calls a backend chosen by the policy; if it fails before it has said anything (or says 502, 503 or 504) the next one, and
 * so on, each one once. The visitor hears of the last failure only. Who is down or ejected is tried when nobody else is left,
 * the one whose last failure is the longest ago first. Callbacks as of backend_call_new, never from within this
 * function. All that `visitor` points to must live until the answer, or the cancel. Holds a reference on `owner`, which keeps
 * the upstream. NULL when memory is out. */
struct upstream_call *upstream_call_new(struct loop *loop, struct upstream *upstream, struct counted *owner,
                                        const struct backend_visitor *visitor, const struct backend_call_user *on,
                                        void *user);

/* Within on_open: the count of sessions of the backend that was chosen, for relay_new. */
_Atomic uint64_t *upstream_call_sessions(const struct upstream_call *call);

/* The visitor has left: no callback any more. */
void upstream_call_cancel(struct upstream_call *call);

/* ---- routing by realm: Crossbar's proxy worker. Part of a plan. */

struct route {
    struct span realm;
    struct upstream *upstream;
};

struct routes {
    const struct route *at;
    size_t count;
    wamp_serializers serializers; /* that are read here, and that one of the backends speaks */
};

struct routed_visitor {
    struct counted *owner; /* the plan */
    const struct wamp_serializer *serializer;
    struct peer peer;
    bool secure;                   /* he has TLS */
    uint16_t port;                 /* that he came to */
    struct connection_facts facts; /* the arena becomes the callee's, also on failure; it may be NULL */
    uint32_t hello_timeout;        /* ms for the first message */
};

/* Reads the first message of a new session, and couples it to a backend of its realm, which gets that message first. Owns the
 * front from now on, frees itself, is a guest of the loop. How it may end: no route (the visitor gets ABORT, then Close
 * 1000), BAD_HELLO, HELLO_LATE, WS_TOO_LARGE, or as a call of a backend may. False when memory is out: the front has been
 * aborted. */
bool routed_new(struct loop *loop, struct endpoint *front, const struct routes *routes,
                const struct routed_visitor *visitor);

#endif
