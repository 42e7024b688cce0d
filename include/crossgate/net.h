/* Addresses, listening sockets, plain streams and connecting: the only room, with file, process and load, that
 * includes uv.h. */
#ifndef CROSSGATE_NET_H
#define CROSSGATE_NET_H

#include "crossgate/base/counted.h"
#include "crossgate/base/error.h"
#include "crossgate/base/loop.h"
#include "crossgate/stream.h"

#include <sys/socket.h>

enum net_kind { NET_TCP, NET_UNIX };

/* A block of addresses: "192.0.2.0/24", "2001:db8::/32", a single address, or "unix" for peers on Unix sockets. */
struct net_network {
    struct peer base;
    unsigned bits; /* of the address that must be equal */
};

/* False if the text is none of these; then *network is of no use. */
bool net_network_parse(const char *text, struct net_network *network);
bool net_network_holds(const struct net_network *network, const struct peer *peer);

/* Where to listen: Crossbar's listening endpoint, types tcp and unix. Borrowed strings. */
struct net_listen {
    enum net_kind kind;
    const char *interface;               /* tcp: address literal or name; NULL or "": all addresses of `version` */
    unsigned version;                    /* tcp: 4 or 6; a literal in `interface` wins */
    uint16_t port;                       /* tcp: 1..65535; with a range, its first */
    uint16_t port_last;                  /* tcp: last of the range; the first free port is taken; else equal to port */
    bool shared;                         /* tcp: other programs may listen on the port, too (SO_REUSEPORT) */
    uint32_t user_timeout;               /* tcp: TCP_USER_TIMEOUT in ms; 0: the system's */
    int backlog;                         /* 1..65535 */
    const char *path;                    /* unix: absolute path */
    const struct net_network *balancers; /* whose connections begin with a PROXY header; extension proxy_protocol */
    size_t balancer_count;
};

/* Opens, binds and listens; close-on-exec and non-blocking. `sockets` receives `count` descriptors, one per
 * worker: for tcp each its own, bound with SO_REUSEPORT; for unix duplicates of one. Unless `shared`, a port
 * that any other program listens on is an error. A unix path is taken over only if it is free or a socket
 * that nobody answers on; its mode becomes 0666 as with Crossbar. All or nothing: on error none is open. */
bool net_listen_open(const struct net_listen *where, int *sockets, size_t count, struct error *error)
    __attribute__((warn_unused_result));

/* Whether net_listen_open would work now, without listening, and without touching what a Unix path leads to. 0: it would. Otherwise errno,
 * and *error says it in a sentence: EADDRINUSE, EACCES (a port below 1024, or a directory), EADDRNOTAVAIL, EAFNOSUPPORT, ENOENT (no such
 * directory), EINVAL for what the settings have wrong. */
int net_listen_try(const struct net_listen *where, struct error *error) __attribute__((warn_unused_result));

/* Applies backlog and user_timeout to an open socket, for one that is kept while its settings change. */
void net_listen_adjust(const struct net_listen *where, int socket);

/* "127.0.0.1:8443", "[::]:443", "unix:/run/x.sock" for logs and messages; cut to size, zero-terminated. */
void net_listen_print(const struct net_listen *where, char *text, size_t size);

/* The port that a listening TCP socket has got: of a range, which one. 0 for Unix sockets. */
uint16_t net_listen_port(int socket);

struct listener;

/* `descriptor` is non-blocking and the callee's to close. */
typedef void listener_accept(void *user, int descriptor, const struct peer *peer);

/* Accepts on a listening socket, a bounded number per event. When descriptors run out it says so, at most once a second, stops
 * for 100 ms and goes on: nothing spins, and waiting clients stay in the kernel's queue. Takes `descriptor` over
 * (also on failure). NULL when memory is out. */
struct listener *listener_start(struct loop *loop, int descriptor, listener_accept *on_accept, void *user);

/* A paused listener accepts nothing; clients wait in the kernel's queue. New ones are not paused. */
void listener_pause(struct listener *listener, bool paused);

/* Stops accepting and frees itself when the loop has let go. on_accept is not called any more. */
void listener_stop(struct listener *listener);

/* `peer` is who connects here, or, by a balancer's word, the visitor behind it. `descriptor` is non-blocking and the
 * callee's to close. */
typedef void net_arrived(void *user, struct loop *loop, int descriptor, const struct peer *peer);

/* Whether connections of this peer begin with a header of the PROXY protocol. */
bool net_listen_is_balancer(const struct net_listen *where, const struct peer *peer);

/* Waits until a balancer's connection has said for whom it comes (PROXY protocol, version 1 or 2), and calls on_arrived, from
 * a later event. A connection that ends, says something else or takes longer than `timeout` ms is closed and reported
 * (PEER_LEFT, PEER_RESET, PROXY_BROKEN, PROXY_LATE; GOING_AWAY when the loop is left). A guest of the loop. Takes `descriptor` over (also on failure), and holds a
 * reference on `owner` until it is gone. False when memory is out. */
bool net_arrival_new(struct loop *loop, int descriptor, const struct peer *balancer, uint32_t timeout,
                     struct counted *owner, net_arrived *on_arrived, void *user);

/* The header of version 2 for a backend: who the visitor is, and what his TLS was. `facts` may be NULL. Returns its length;
 * what would not fit is left out. */
enum { NET_PROXY_HEADER_MAX = 16 + 2048 };
size_t net_proxy_header_print(const struct peer *visitor, const struct connection_facts *facts,
                              uint8_t header[NET_PROXY_HEADER_MAX]);

/* A plain stream on a connected, non-blocking socket (TCP or Unix); takes it over, also on failure.
 * on_open is called from PHASE_SETTLE. `count_bytes`: count into bytes_in and bytes_out (client side). NULL when memory is
 * out. */
struct stream *plain_new(struct loop *loop, int descriptor, bool count_bytes);

/* Where to connect: Crossbar's connecting endpoint. Borrowed strings that outlive the stream. */
struct net_target {
    enum net_kind kind;
    const char *host; /* tcp: address literal or name */
    uint16_t port;    /* tcp */
    unsigned version; /* tcp: 4 or 6; 0: both */
    uint32_t timeout; /* ms for name, connect and all addresses together; 0: LIMIT_CONNECT */
    const char *path; /* unix: absolute */
};

/* A plain stream that is being connected: resolves (in libuv's pool), tries the addresses in order, then
 * on_open. Failures end it with BACKEND_NAME, BACKEND_REFUSED, BACKEND_UNREACHABLE, BACKEND_LATE or DESCRIPTORS.
 * Bytes written before on_open are sent when it is open. NULL when memory is out. */
struct stream *net_connect(struct loop *loop, const struct net_target *target);

/* From the kernel's address. Families other than IPv4 and IPv6 give PEER_UNIX. IPv4-mapped IPv6 becomes IPv4. */
void peer_from_socket(struct peer *peer, const struct sockaddr *address);

#endif
