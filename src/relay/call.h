/* A call to a backend, as backend.c (connecting, time, the answer to the caller) and the protocols (call_websocket.c,
 * call_rawsocket.c) share it. */
#ifndef CROSSGATE_RELAY_CALL_H
#define CROSSGATE_RELAY_CALL_H

#include "request.h"

/* What a call does in the protocol that the backend speaks. */
struct call_protocol {
    /* Makes what is to be said; may decide already that nobody is to be called. False when memory is out. */
    bool (*prepare)(struct backend_call *call, const struct backend_visitor *visitor);
    void (*greet)(struct backend_call *call); /* the stream is open */
    /* Bytes of the backend, until it is decided; returns how many it took. */
    size_t (*read)(struct backend_call *call, struct span bytes);
    /* The session on a stream that becomes its own. NULL when memory is out. */
    struct endpoint *(*open)(struct backend_call *call, struct stream *stream);
    /* What the caller is shown of the backend's answer, consent or refusal; NULL: nothing. */
    const struct http_response *(*response)(const struct backend_call *call);
    void (*release)(struct backend_call *call);
};

extern const struct call_protocol call_websocket, call_rawsocket;

struct websocket_call {
    struct http_response_reader *reader;
    struct handshake_request request;
    char key[WEBSOCKET_KEY];
    bool protocol_needed; /* the backend must choose the subprotocol that is offered */
    bool compresses;      /* the backend has agreed */
    struct websocket_deflate agreed;
};

struct rawsocket_call {
    struct rawsocket_terms terms;
    uint8_t answer[RAWSOCKET_HANDSHAKE];
    size_t answer_length;
    struct http_header subprotocol;
    struct http_response consent;
};

struct backend_call {
    struct loop *loop;
    const struct backend *backend;
    struct counted *owner;
    const struct backend_call_user *on; /* NULL: answered or cancelled */
    void *user;
    const struct call_protocol *protocol;
    struct stream *stream; /* NULL: there is none, it has ended, or it belongs to the session */
    bool decided;          /* `why` says how; the answer follows from PHASE_SETTLE */
    enum ending why;
    const char *cause; /* static text behind it; or NULL */
    struct deadline deadline;
    struct task answer;
    struct task bury;
    struct websocket_call websocket;
    struct rawsocket_call rawsocket;
};

/* The first decision counts. ENDING_DONE: the backend has consented. */
void call_decide(struct backend_call *call, enum ending why);

#endif
