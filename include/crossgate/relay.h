/* Coupling two message endpoints, and the endpoints that are not a visitor: echo and backends. */
#ifndef CROSSGATE_RELAY_H
#define CROSSGATE_RELAY_H

#include "crossgate/base/counted.h"
#include "crossgate/endpoint.h"
#include "crossgate/http.h"
#include "crossgate/net.h"
#include "crossgate/tls.h"
#include "crossgate/websocket.h"

/* Couples front and back until both have ended; owns both from now on, frees itself. Holds a reference on `owner`
 * (the plan that the endpoints' settings belong to). A guest of the loop: on leave both sides get Close 1001.
 * False when memory is out: both have been aborted. */
bool relay_new(struct loop *loop, struct endpoint *front, struct endpoint *back, struct counted *owner,
               const struct peer *peer);

/* An endpoint that answers each piece to its sender. NULL when memory is out. */
struct endpoint *echo_new(struct loop *loop);

/* A node behind the door: Crossbar's `backend` of websocket-reverseproxy, or --backend URL. Part of a plan. */
struct backend {
    struct net_target target;
    struct tls_context *tls; /* wss; NULL: ws */
    const char *path;        /* path of the backend's URL if it names one other than "/": the request's path below the
                                service is put behind it. NULL: the request's path is passed as it is */
    const char *name;        /* for logs: URL or id */
    bool proxy_protocol;     /* the connection begins with a PROXY header, version 2 */
    const char *host;        /* Host of requests to it; NULL: the visitor's */
    /* What X-Forwarded-Port and -Proto say instead of how the visitor came; 0 and NULL: that. */
    uint16_t forwarded_port;
    const char *forwarded_proto;
    struct websocket_settings settings;
};

struct backend_call;

/* Answer to a call, exactly one of both, never from within backend_call_new. */
struct backend_call_user {
    /* The WebSocket is open. `answer` is the backend's 101, valid for this call. The endpoint is the callee's. */
    void (*on_open)(void *user, struct endpoint *back, const struct http_response *answer);
    /* It is not. `answer` is the backend's refusal (why = BACKEND_DENIED) or NULL. `detail` names backend and cause. */
    void (*on_fail)(void *user, enum ending why, const struct http_response *answer, const char *detail);
};

/* What the backend is told of the visitor. All borrowed for the time of backend_call_new. */
struct backend_visitor {
    const struct http_request *request;   /* Host, Origin, cookies, subprotocols, other end-to-end fields pass */
    struct span tail;                     /* decoded path below the service */
    const struct peer *peer;              /* X-Forwarded-For */
    bool secure;                          /* X-Forwarded-Proto: https or http */
    uint16_t port;                        /* X-Forwarded-Port */
    const struct connection_facts *facts; /* client certificate and channel binding, as X-TLS- fields; PROXY header */
};

/* Connects, does TLS if the backend has it, and opens a WebSocket, all within target.timeout. The request is written in one
 * piece. Holds a reference on `owner` (the plan that the backend belongs to) until it is gone, which after a cancel is
 * later than the visitor. NULL when memory is out. */
struct backend_call *backend_call_new(struct loop *loop, const struct backend *backend, struct counted *owner,
                                      const struct backend_visitor *visitor, const struct backend_call_user *on,
                                      void *user);

/* The visitor has left: no callback any more. */
void backend_call_cancel(struct backend_call *call);

#endif
