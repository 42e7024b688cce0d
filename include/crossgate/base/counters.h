/* What a worker counts, on one page that master and other workers can read.
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
    X(handshakes_waiting, "TLS handshakes that wait for their turn now")                                               \
    X(requests, "HTTP requests answered")                                                                              \
    X(websockets_opened, "WebSocket sessions opened")                                                                  \
    X(websockets_open, "WebSocket sessions open now")                                                                  \
    X(messages_in, "WebSocket messages received from clients")                                                         \
    X(messages_out, "WebSocket messages sent to clients")                                                              \
    X(bytes_in, "bytes received from clients, before decryption")                                                      \
    X(bytes_out, "bytes sent to clients, after encryption")                                                            \
    X(log_lines_dropped, "log lines dropped")

struct counters {
#define X(name, help) _Atomic uint64_t name;
    COUNTER_ROWS(X)
#undef X
    _Atomic uint64_t endings[ENDING_COUNT];
};

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
