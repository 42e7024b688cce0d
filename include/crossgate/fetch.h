/* Asking one of several backends over HTTP/1.1: one request in the visitor's name and its answer, both streamed. Connections
 * are kept for the next request, a bounded number for a short time.
 *
 * Order in time: on_open (only if there is a body), then fetch_write … fetch_finish by the caller; meanwhile or afterwards
 * on_answer, on_body …, on_done. Instead of any of these on_fail. on_done and on_fail are the last: the fetch must not be
 * touched afterwards, nor after fetch_cancel. Nothing is called from within fetch_new, fetch_write or fetch_finish. */
#ifndef CROSSGATE_FETCH_H
#define CROSSGATE_FETCH_H

#include "crossgate/relay.h"

struct fetch;

struct fetch_user {
    void (*on_open)(void *user); /* the backend has the head and waits for the body */
    void (*on_room)(void *user); /* fetch_write may go on */
    /* `answer` is valid for this call. `length` of the body, or HTTP_LENGTH_UNKNOWN; of the body that GET would have, if there
     * is none because of HEAD or 304. Interim answers (1xx) are not told. */
    void (*on_answer)(void *user, const struct http_response *answer, uint64_t length);
    void (*on_body)(void *user, struct span bytes);
    void (*on_done)(void *user); /* the answer is complete, perhaps before the request was */
    /* It cannot be completed. `detail` names backend and cause; valid for this call; NULL: there is no backend to ask. */
    void (*on_fail)(void *user, enum ending why, const char *detail);
};

struct fetch_settings {
    uint64_t length;         /* of the request's body; 0: none; HTTP_LENGTH_UNKNOWN: chunked */
    uint32_t answer_timeout; /* ms for which a backend may neither read what it was sent nor answer */
};

/* Chooses a backend by the upstream's policy, and takes a kept connection to it, or makes one within target.timeout. If a
 * kept one turns out to be dead before a byte of the answer has come, an idempotent request without a body is sent once more,
 * on a new one.
 *
 * If a backend fails, the request goes on to the next one, each once, within settings.timeout of the upstream (the last one
 * has its own time): every request that could not be sent since there was no connection, and an idempotent one without a body
 * as long as no byte of the answer has come (RFC 9110 section 9.2.2). What a backend answers is its word, 502, 503 and 504 as
 * well.
 *
 * Holds a reference on `owner`, the plan that the upstream belongs to. All that `visitor` points to must live until the
 * answer, or the cancel. NULL when memory is out. */
struct fetch *fetch_new(struct loop *loop, struct upstream *upstream, struct counted *owner,
                        const struct backend_visitor *visitor, const struct fetch_settings *settings,
                        const struct fetch_user *on, void *user);

/* The body, after on_open: exactly `length` bytes, then fetch_finish. False: wait for on_room. */
bool fetch_write(struct fetch *fetch, struct span bytes);
void fetch_finish(struct fetch *fetch);

/* While paused, on_body is not called, and the backend is not read. */
void fetch_pause(struct fetch *fetch, bool paused);

/* The visitor has left: no callback any more. */
void fetch_cancel(struct fetch *fetch);

#endif
