/* What a worker counts, in memory that master and other workers can read: its page, though it has the size of several.
 *
 * Each worker writes its own page only; readers may see a moment's mixture, never a torn number. */
#ifndef CROSSGATE_BASE_COUNTERS_H
#define CROSSGATE_BASE_COUNTERS_H

#include "crossgate/base/ending.h"

#include <stdatomic.h>

#define COUNTER_ROWS(X)                                                                                                \
    X(connections_accepted, "connections accepted")                                                                    \
    X(connections_open, "connections open now")                                                                        \
    X(handshakes_full, "TLS handshakes finished with a full key exchange")                                             \
    X(handshakes_resumed, "TLS handshakes finished by resumption")                                                     \
    X(handshakes_full_tls12, "of handshakes_full, those of TLS 1.2")                                                   \
    X(handshakes_resumed_tls12, "of handshakes_resumed, those of TLS 1.2")                                             \
    X(tickets_unknown, "session tickets not accepted, since their key is not known, or not any more")                  \
    X(handshakes_waiting, "TLS handshakes that wait for their turn now")                                               \
    X(handshakes_away, "TLS handshakes that are worked on by the thread for costly ones now")                          \
    X(handshakes_heavy, "TLS handshakes begun that were given to the thread for costly ones")                          \
    X(handshakes_refused, "TLS handshakes refused, since too many costly ones of their source wait")                   \
    X(requests, "HTTP requests answered")                                                                              \
    X(websockets_opened, "WebSocket sessions opened")                                                                  \
    X(websockets_open, "WebSocket sessions open now")                                                                  \
    X(rawsockets_opened, "RawSocket sessions opened")                                                                  \
    X(rawsockets_open, "RawSocket sessions open now")                                                                  \
    X(messages_in, "messages received from clients over WebSocket and RawSocket")                                      \
    X(messages_out, "messages sent to clients over WebSocket and RawSocket")                                           \
    X(bytes_in, "bytes received from clients, before decryption")                                                      \
    X(bytes_out, "bytes sent to clients, after encryption")                                                            \
    X(log_lines_dropped, "log lines dropped")                                                                          \
    X(backend_retries, "calls that went on to another backend")                                                        \
    X(backend_ejections, "times a backend was left out after failures in a row")                                       \
    X(health_checks, "health checks of backends")                                                                      \
    X(health_checks_failed, "health checks of backends that failed")

/* What a worker thinks of a backend. */
enum backend_condition {
    BACKEND_UP,
    BACKEND_EJECTED, /* has failed too often in a row, and has not been seen to work since */
    BACKEND_DOWN,    /* fails its health checks */
};

/* One backend, as a worker sees it. */
struct backend_counters {
    _Atomic uint64_t key;       /* backend_key of its name; 0: the row is free */
    _Atomic uint64_t sessions;  /* open now, and requests under way */
    _Atomic uint64_t opened;    /* sessions so far, and requests answered */
    _Atomic uint64_t failures;  /* calls and checks so far that failed */
    _Atomic uint64_t condition; /* enum backend_condition */
    _Atomic uint64_t failed_by; /* enum ending of the last failure; has a meaning if failures > 0 */
    _Atomic uint64_t failed_at; /* its time, s since 1970 */
};

/* Twice as many as a plan may name, since an old plan lives on with its sessions. */
enum { COUNTERS_BACKENDS = 512 };

struct counters {
#define X(name, help) _Atomic uint64_t name;
    COUNTER_ROWS(X)
#undef X
    _Atomic uint64_t endings[ENDING_COUNT];
    struct backend_counters backends[COUNTERS_BACKENDS];
};

/* By what the rows of one backend are found in all workers' pages (FNV-1a, 64 bits; never 0). */
static inline uint64_t backend_key(const char *name)
{
    uint64_t key = 0xcbf29ce484222325;
    for (; *name; name++)
        key = (key ^ (unsigned char)*name) * 0x100000001b3;
    return key ? key : 1;
}

/* The page has one writer, so a plain load and store is enough and costs no lock prefix. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

static inline void counter_subtract(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now - n, memory_order_relaxed);
}

#endif
