/* Load on a server, as its clients make it, and what it costs: an independent client and judge, which shares no stream with the
 * server that it may be held against. One thread, one loop, lean enough not to be the bottleneck. */
#ifndef CROSSGATE_LOAD_H
#define CROSSGATE_LOAD_H

#include "crossgate/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    LOAD_HOST = 256,
    LOAD_PATH = 1024,
    LOAD_WORD = 80,
    LOAD_CONNECTIONS_MAX = 1000000,
    LOAD_DEPTH_MAX = 1024,
    LOAD_MESSAGE_MAX = 16777216, /* bytes of a message of ours */
    LOAD_SOURCES_MAX = 250,
};

/* ---- what to load, and how */

enum load_mode {
    LOAD_HANDSHAKES, /* connect, handshake, close; so many at a time */
    LOAD_HELLOS, /* connect, ClientHello, the server's flight, close: handshakes that cost the client next to nothing */
    LOAD_REQUESTS, /* GETs on connections that are kept */
    LOAD_ECHO,     /* WebSocket messages, which must come back as they were */
    LOAD_BULK,     /* one long GET after the other on each connection */
    LOAD_IDLE,     /* connections that are open and silent: what one of them costs */
    LOAD_STORM,    /* echo, and beside it handshakes that are begun, as in hellos */
    LOAD_SLOW,     /* connections that read slowly */
};

struct load_target {
    bool tls;             /* https, wss */
    bool websocket;       /* ws, wss */
    bool is_address;      /* host is an address literal */
    char host[LOAD_HOST]; /* name or address, without brackets; SNI, and the name that the certificate must hold */
    uint16_t port;
    char path[LOAD_PATH]; /* begins with "/"; with the query */
};

/* A URL with scheme http, https, ws or wss; the port defaults to that of the scheme, the path to "/". False: *error says why. */
bool load_target_parse(const char *word, struct load_target *target, struct error *error)
    __attribute__((warn_unused_result));

/* What a handshake offers. */
struct load_tls {
    uint16_t version;    /* 0x0303 or 0x0304: this one only; 0: both */
    const char *ciphers; /* a list for TLS 1.2, or names of suites of TLS 1.3 (TLS_…); NULL: OpenSSL's */
    const char *groups;  /* NULL: OpenSSL's */
    unsigned resumed;    /* percent of the handshakes that resume a session */
};

/* So often as the server answers, in a closed loop: a rate. */
#define LOAD_RATE_MAX (-1.0)

/* Handshakes that are begun beside the echo. */
struct load_storm {
    double rate;          /* per second; 0: none; LOAD_RATE_MAX: each that ended is followed by another */
    unsigned connections; /* at a time, at most */
    struct load_tls tls;
};

/* How far a run is, told about soon and then once per second, never from within a signal. */
struct load_progress {
    double seconds;      /* since the load began */
    bool warming;        /* what is done now is not counted */
    unsigned open;       /* connections that are established */
    uint64_t operations; /* since the load began, warm-up included */
    uint64_t errors;
    double per_second;     /* since the last report */
    double p50_us, p99_us; /* of what has been counted; 0: nothing yet */
    uint64_t handshakes;   /* of the storm */
};

/* Borrowed while load_run runs. Zeroed members mean "not given", where 0 makes no sense. */
struct load_settings {
    enum load_mode mode;
    struct load_target target;
    unsigned connections; /* at least 1 */
    unsigned depth;       /* messages in flight per connection, at least 1; echo and storm */
    uint64_t size; /* bytes of a message, at most LOAD_MESSAGE_MAX; requests, bulk: of an answer, if size_given */
    bool size_given;
    double rate; /* operations per second over all connections, each with its intended time; 0: closed loop. Slow: bytes
                           per second that a connection reads */
    double seconds; /* that are counted, after the warm-up */
    double warm_up; /* seconds that are not */
    struct load_tls tls;
    bool get; /* handshakes: a GET after each; always if some resume, since servers may keep tickets back until then */
    bool at_once; /* hellos: they come in waves: nobody speaks before all are connected */
    struct load_storm storm;
    unsigned sources;           /* addresses to connect from, 127.0.0.1 and up; 0, 1: the system's choice */
    pid_t server;               /* root of the process tree whose time and memory are read; 0: none */
    const char *const *headers; /* "Name: value", sent with each request */
    size_t header_count;
    const char *authorities; /* PEM file to trust instead of the system's store */
    bool insecure;           /* the server's certificate is not verified */
    bool remote;             /* its owner agrees that a server that is not on this machine is loaded */
    /* May be NULL. False: the run ends now, with what it has. */
    bool (*progress)(void *user, const struct load_progress *progress);
    /* May be NULL. Asked from when all connections are there, again and again: false: the warm-up does not begin yet. */
    bool (*may_begin)(void *user);
    void *user; /* of both */
};

/* ---- what came of it */

/* Microseconds; `count` 0: the rest means nothing. */
struct load_latency {
    uint64_t count;
    double mean, p50, p90, p99, p999, max;
};

/* Operations of one kind, within the time that is counted. */
struct load_work {
    uint64_t operations;
    uint64_t bytes; /* of payload that came back: echoed, or answers' bodies */
    uint64_t errors;
    double per_second;
    struct load_latency latency;
};

/* The server's process tree. Times and memory are 0 where nothing could be measured, and `known` says so. */
struct load_server {
    bool known; /* the tree was read at the beginning and at the end */
    unsigned processes;
    uint64_t cpu_us; /* spent while operations were counted */
    double cpu_us_per_operation;
    bool memory_known;         /* needs the right to read the memory maps of these processes */
    uint64_t pss_bytes_before; /* without a connection */
    uint64_t pss_bytes;        /* with all of them */
    double pss_bytes_per_connection;
};

struct load_result {
    unsigned connections; /* that were established at the end, at most */
    double seconds;       /* that were counted */
    struct load_work work;
    struct load_work handshakes; /* storm: those beside the echo */
    uint64_t unsent;             /* open loop: due within the time that is counted, and never begun */
    char first_error[240];       /* in words; "": none */
    struct load_server server;
    uint64_t client_cpu_us; /* spent by this process while operations were counted */
    double client_busy;     /* share of one core that is; near 1: this program was the bottleneck */
    /* Of the last handshake; "": there was none. */
    char version[LOAD_WORD];
    char cipher[LOAD_WORD];
    char group[LOAD_WORD];
    uint64_t resumed; /* handshakes that resumed a session, within the time that is counted */
};

/* Loads the server and measures. Errors of connections and answers are counted in the result; a run in which nothing works ends
 * soon with the first of them as *error. False: nothing was measured, because of the settings, the system, or that; what is known all
 * the same is in the result. SIGPIPE has to be ignored. */
bool load_run(const struct load_settings *settings, struct load_result *result, struct error *error)
    __attribute__((warn_unused_result));

#endif
