/* Requests to one authority: signed, with nonces, tried again where the protocol wants it, all within one time. */
#ifndef CROSSGATE_ACME_DIALOGUE_H
#define CROSSGATE_ACME_DIALOGUE_H

#include "complaint.h"

#include "crossgate/pki.h"

struct dialogue {
    struct https *https;
    struct pki_jws *key; /* of the account; NULL: nothing can be signed */
    struct directory directory;
    char account[DOCUMENT_URL]; /* "": none yet, then requests carry the public key */
    char nonce[DOCUMENT_TOKEN]; /* "": a new one has to be fetched */
    uint64_t due;               /* ms: when all of it has to be over */
    uint32_t pause;             /* ms: how long to rest before asking again */
    char step[160];             /* what has not been done if the time is over: "the order has not been placed" */
    struct https_answer answer; /* the last one; its body is valid until the next request */
    struct complaint complaint; /* of the last answer, if that was a refusal */
    bool refused;               /* the last answer was one */
    uint32_t retry_after;       /* s that the last answer asks to wait; 0: it does not */
};

/* Connects to nobody yet. `key` empty: for requests that are not signed. False: *error says why; deinit all the same. */
bool dialogue_init(struct dialogue *self, const struct acme_settings *settings, struct span key, struct error *error)
    __attribute__((warn_unused_result));
void dialogue_deinit(struct dialogue *self);

/* Reads the directory: the first thing to do. */
bool dialogue_open(struct dialogue *self, const char *url, struct error *error) __attribute__((warn_unused_result));

/* GET. False, here and below: there was no answer, or it was not 200, 201 or 204; *error says what it was. */
bool dialogue_get(struct dialogue *self, const char *url, struct error *error) __attribute__((warn_unused_result));

/* POST of a payload, which is taken over; NULL: memory was out. */
bool dialogue_post(struct dialogue *self, const char *url, json_t *payload, struct error *error)
    __attribute__((warn_unused_result));

/* POST-as-GET (RFC 8555 section 6.3). */
bool dialogue_fetch(struct dialogue *self, const char *url, const char *accept, struct error *error)
    __attribute__((warn_unused_result));

/* The URL in the last answer's Location. False: *error says that there is none. */
bool dialogue_location(struct dialogue *self, char url[DOCUMENT_URL], struct error *error)
    __attribute__((warn_unused_result));

/* Names the step that begins, as what has not been done as long as it lasts: whenever the time for all of it is over, the error says that.
 * The rests of a step become longer. */
void dialogue_begin(struct dialogue *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Waits before the same is asked again, at least as long as the last answer wants. False: there is no time for that; *error says which step
 * was not done. */
bool dialogue_rest(struct dialogue *self, struct error *error) __attribute__((warn_unused_result));

#endif
