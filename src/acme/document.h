/* What an authority sends (RFC 8555 section 7.1), judged before anything is done with it: size, depth, and each string that is used.
 *
 * Strings are borrowed of the document, which its deinit frees. A document that could not be read need not be freed. */
#ifndef CROSSGATE_ACME_DOCUMENT_H
#define CROSSGATE_ACME_DOCUMENT_H

#include "crossgate/acme.h"

#include <jansson.h>

enum {
    DOCUMENT_BYTES = 256 * 1024,
    DOCUMENT_DEPTH = 16,
    DOCUMENT_URL = 1024,  /* with its final zero, as the next one */
    DOCUMENT_TOKEN = 256, /* of a challenge; nonces, too */
};

/* A JSON object within these bounds, in which no member occurs twice. NULL: it is none, or memory is out. */
json_t *document_read(struct span bytes);

/* An https URL of printable ASCII that can be put into a request. */
bool document_is_url(const char *text);

/* base64url, not empty: a token, or a nonce (RFC 8555 sections 6.5.1 and 8.3). */
bool document_is_token(const char *text);

struct directory {
    json_t *json;
    const char *new_nonce, *new_account, *new_order; /* URLs */
    const char *renewal_info;                        /* URL (RFC 9773); NULL: not offered */
    const char *terms;                               /* any string; NULL: there are none */
    bool wants_binding;                              /* to an account elsewhere (section 7.3.4) */
};

bool directory_read(struct directory *directory, struct span bytes) __attribute__((warn_unused_result));
void directory_deinit(struct directory *directory); /* zeroed: nothing to do */

/* Section 7.1.6. What else there is (expired, revoked, deactivated) is of no use any more. */
enum document_status {
    DOCUMENT_PENDING,
    DOCUMENT_READY,
    DOCUMENT_PROCESSING,
    DOCUMENT_VALID,
    DOCUMENT_USELESS,
};

struct order_document {
    json_t *json;
    enum document_status status;
    const char *finalize;         /* URL */
    const char *certificate;      /* URL; NULL: not there yet */
    const json_t *authorizations; /* a list of URLs */
    const json_t *problem;        /* NULL: none */
};

/* No order has more authorizations than we have names. */
bool order_read(struct order_document *order, struct span bytes) __attribute__((warn_unused_result));
const char *order_authorization(const struct order_document *order, size_t index); /* NULL: there are no more */
void order_deinit(struct order_document *order);

struct authorization {
    json_t *json;
    enum document_status status;
    const char *name; /* any string */
    struct offer {
        const char *url; /* NULL: not offered */
        const char *token;
        const json_t *problem; /* NULL: none */
    } offers[ACME_CHALLENGE_KINDS];
};

bool authorization_read(struct authorization *authorization, struct span bytes) __attribute__((warn_unused_result));
void authorization_deinit(struct authorization *authorization);

/* "http-01" */
const char *document_kind(enum acme_challenge_kind kind);

#endif
