/* The first words of a handshake, written and read by hand: to ask a server about versions, suites and groups that no current
 * library can speak any more, or not yet. Pure; no key is ever agreed on. */
#ifndef CROSSGATE_PROBE_HELLO_H
#define CROSSGATE_PROBE_HELLO_H

#include "crossgate/base/span.h"

struct hello {
    uint16_t version; /* the one that is offered: 0x0300 to 0x0304 */
    const uint16_t *suites;
    size_t suite_count;
    const uint16_t *groups;
    size_t group_count;
    const char *name; /* SNI; NULL: none */
    uint8_t random[32];
};

enum { HELLO_MAX = 2048, HELLO_SUITES_MAX = 200, HELLO_GROUPS_MAX = 40 };

/* A ClientHello in one record. In TLS 1.3 it brings no key share, so that the server says by a HelloRetryRequest which group it
 * wants (RFC 8446 section 4.2.8). Returns its length. */
size_t hello_print(const struct hello *hello, uint8_t out[HELLO_MAX]);

enum hello_outcome {
    HELLO_MORE,     /* it goes on */
    HELLO_ACCEPTED, /* version, suite and perhaps group are known */
    HELLO_ALERT,
    HELLO_NOT_TLS, /* these are no records of TLS */
    HELLO_BROKEN,  /* they are, but not what may stand here */
};

struct hello_answer {
    uint16_t version;
    uint16_t suite;
    uint16_t group;   /* 0: not said */
    unsigned dh_bits; /* of a DHE key exchange; 0: none */
    uint8_t alert;
};

enum { HELLO_MESSAGES_MAX = 65536 };

/* Zeroed at first. */
struct hello_reader {
    struct hello_answer answer;
    bool has_hello;
    size_t used;   /* of the records, bytes */
    size_t length; /* of the messages */
    size_t read;   /* of the messages, bytes that are understood */
    uint8_t messages[HELLO_MESSAGES_MAX];
};

/* `all` is what has come since the connection began; it only grows from call to call. */
enum hello_outcome hello_read(struct hello_reader *reader, struct span all);

#endif
