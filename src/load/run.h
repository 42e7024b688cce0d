/* What all that takes part in one run shares: the loop, its time, buffers, and how far the run is.
 *
 * A run opens its connections, warms up, counts, and is over; what does not open (handshakes) begins with the warm-up. Whoever
 * has done an operation, or failed to, says so here, and asks run_goes_on before another is begun. */
#ifndef CROSSGATE_LOAD_RUN_H
#define CROSSGATE_LOAD_RUN_H

#include "histogram.h"
#include "route.h"

#include "crossgate/base/deadline.h"
#include "crossgate/base/span.h"
#include "crossgate/load.h"

#include <openssl/ssl.h>
#include <uv.h>

/* Bytes that are composed and written in one go, and what one event reads at most. */
enum { RUN_BYTES = 65536 };
/* What they become as TLS records, with room for a handshake. */
enum { RUN_WIRE_BYTES = 2 * RUN_BYTES };

enum run_phase { RUN_OPENING, RUN_WARMING, RUN_COUNTING, RUN_OVER };

/* Operations of one kind, as they are counted. */
struct work {
    uint64_t operations;
    uint64_t bytes;
    uint64_t errors;
    struct histogram latency;
};

struct run {
    const struct load_settings *settings;
    struct route route;
    uv_loop_t uv;
    uint64_t now; /* ns, monotonic; when the present event began */
    enum run_phase phase;
    uint64_t began[RUN_OVER + 1]; /* ns; the phases */
    bool ready;                   /* to warm up, as soon as it may */
    struct deadlines deadlines;   /* on a clock of ms: run->now / 1000000 */
    BIO_METHOD *method;           /* of contacts over TLS */

    double read_rate; /* bytes per second that a connection reads; 0: as fast as they come */

    struct work work, storm;
    uint64_t operations, errors, handshakes; /* since the load began */
    unsigned failures;                       /* since something last worked */
    uint64_t resumed;                        /* while counting */
    const char *version, *cipher, *group;    /* of the last handshake; NULL: none */
    unsigned open, open_most;                /* connections */
    char first_error[240];

    void (*on_phase)(struct run *run); /* another one has just begun */
    uv_timer_t ticker;

    uint8_t plain[RUN_BYTES];     /* what was read; valid within one callback */
    uint8_t compose[RUN_BYTES];   /* what will be written; likewise */
    uint8_t wire[RUN_WIRE_BYTES]; /* records of one write */
    size_t wired;
};

/* False: *error. run_deinit is for a loop without handles. */
bool run_init(struct run *run, const struct load_settings *settings, struct error *error)
    __attribute__((warn_unused_result));
void run_deinit(struct run *run);

/* Turns the loop until nothing is open. */
void run_turn(struct run *run);

/* Reads the clock into run->now. */
void run_tick(struct run *run);

static inline bool run_goes_on(const struct run *run)
{
    return run->phase != RUN_OVER;
}

/* Enters the next phase when it is time for it. With each event, since libuv looks at its timers after 49,152 of them only, if there are so many. */
void run_advance(struct run *run);

/* All connections are there: the warm-up begins, as soon as it may. Only once. */
void run_ready(struct run *run);

/* It is over now. */
void run_end(struct run *run);

/* An operation that was meant to begin at `intended` is done now. */
void run_done(struct run *run, struct work *work, uint64_t intended, uint64_t bytes);

/* Payload of an operation that is not done yet. */
void run_bytes(struct run *run, struct work *work, uint64_t bytes);

/* What a handshake has agreed upon. */
void run_note_tls(struct run *run, SSL *ssl);

/* Something failed; the first error of a run is kept. A run in which nothing works ends after a few of them. */
void run_failed(struct run *run, struct work *work, const char *why);

#endif
