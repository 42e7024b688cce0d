/* What the layers of one event loop share. Knows no libuv: `uv` is opened by the rooms that may.
 *
 * The shape of time. process/turn.c turns the loop; each event runs to its end like this:
 *
 *     the lookout or uv calls back (bytes, room, accept, dial; file, name), or a deadline expires
 *       -> the layers note facts and append to buffers
 *     loop_settle: tasks of PHASE_SETTLE, until there is none (kept bytes are delivered, wishes compared)
 *                  tasks of PHASE_FLUSH  (each touched stream writes once)
 *     end of the turn: handshakes spend their budget, loop_settle again, then
 *                  tasks of PHASE_BURY   (memory goes when nobody is on the stack)
 *
 * Nobody frees inside a callback: who ends, defers a task of PHASE_BURY, and frees itself there. */
#ifndef CROSSGATE_BASE_LOOP_H
#define CROSSGATE_BASE_LOOP_H

#include "crossgate/base/arena.h"
#include "crossgate/base/challenge.h"
#include "crossgate/base/counters.h"
#include "crossgate/base/deadline.h"
#include "crossgate/base/list.h"
#include "crossgate/base/log.h"
#include "crossgate/base/peer.h"
#include "crossgate/base/pool.h"
#include "crossgate/base/slab.h"

enum loop_phase { PHASE_SETTLE, PHASE_FLUSH, PHASE_BURY, PHASE_COUNT };

struct task {
    struct list link;
    void (*run)(struct task *task); /* called once per deferral, after it left its list */
};

/* Whoever must be told when the worker stops, in the worker's list of guests. Leaving means: finish what
 * is under way, politely and with deadlines, then go; the guest removes itself when it is gone. */
struct guest {
    struct list link;
    void (*leave)(struct guest *guest);
};

/* Ciphertext or plain bytes as they come from the kernel: one recv takes up to four full TLS records. */
enum { LOOP_RECEIVE_BYTES = 65536 + 1024 };
/* Plaintext of one SSL_read: one full record. */
enum { LOOP_PLAINTEXT_BYTES = 16384 };
/* Payload of a message gathered from one read before it is passed on, or a piece of a file. */
enum { LOOP_MESSAGE_BYTES = 65536 };

/* Above STREAM_HIGH queued bytes a stream's writer must wait for room, which is told below STREAM_LOW. */
enum { STREAM_HIGH = 262144, STREAM_LOW = 65536 };

/* The time as the field Date has it, with its zero. */
enum { LOOP_DATE_BYTES = 30 };

struct file_cache;
struct lookout;
struct tls_queue;
struct tls_sealer;
struct tls_tickets;
struct websocket_codec;

struct loop {
    void *uv;                /* uv_loop_t, for net, file and process */
    struct lookout *lookout; /* owned by net/lookout.c */
    uint64_t now;            /* ms, monotonic; set by loop_tick */
    uint64_t turn;           /* how many have ended */
    struct pool pool;
    struct slabs slabs;        /* what is one of a connection's for as long as it lasts */
    struct arena_store arenas; /* of requests and of backends' answers */
    struct deadlines deadlines;
    struct list phases[PHASE_COUNT];
    struct list guests;
    struct list kept;         /* owned by relay/kept.c: connections to backends between two requests */
    size_t kept_count;        /* likewise */
    size_t listings;          /* of directories, in memory now; owned by file/file.c */
    struct file_cache *files; /* owned by file/cache.c; NULL: none are kept */
    int64_t date_second;      /* which `date` is of; owned by http/answer.c */
    char date[LOOP_DATE_BYTES];
    bool leaving; /* the worker drains: no keep-alive, no new session */
    struct log *log;
    struct counters *counters;
    struct tls_queue *handshakes;       /* owned by tls/queue.c */
    struct tls_sealer *sealer;          /* owned by tls/sealer.c; NULL: records are OpenSSL's */
    struct tls_tickets *tickets;        /* owned by tls/tickets.c; NULL: no session tickets are given */
    struct websocket_codec *websockets; /* owned by websocket/codec.c */
    struct list backends;               /* states of backends; see relay/state.h */
    struct challenges *challenges;      /* that an authority asks for now; NULL: none */
    struct list gatherers; /* owned by wamp/rawsocket.c: sessions that keep messages, who began first in front */
    size_t gathered;       /* bytes that they keep */
    uint8_t *receive;      /* LOOP_RECEIVE_BYTES; valid within one callback */
    uint8_t *plaintext;    /* LOOP_PLAINTEXT_BYTES; likewise */
    uint8_t *message;      /* LOOP_MESSAGE_BYTES; likewise */
};

/* Allocates the buffers. False when memory is out (nothing is left allocated). Borrows log and counters. */
bool loop_init(struct loop *loop, void *uv, struct log *log, struct counters *counters)
    __attribute__((warn_unused_result));

/* Frees the buffers. Asserts that no guest, task, block, object of a slab, kept connection, backend, listing or gathered message is left: the leak
 * test of each run. Log, counters, and what the rooms own, are theirs to free; challenges go with the loop. */
void loop_deinit(struct loop *loop);

/* Reads the monotonic clock into loop->now. */
void loop_tick(struct loop *loop);

/* Has task->run called in that phase of this turn. A task that waits already stays where it is. */
void loop_defer(struct loop *loop, enum loop_phase phase, struct task *task);

/* Not deferred. Whoever frees its memory cancels it before. */
void task_init(struct task *task, void (*run)(struct task *));

/* Has it been deferred, and not been run since? */
static inline bool task_is_waiting(const struct task *task)
{
    return !list_is_empty(&task->link);
}

/* Takes a task out of its phase. Safe on one that does not wait. */
void task_cancel(struct task *task);

/* Runs SETTLE until it is empty, then FLUSH, and again until both are empty. Called at the end of each event. */
void loop_settle(struct loop *loop);

/* Runs BURY, and what it caused to settle, until nothing waits. Called at the end of the turn, with nobody on the stack. */
void loop_bury(struct loop *loop);

/* Counts an ending and logs it at the level of its row, at LOG_DEBUG if that is LOG_QUIET. `peer` may be NULL;
 * `detail` may be NULL and is put behind the row's text. */
void loop_report(struct loop *loop, enum ending why, const struct peer *peer, const char *detail);

#endif
