/* A server of ours and a client, ours or one of plain OpenSSL, joined by a wire of memory: for all tests of the stream of TLS. */
#ifndef CROSSGATE_TESTS_TLS_WORLD_H
#define CROSSGATE_TESTS_TLS_WORLD_H

#include "test.h"

#include "forge.h"
#include "wire.h"

#include <openssl/ssl.h>
#include <semaphore.h>

/* The room's own view of a context: tests choose what a client offers. */
#include "context.h"

/* A user of a stream that writes down what it is told. */
struct user {
    struct stream *stream;
    uint8_t *got;
    size_t got_length;
    size_t calls; /* of on_bytes */
    size_t take;  /* takes at most this many bytes per call */
    bool pauses;  /* in each on_bytes */
    bool aborts;  /* in on_bytes */
    bool answers; /* echoes */
    unsigned opened, rooms, eofs, ends;
    enum ending why;
    char detail[128];
};

extern const struct stream_user recording;

extern struct world {
    struct arena *arena;
    EVP_PKEY *rsa, *ec, *root_key;
    X509 *root, *rsa_leaf, *ec_leaf, *client_leaf;
    struct pki_file rsa_key, ec_key, client_key, rsa_file, ec_file, client_file, root_file;
    struct log log;
    struct counters counters;
    struct loop loop;
    struct tls_ticket_ring ring;
    struct wire_end below[2]; /* of server and client */
    struct user server, client;
    unsigned problems;
    unsigned objects;   /* SSL objects that there are */
    sem_t woken;        /* by the thread for heavy handshakes */
    bool has_no_sealer; /* records are left to OpenSSL (library.h) */
    int version;        /* of clients that are ours; 0: of their choice */
} world;

/* For cmocka: of a program, and of each test. */
int set_up_all(void **state);
int tear_down_all(void **state);
int set_up(void **state);
int set_up_lane(void **state); /* the thread for heavy handshakes wakes us */
int tear_down(void **state);

/* The tests of a program, once for each of the two who may have the records of an open connection (records.h): ours, and OpenSSL.
 * How many failed. */
int run_over_records(const struct CMUnitTest *tests, size_t count);

/* And once for each version of TLS. */
int run_over_records_and_versions(const struct CMUnitTest *tests, size_t count);

/* -- turns of the loop -- */

void turn(void);

/* Until nothing moves any more. */
void run(void);

/* Until the thread has given back all, too. */
void run_all(void);

/* Ends what is left, and asserts that nothing is. */
void hang_up(void);

/* -- both ends -- */

enum { TIMEOUT = 1000 }; /* of a handshake, ms */

/* So many new ticket keys. */
void fill_ring(uint32_t count);

/* What is worse than a note is printed and counted in world.problems. */
void count_problem(struct problems *problems, const struct problem *problem);

/* Of a server nothing may be counted. */
struct tls_context *make_server(const struct tls_server_settings *settings);
struct tls_context *make_rsa_server(void); /* as rsa_settings are */
struct tls_context *make_client(const struct tls_client_settings *settings);

/* A server with the RSA certificate, and a client that trusts its authority. */
struct tls_server_settings rsa_settings(void);
struct tls_client_settings client_settings(void);

/* The stream gets its user. */
void attach(struct user *user, struct stream *stream);

/* Both contexts are given away: they die with their streams. */
void join(struct tls_context *server, struct tls_context *client);

/* With the settings above; open_default runs until both are open, and asserts who has their records. */
void join_default(void);
void open_default(void);

/* By which a record is longer than its content. */
size_t record_expansion(void);

/* With a server that leaves a client no cheap group. */
void join_heavy(void);

void expect_got(const struct user *user, struct span bytes);

/* -- a peer of plain OpenSSL, which does what our streams never do -- */

struct guest_peer {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
    struct wire_end *ours;  /* what our stream reads from */
    struct user *overheard; /* what our stream sends */
    struct user *user;      /* of our stream */
    uint8_t secrets[2][48]; /* of TLS 1.3, as OpenSSL logs them: the client's, the server's */
    char got[64];
};

/* A client that offers a version up to this one, and the session unless it is NULL. The caller keeps its references. */
void guest_join(struct guest_peer *guest, struct tls_context *server, int version, SSL_SESSION *session);

/* A server of this version, which gives no tickets by itself. */
void guest_serve(struct guest_peer *guest, struct tls_context *client, int version);

/* Reads, and carries bytes both ways, at most so many times: until something is read, which is in got then. */
void guest_talk(struct guest_peer *guest, int times);

enum { SILENCE = 100 }; /* ms */

/* Neither says anything for so long that a ticket leaves by itself. */
void guest_is_silent(struct guest_peer *guest);

/* Frees the guest, and hangs up. */
void guest_leave(struct guest_peer *guest);

#endif
