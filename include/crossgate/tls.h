/* TLS: contexts, streams and the handshake queue. The only room, with pki, probe and load, that includes openssl/ headers.
 *
 * A context is shared, immutable and counted; a stream is one connection. They never mix: a new plan builds new
 * contexts, and the old ones die with their last connection. */
#ifndef CROSSGATE_TLS_H
#define CROSSGATE_TLS_H

#include "crossgate/base/error.h"
#include "crossgate/base/loop.h"
#include "crossgate/base/problem.h"
#include "crossgate/pki.h"
#include "crossgate/stream.h"

/* Extension client_certificates. */
enum tls_client_certificates {
    TLS_CLIENTS_UNSAID, /* as the endpoint says; there: REQUIRE if there are authorities, else NONE */
    TLS_CLIENTS_NONE,   /* they are not asked for one */
    TLS_CLIENTS_OPTIONAL,
    TLS_CLIENTS_REQUIRE,
};

/* Who is let in. Unsaid parts of one of `certificates` are the endpoint's; lists of revoked certificates belong to
 * authorities, and are inherited with them only. */
struct tls_clients {
    enum tls_client_certificates wanted;
    struct pki_files authorities; /* ca_certificates */
    struct pki_files crls;        /* crl_files */
};

/* One of Crossgate's `certificates`: chosen by the server name (SNI) that the client asks for. */
struct tls_server_certificate {
    struct pki_file key;
    struct pki_file certificate;
    struct pki_files chain;
    struct tls_clients clients;
    struct problems *problems; /* reports on the keys of this one */
};

enum tls_profile { TLS_PROFILE_NONE, TLS_PROFILE_MODERN, TLS_PROFILE_INTERMEDIATE };

/* Versions as in the configuration: "1.2", "1.3". */
enum tls_version { TLS_VERSION_UNSAID, TLS_VERSION_1_2, TLS_VERSION_1_3 };

/* A list of words of the configuration. */
struct tls_words {
    const char *const *at;
    size_t count;
    bool given;
};

/* Crossbar's endpoint.tls on the listening side. */
struct tls_server_settings {
    struct pki_file key;
    struct pki_file certificate;               /* every certificate in it is used: fullchain.pem works */
    struct pki_files chain;                    /* chain_certificates */
    struct tls_clients clients;                /* ca_certificates alone: clients must present a certificate */
    const struct tls_server_certificate *more; /* certificates */
    size_t more_count;
    bool strict_sni; /* a name that no certificate is for, or none, is refused */
    struct pki_file dhparam;
    enum tls_profile profile;
    enum tls_version min_version, max_version;
    const char *ciphers;           /* TLS 1.2 cipher list; NULL: the profile's, or the default suites */
    struct tls_words ciphersuites; /* of TLS 1.3 */
    struct tls_words groups;
    struct tls_words signature_algorithms;
    bool channel_binding; /* the streams' facts hold the exporter of RFC 9266 */
    /* Contexts of servers that were built before: keys and certificates that they have of the same bytes are taken over, where
     * the problems are vouched. */
    struct tls_context *const *before;
    size_t before_count;
};

/* Crossbar's endpoint.tls on the connecting side. */
struct tls_client_settings {
    const char *hostname;         /* sent as SNI and verified */
    struct pki_files authorities; /* none: the platform's trust store */
    struct pki_file certificate;  /* with key: a client certificate */
    struct pki_file key;
};

struct tls_context;

/* Builds a context and tests it whole. Everything wrong or doubtful is reported as a problem on its key
 * ("key", "certificate", "chain_certificates", "ca_certificates", "dhparam", "ciphers", "hostname", …) with the
 * remedy command: mismatch of key and certificate, expired or not yet valid, chain broken or out of order, key
 * readable by others, key with passphrase (never prompts), RSA or DH under 2048 bits, ciphers that select nothing.
 * NULL if any problem was an error. Copies what it keeps. */
struct tls_context *tls_server_context_new(const struct tls_server_settings *settings, struct problems *problems);
struct tls_context *tls_client_context_new(const struct tls_client_settings *settings, struct problems *problems);

/* Of the loop only. The maker holds the first reference. */
void tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context); /* accepts NULL */

/* A certificate that a server context serves. */
enum { TLS_NAMES = 256 };
struct tls_certificate {
    const char *path;         /* of its file, as in messages */
    const char *names;        /* for people: "localhost, 127.0.0.1, ::1"; cut to TLS_NAMES, may be empty */
    int64_t begins, ends;     /* s since 1970 */
    uint8_t digest[32];       /* SHA-256 of it */
    struct span leaf, issuer; /* DER; the issuer is empty if it is not in the chain */
};

/* All that the context may serve, as they were given; the first is served to clients without a server name, and for
 * names that no certificate is for. Valid as long as the context. */
size_t tls_context_certificates(const struct tls_context *context, const struct tls_certificate **list);

/* How many of them were taken over from contexts before. */
size_t tls_context_taken_over(const struct tls_context *context);

/* From now until it ends (s since 1970), the OCSP response (DER, copied) goes with the certificate, which is of that list, to each client
 * that asks for one. While the context is made, not when it is in use. False when memory is out. */
bool tls_context_staple(struct tls_context *context, size_t certificate, struct span response, int64_t ends)
    __attribute__((warn_unused_result));

