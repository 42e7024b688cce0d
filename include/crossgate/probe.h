/* A TLS server looked at from outside, as a client that wants to know: facts, and what to think of them.
 *
 * All texts in a report are zero-terminated, cut to size, and safe to print: what a server has sent is in them without control
 * characters. Times are in microseconds, dates in seconds since 1970. */
#ifndef CROSSGATE_PROBE_H
#define CROSSGATE_PROBE_H

#include "crossgate/base/error.h"
#include "crossgate/base/finding.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROBE_TEXT = 256,
    PROBE_WORD = 80,
    PROBE_PATH = 1024,
    PROBE_CHAIN_MAX = 10,
    PROBE_NAMES_MAX = 100,
    PROBE_ADDRESSES_MAX = 8,
    PROBE_AUTHORITIES_MAX = 20,
    PROBE_SUITES_MAX = 160,
    PROBE_GROUPS_MAX = 32,
    PROBE_FINDINGS_MAX = 48,
};

/* ---- what to look at */

enum probe_scheme {
    PROBE_HTTPS,     /* a web server, until asked about a WebSocket path */
    PROBE_WSS,       /* the URL's path is one of WebSockets */
    PROBE_RAWSOCKET, /* WAMP over RawSocket: TLS only, nothing is asked over it */
};

struct probe_target {
    enum probe_scheme scheme;
    char host[PROBE_TEXT]; /* name or address, without brackets */
    uint16_t port;
    char path[PROBE_PATH]; /* begins with "/"; "" if none was written */
    bool is_address;       /* host is an address literal */
};

/* HOST, HOST:PORT, [ADDRESS]:PORT or a URL (https, wss, rss); the port defaults to 443. False: *error says why. */
bool probe_target_parse(const char *word, struct probe_target *target, struct error *error)
    __attribute__((warn_unused_result));

/* Borrowed. Zeroed members mean "not given". */
struct probe_settings {
    struct probe_target target;
    const char *websocket;          /* path to upgrade at (RFC 6455) */
    const char *subprotocols;       /* to offer there, separated by ", "; NULL: those of WAMP */
    const char *origin;             /* to say there */
    const char *name;               /* instead of the host: for SNI, Host and the certificate's names */
    const char *authorities;        /* PEM file to trust instead of the system's store */
    const char *client_certificate; /* PEM files, both or none */
    const char *client_key;
    unsigned family;                                /* 4 or 6 only */
    uint32_t timeout;                               /* ms for each step; all together may take PROBE_STEPS of them */
    bool all;                                       /* survey versions, suites and groups, too */
    bool brief;                                     /* one handshake and nothing else */
    void (*progress)(void *user, const char *what); /* called before each step */
    void *user;
};

enum { PROBE_STEPS = 12, PROBE_STEPS_ALL = 60 };

/* ---- facts */

enum probe_answer { PROBE_UNKNOWN, PROBE_NO, PROBE_YES };

struct probe_address {
    char text[PROBE_WORD];    /* "127.0.0.1:8443", "[::1]:443" */
    char failure[PROBE_TEXT]; /* why there was no connection; "" for the one that is used */
    bool was_late;
};

struct probe_certificate {
    char subject[PROBE_TEXT]; /* RFC 4514 */
    char issuer[PROBE_TEXT];
    char serial[PROBE_WORD];      /* hexadecimal */
    char fingerprint[PROBE_WORD]; /* SHA-256, hexadecimal */
    char key[PROBE_WORD];         /* "RSA 2048" */
    char signature[PROBE_WORD];   /* "ecdsa-with-SHA256" */
    char issuer_url[PROBE_TEXT];  /* where the issuer's certificate is fetched; "": it does not say */
    int64_t begin, end;
    int days_left; /* negative: it ended so many days ago */
    int lifetime;  /* days */
    bool self_signed;
    bool weak_key;       /* below 112 bits of security (RSA 2048) */
    bool weak_signature; /* MD5, SHA-1 */
};

struct probe_chain {
    struct probe_certificate sent[PROBE_CHAIN_MAX];
    size_t count; /* of `sent`; more may have been sent */
    size_t total;
    bool disordered; /* one is not followed by its issuer, though that was sent */
    bool root_sent;
    char surplus[PROBE_TEXT]; /* subject of one that belongs to no chain, or that was sent before; "" */
    bool surplus_again;       /* the latter */

    bool trusted;                               /* up to an authority of the store, dates apart */
    bool authority_unknown;                     /* it ends in a root that is not in the store */
    bool incomplete;                            /* its last issuer was not sent and is not in the store */
    char missing[PROBE_TEXT];                   /* its name, then */
    char missing_url[PROBE_TEXT];               /* where it is fetched; "" */
    char expired[PROBE_TEXT];                   /* subject of an issuer within it that is not valid today; "" */
    char error[PROBE_TEXT];                     /* another reason not to trust it; "" */
    char verified[PROBE_CHAIN_MAX][PROBE_TEXT]; /* subjects, leaf first, as far as a chain could be built */
    size_t verified_count;

    char names[PROBE_NAMES_MAX][PROBE_TEXT]; /* DNS names and addresses */
    size_t name_count, name_total;
    bool name_matches;
    bool must_staple;
    bool serves; /* the certificate may be used by TLS servers */
};

struct probe_staple {
    bool sent;
    bool readable;                /* an OCSP response about this certificate */
    bool verified;                /* signed by the issuer, or whom it has authorized */
    bool unverifiable;            /* the issuer's certificate is not known */
    char status[PROBE_WORD];      /* "good", "revoked", "unknown" */
    int64_t produced, begin, end; /* end 0: none given */
};

