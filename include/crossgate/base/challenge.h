/* What an authority looks for to believe that a name is ours (ACME, RFC 8555 section 8), while it does: few at a time, for some
 * seconds, in every worker. */
#ifndef CROSSGATE_BASE_CHALLENGE_H
#define CROSSGATE_BASE_CHALLENGE_H

#include "crossgate/base/span.h"

enum challenge_kind {
    CHALLENGE_HTTP_01,     /* /.well-known/acme-challenge/TOKEN answers with the proof (RFC 8555 section 8.3) */
    CHALLENGE_TLS_ALPN_01, /* a certificate for the name that holds the digest of the proof (RFC 8737) */
    CHALLENGE_KINDS,
};

/* Sizes with the terminating zero. Tokens have 43 characters and proofs 87 where nobody does something special. */
enum { CHALLENGE_NAME = 254, CHALLENGE_TOKEN = 257, CHALLENGE_PROOF = 321, CHALLENGE_TEXT = 850 };

struct challenge {
    enum challenge_kind kind;
    char name[CHALLENGE_NAME]; /* DNS name, in lower case */
    char token[CHALLENGE_TOKEN];
    char proof[CHALLENGE_PROOF]; /* key authorization (RFC 8555 section 8.1) */
};

/* As text, in which it travels between processes: "http-01 NAME TOKEN PROOF". */
void challenge_print(const struct challenge *challenge, char text[CHALLENGE_TEXT]);

/* False: it is not of that form, or something in it is too long or has characters that do not belong there;
 * *challenge is of no use then. */
bool challenge_parse(struct span text, struct challenge *challenge);

/* Those that are answered now. */
enum { CHALLENGES_MAX = 16 };

struct challenges {
    size_t count;
    struct challenge at[CHALLENGES_MAX];
};

/* *table is NULL as long as there is none, so that who has nothing to answer tests a pointer. Adding one that is there changes
 * nothing. False: there are too many, or memory is out. */
bool challenges_add(struct challenges **table, const struct challenge *challenge) __attribute__((warn_unused_result));

/* One that is not there changes nothing. With the last one the table is freed, and *table is NULL. */
void challenges_remove(struct challenges **table, const struct challenge *challenge);

/* Frees the table; *table is NULL then. */
void challenges_deinit(struct challenges **table);

/* The http-01 challenge with that token, or NULL. Borrowed of the table until that changes, as is the next one. */
const struct challenge *challenges_by_token(const struct challenges *table, struct span token);

/* The tls-alpn-01 challenge for that name (case is ignored), or NULL; the one that was added last. */
const struct challenge *challenges_by_name(const struct challenges *table, struct span name);

#endif