/* For people: "EC 256, self-signed, 397 days left: localhost, 127.0.0.1, ::1". Cut to size, which is not 0. */
void tls_certificate_print(const struct tls_certificate *certificate, char *text, size_t size);

/* Once, before anything else is asked of OpenSSL: its largest buffers are kept for reuse. False: they are not, which costs
 * time and nothing else. */
bool tls_memory_prepare(void);

/* Once, before contexts are made: their keys are derived by code of ours instead of OpenSSL's, which needs more time for the same.
 * False: they are not, which costs time and nothing else. */
bool tls_provider_prepare(void);

/* A TLS stream over a stream, which it owns from now on (aborts and outlives it as stream.h says). The server's
 * handshake steps run in the queue of the loop, the client's too. `handshake_timeout` in ms, from now, and anew from
 * below's on_open if it is still being connected; when it is over the stream ends with HANDSHAKE_LATE (server) or
 * BACKEND_LATE (client). Failures name their cause in stream->detail. Handshakes take turns by the address of the
 * peer, which may be NULL. NULL when memory is out: then `below` is aborted, and its end is told to nobody. */
struct stream *tls_accept(struct loop *loop, struct stream *below, struct tls_context *context,
                          uint32_t handshake_timeout, const struct peer *peer);
struct stream *tls_connect(struct loop *loop, struct stream *below, struct tls_context *context,
                           uint32_t handshake_timeout);

/* The queue of runnable handshakes, one per loop. Steps that would hold the loop for long are done by a thread, which calls
 * `wake` when it has done one; without that all of them are done on the loop. NULL when memory is out. */
struct tls_queue *tls_queue_new(void (*wake)(void *user), void *user);

/* When no stream is left. Waits for a step under way, whose stream has ended meanwhile. Accepts NULL. */
void tls_queue_free(struct tls_queue *queue);

/* True while handshakes wait for the loop: then the worker polls without sleeping. */
bool tls_queue_is_waiting(const struct tls_queue *queue);

/* The thread has had less than its share of the CPU: the worker should sleep for a moment even though handshakes wait. */
bool tls_queue_stands_back(const struct tls_queue *queue);

/* Runs handshake steps until `budget` ns are over; at least one, unless it stands back. The addresses of peers take turns. Takes from the
 * thread what is done, and gives it more. */
void tls_queue_spend(struct tls_queue *queue, uint64_t budget);

/* What a loop encrypts and decrypts records with, for all connections whose suite has AES-GCM or ChaCha20-Poly1305. NULL when memory is out.
 * Freed when no stream is left; accepts NULL. */
struct tls_sealer *tls_sealer_new(void);
void tls_sealer_free(struct tls_sealer *sealer);

/* A key of session tickets: 16 bytes that name it in the ticket, 32 for HMAC-SHA256 and 32 for AES-256-CBC, in the order
 * that nginx has. */
enum { TLS_TICKET_KEY = 80, TLS_TICKET_KEY_NAME = 16, TLS_TICKET_KEYS_MAX = 8 };

/* The first one encrypts, all decrypt. Without any, no tickets are given, and none is accepted. */
struct tls_ticket_ring {
    uint32_t count;
    uint8_t keys[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY];
};

/* For so long a ticket is good, s: overnight, and far below the 7 days of RFC 8446 section 4.6.1. */
enum { TLS_TICKET_LIFETIME = 12 * 3600 };

/* A handshake that proves both sides' keys is relied upon for so long, s, whatever resumption follows on resumption. */
enum { TLS_TICKET_TRUST = 7 * 24 * 3600 };

/* A new key. False: the library has no random numbers to give. */
bool tls_ticket_key_make(uint8_t key[TLS_TICKET_KEY]) __attribute__((warn_unused_result));

/* Reads a key file: a key per line, in base64, "#" begins a comment. What is wrong with it is reported on the key
 * "ticket_keys", with the number of the line. False: something was an error, and the ring has no key. */
bool tls_ticket_ring_read(struct tls_ticket_ring *ring, const struct pki_file *file, struct problems *problems)
    __attribute__((warn_unused_result));

/* It has no key afterwards. */
void tls_ticket_ring_wipe(struct tls_ticket_ring *ring);

/* What a loop knows of ticket keys: none at first. NULL when memory is out. Freeing wipes, and accepts NULL. */
struct tls_tickets *tls_tickets_new(void);
void tls_tickets_free(struct tls_tickets *tickets);

/* From now on the ring is that one, which is copied; the one before is wiped, as soon as no step of the thread uses it. */
void tls_tickets_set(struct tls_tickets *tickets, const struct tls_ticket_ring *ring);

/* SHA-1 of both parts, one after the other, in base64, zero-terminated: Sec-WebSocket-Accept (RFC 6455 section 4.2.2). Lives here so that
 * OpenSSL stays in this room. False: the library has none. */
enum { TLS_SHA1_BASE64 = 29 };
bool tls_sha1_base64(struct span first, struct span second, char text[TLS_SHA1_BASE64])
    __attribute__((warn_unused_result));

/* Base64 of at most 64 bytes, zero-terminated; `text` holds 4 * ((len + 2) / 3) + 1. */
void tls_base64(struct span bytes, char *text);

/* "OpenSSL 3.0.22 …" of the library that runs. */
const char *tls_library_version(void);

#endif
