/* Two ends of TLS that are joined by memory. */
#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include <openssl/ssl.h>

/* Holds the longest flight, and a record of any size. */
enum { WIRE_BYTES = 65536 };

struct wire {
    size_t from, to;
    unsigned char bytes[WIRE_BYTES];
};

/* What an end reads from and writes to. */
struct pipe {
    struct wire *in, *out;
};

struct link {
    struct wire up, down; /* to the server, to the client */
    struct pipe at_client, at_server;
    SSL *client, *server;
};

/* What ends are made of. The settings are Crossgate's: groups, released buffers, read-ahead, no session cache. */
struct link_kit {
    BIO_METHOD *method;
    SSL_CTX *client, *server;
};

/* With a new key and certificate. `key`: "EC" (P-256) or "RSA" (2048 bits); `version`: TLS1_2_VERSION or TLS1_3_VERSION;
 * `suite`: the one the client offers; `tickets`: that a handshake of TLS 1.3 gives. */
void link_kit_init(struct link_kit *kit, const char *key, int version, const char *suite, size_t tickets);
void link_kit_deinit(struct link_kit *kit);

/* The ends are made apart, since only the server's is counted. `session`: that the client resumes, or NULL. */
void link_make_client(struct link *link, const struct link_kit *kit, SSL_SESSION *session);
void link_make_server(struct link *link, const struct link_kit *kit);

/* In good order: OpenSSL takes back a session whose connection just ends. */
void link_free_client(struct link *link);

/* Goes on with the handshake as far as bytes are there. */
void link_step(SSL *end);

/* A whole handshake. */
void link_connect(struct link *link, const struct link_kit *kit);

#endif
