/* ACME (RFC 8555): a certificate from an authority such as Let's Encrypt, and when to ask for the next one (RFC 9773, ARI).
 *
 * Waits for the network: for errands (process/errand.h). Knows the account's key, never the certificate's: that one signs the request in
 * the master. Touches no file. */
#ifndef CROSSGATE_ACME_H
#define CROSSGATE_ACME_H

#include "crossgate/https.h"

/* Names that one certificate may have, as with Let's Encrypt. */
enum { ACME_NAMES = 100 };

enum acme_challenge_kind { ACME_HTTP_01, ACME_TLS_ALPN_01, ACME_CHALLENGE_KINDS };

/* What the authority looks for to believe that a name is ours (RFC 8555 section 8, RFC 8737). */
struct acme_challenge {
    enum acme_challenge_kind kind;
    const char *name;  /* DNS name */
    const char *token; /* base64url */
    /* What /.well-known/acme-challenge/TOKEN answers with; its SHA-256 is acmeIdentifier. */
    const char *key_authorization;
};

struct acme_settings {
    const char *directory;   /* URL */
    struct span authorities; /* PEM, to verify the directory's server with; empty: the system's */
    uint32_t timeout;        /* ms for one request */
    /* ms for all of it, waiting included; the last request may add its timeout. 0: ACME_WITHIN. */
    uint32_t within;
};

enum { ACME_WITHIN = 10 * 60 * 1000 };

struct acme_order {
    const char *email;        /* contact of the account; NULL: none */
    bool agree_tos;           /* to the terms that the directory names */
    struct span account_key;  /* PEM, EC P-256 */
    const char *const *names; /* DNS names */
    size_t name_count;
    struct span request; /* PEM: the signing request for them (PKCS#10) */
    /* PEM of the certificate that is to be replaced (RFC 9773 section 5); empty: none. An authority that does not want to hear of it
     * is asked again without. */
    struct span replaces;
    unsigned kinds; /* 1 << enum acme_challenge_kind: those that can be answered; the lowest is tried first */
    /* Has the workers answer the challenge, and returns when they do; false: they cannot, then the next kind is tried. Its
     * withdrawal always follows, before the next one is published. */
    bool (*publish)(void *user, const struct acme_challenge *challenge);
    void (*withdraw)(void *user, const struct acme_challenge *challenge);
    /* What is being done, for the log: "box1.example.com: answering http-01"; also what went wrong and is tried in another way. At most
     * 900 bytes of printable ASCII. */
    void (*progress)(void *user, const char *text);
    void *user;
};

struct acme_result {
    char *chain;          /* PEM, leaf first; the caller frees it. NULL: there is none */
    uint32_t retry_after; /* s that the authority asks to wait before the next try; 0: it says nothing */
    bool hopeless; /* trying again is of no use until the configuration is changed: terms not agreed to, name refused */
};

/* Orders the certificate: account (made if the authority does not know the key), order, challenges, finalization, download. A name whose
 * challenge fails is tried with the next kind, in a new order, since the failure has spoilt the old one. The chain is for the request's key
 * and names and is written anew. False: *error says what failed, with the authority's own words (RFC 7807), printable and cut to size;
 * *result may still say when to try again. */
bool acme_issue(const struct acme_settings *settings, const struct acme_order *order, struct acme_result *result,
                struct error *error) __attribute__((warn_unused_result));

/* When a certificate is best renewed, as the authority says (RFC 9773). Seconds since 1970; it may be over. start < end. */
struct acme_window {
    int64_t start, end;
    uint32_t retry_after; /* s after which to ask again: a minute to a day, 6 h if the authority does not say */
};

/* `certificate`: PEM, the leaf first. Needs no account. False: the authority does not say; *error tells why, also if it merely does not
 * offer it. */
bool acme_ask_window(const struct acme_settings *settings, struct span certificate, struct acme_window *window,
                     struct error *error) __attribute__((warn_unused_result));

#endif
