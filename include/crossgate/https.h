/* Requests to servers outside, one at a time, each waited for: for errands (process/errand.h), which have nothing else to do. The only room
 * that includes curl/ headers.
 *
 * Redirects are not followed. Servers are verified, with TLS 1.2 at least. What they send, fields included, is bounded in size and time.
 * A proxy is used if the environment names one, as with curl (https_proxy, http_proxy, no_proxy). */
#ifndef CROSSGATE_HTTPS_H
#define CROSSGATE_HTTPS_H

#include "crossgate/base/error.h"
#include "crossgate/base/span.h"

/* Bytes of an answer's body, and of its fields with those of the answers before it (100 Continue and the like). */
enum { HTTPS_ANSWER_MAX = 1024 * 1024, HTTPS_FIELDS_MAX = 64 * 1024 };

struct https_settings {
    struct span authorities; /* PEM, in place of the system's trust store; empty: that one. Copied */
    uint32_t timeout;        /* ms for one request, connecting included */
    bool allow_plain;        /* http URLs, too (OCSP, whose answers are signed) */
};

/* Keeps connections from one request to the next. NULL: *error says why. */
struct https *https_new(const struct https_settings *settings, struct error *error);
void https_free(struct https *https); /* accepts NULL */

struct https_request {
    const char *method; /* "GET", "HEAD", "POST" */
    const char *url;
    const char *content_type; /* of the body; NULL: there is none */
    const char *accept;       /* NULL: anything */
    struct span body;         /* of POST only */
};

struct https_answer {
    int status;       /* 200, … */
    struct span body; /* valid until the next request */
};

/* False: there was no whole answer; *error says why, for an operator. Any status is an answer. */
bool https_ask(struct https *https, const struct https_request *request, struct https_answer *answer,
               struct error *error) __attribute__((warn_unused_result));

/* A field of the last answer, the first one of that name; NULL: it has none. Valid until the next call. */
const char *https_field(struct https *https, const char *name);

/* How long the last answer asks to wait before the next request (RFC 9110 section 10.2.3), in seconds, at most HTTPS_RETRY_MAX; a moment
 * is counted from `now` (seconds since 1970). 0: it does not ask, or not in a form that is known. */
enum { HTTPS_RETRY_MAX = 7 * 86400 };
uint32_t https_retry_after(struct https *https, int64_t now);

#endif