struct probe_resumption {
    enum probe_answer works;
    bool ticket;       /* as against a session id, in TLS 1.2 */
    unsigned tickets;  /* that came with one handshake, in TLS 1.3 */
    uint32_t lifetime; /* s; 0: not said */
};

struct probe_tls {
    bool finished;    /* the handshake was */
    uint16_t version; /* 0x0301 to 0x0304; 0: none */
    char suite[PROBE_WORD];
    char group[PROBE_WORD];                 /* of the key exchange; "": RSA key transport */
    char signature[PROBE_WORD];             /* of the server, in the handshake; "" */
    char alpn[PROBE_WORD];                  /* of http/1.1 alone; "": none chosen */
    enum probe_answer h2;                   /* HTTP/2 chosen if it is offered */
    enum probe_answer tls12;                /* is spoken, too */
    enum probe_answer secure_renegotiation; /* RFC 5746, TLS 1.2 and below */
    bool early_data;                        /* tickets allow 0-RTT */
    struct probe_resumption resumption13, resumption12;
    uint32_t resolve_us, connect_us, handshake_us;
    uint8_t alert;            /* of the server, that ended the handshake; 0: none */
    char failure[PROBE_TEXT]; /* why the handshake did not finish; "" */
};

enum probe_failure {
    PROBE_NO_FAILURE,
    PROBE_SILENT,  /* nothing came in time */
    PROBE_ENDED,   /* the connection was closed or reset */
    PROBE_REFUSED, /* an alert */
    PROBE_PLAIN_HTTP,
    PROBE_NOT_TLS,
    PROBE_OTHER, /* e.g. bytes that break the protocol */
};

struct probe_client_certificate {
    bool requested;
    enum probe_answer required;
    bool refused; /* the one that was given */
    char authorities[PROBE_AUTHORITIES_MAX][PROBE_TEXT];
    size_t count, total;
};

struct probe_http {
    bool asked;
    char path[PROBE_PATH];
    enum probe_failure failure;
    unsigned status; /* 0: no answer, or not HTTP */
    char server[PROBE_TEXT], location[PROBE_TEXT], hsts[PROBE_TEXT];
    uint64_t hsts_max_age;
    uint32_t answer_us;
};

struct probe_websocket {
    bool asked;
    char path[PROBE_PATH];
    enum probe_failure failure;
    unsigned status;
    char location[PROBE_TEXT];
    bool upgraded; /* a 101 that is right */
    char subprotocol[PROBE_TEXT], extensions[PROBE_TEXT];
    bool ponged;
    uint32_t upgrade_us, ping_us;
    bool closed;         /* it answered our Close, or closed itself */
    uint16_t close_code; /* of its Close; 0: none */
    char close_reason[PROBE_TEXT];
};

enum probe_grade {
    PROBE_GOOD_GRADE,
    PROBE_OLD_GRADE,  /* no danger today, but better ones exist: CBC, no forward secrecy */
    PROBE_WEAK_GRADE, /* attacks exist */
};

struct probe_suite {
    uint16_t id;
    uint16_t version;
    const char *name; /* OpenSSL's */
    enum probe_grade grade;
};

struct probe_group {
    uint16_t id;
    const char *name;
    enum probe_grade grade;
};

struct probe_version {
    uint16_t version; /* 0x0300 (SSL 3) to 0x0304 */
    enum probe_answer spoken;
    enum probe_answer server_prefers; /* among two suites or more */
};

enum { PROBE_VERSIONS = 5 };

struct probe_survey {
    bool made;
    bool cut_short; /* the server stopped answering, or time was up: what is listed is there, more may be */
    struct probe_version versions[PROBE_VERSIONS]; /* newest first */
    struct probe_suite suites[PROBE_SUITES_MAX];   /* newest version first, then in the order of choice */
    size_t suite_count;
    struct probe_group groups[PROBE_GROUPS_MAX]; /* in the order of choice */
    size_t group_count;
    uint16_t groups_of;     /* the version they were asked in; 0: none */
    unsigned least_dh_bits; /* of DHE in TLS 1.2 and below; 0: not seen */
    unsigned handshakes;    /* begun for it */
};

/* ---- what to think of it */

enum probe_verdict { PROBE_FINE, PROBE_DOUBTFUL, PROBE_FAILS, PROBE_UNREACHABLE };

struct probe_report {
    struct probe_address addresses[PROBE_ADDRESSES_MAX]; /* in the order they were tried */
    size_t address_count;
    size_t used;           /* of `addresses`; address_count: none */
    char name[PROBE_TEXT]; /* that the certificate has to hold */
    struct probe_tls tls;
    enum probe_failure failure; /* of the handshake */
    char excerpt[PROBE_WORD];   /* of what is no TLS */
    struct probe_chain chain;
    struct probe_staple staple;
    struct probe_client_certificate client;
    struct probe_http http;
    struct probe_websocket websocket;
    struct probe_survey survey;

    struct finding findings[PROBE_FINDINGS_MAX]; /* worst first; BAD: common clients fail */
    size_t finding_count;
    enum probe_verdict verdict;
};

/* Looks at the server over several connections, one after the other, and judges. A server that cannot be reached or behaves
 * badly is no error but a report. SIGPIPE has to be ignored. NULL: the settings are of no use (a file), or memory is out; *error says so. */
struct probe_report *probe_run(const struct probe_settings *settings, struct error *error)
    __attribute__((warn_unused_result));
void probe_report_free(struct probe_report *report); /* accepts NULL */

/* "TLS 1.3" of 0x0304. */
const char *probe_version_name(uint16_t version);

#endif
