#include "front.h"

#include "crossgate/process.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Listeners, directories, the loop's own, files being sent. */
enum { DESCRIPTORS_RESERVED = 128 };
/* How often a reached limit is logged, ms. */
enum { FULL_SAID_EVERY = 1000 };

struct entrance {
    struct front *front;
    struct plan_transport *transport;
    int socket; /* -1: the listener has it */
    struct listener *listener;
};

struct front {
    struct loop *loop;
    struct plan *plan;
    struct health *health; /* NULL: not open */
    unsigned limit;
    bool full;
    uint64_t said; /* when a reached limit was logged last; 0: never */
    size_t count;
    struct entrance entrances[];
};

unsigned process_connections_of(uint64_t descriptors, bool opens_more)
{
    uint64_t reserved = descriptors / 2 < DESCRIPTORS_RESERVED ? descriptors / 2 : DESCRIPTORS_RESERVED;
    uint64_t limit = (descriptors - reserved) / (opens_more ? 2 : 1);
    return limit < 1 ? 1 : limit < UINT32_MAX ? (unsigned)limit : UINT32_MAX;
}

static unsigned connection_limit(struct loop *loop, const struct plan *plan)
{
    unsigned wanted = plan->process.max_connections;
    struct rlimit descriptors;
    if (getrlimit(RLIMIT_NOFILE, &descriptors) < 0 || descriptors.rlim_cur == RLIM_INFINITY)
        return wanted ? wanted : UINT32_MAX;
    unsigned possible = process_connections_of(descriptors.rlim_cur, plan->opens_more);
    if (wanted > possible)
        log_write(loop->log, LOG_WARNING, "%u connections are asked for, but %llu open files allow %u only", wanted,
                  (unsigned long long)descriptors.rlim_cur, possible);
    return wanted && wanted < possible ? wanted : possible;
}

static uint64_t connections_open(const struct front *front)
{
    return atomic_load_explicit(&front->loop->counters->connections_open, memory_order_relaxed);
}

/* At the limit who comes waits in the kernel's queue until somebody leaves: better than a door slammed, as long as the queue
 * lasts. */
void front_settle(struct front *front)
{
    bool full = connections_open(front) >= front->limit;
    if (full == front->full)
        return;
    front->full = full;
    for (size_t i = 0; i < front->count; i++)
        listener_pause(front->entrances[i].listener, full);
}

static bool bind_upstreams(struct plan *plan, struct loop *loop)
{
    for (struct upstream *upstream = plan->upstreams; upstream; upstream = upstream->next) {
        if (!upstream_bind(upstream, loop))
            return false;
    }
    return true;
}

static void check_limit(struct front *front, const struct peer *peer)
{
    struct loop *loop = front->loop;
    front_settle(front);
    if (!front->full || (front->said && loop->now - front->said < FULL_SAID_EVERY))
        return;
    front->said = loop->now;
    loop_report(loop, ENDING_TOO_MANY, peer, "others wait to be accepted");
}

static bool serve(struct loop *loop, const struct plan_transport *transport, struct stream *stream,
                  const struct peer *peer)
{
    const struct http_site *site = &transport->site;
    switch (transport->protocol) {
    case PLAN_HTTP:
        return http_connection_new(loop, stream, site, peer) != NULL;
    case PLAN_RAWSOCKET:
        return rawsocket_visitor_new(loop, stream, transport->rawsocket, site, peer);
    case PLAN_UNIVERSAL:
        return universal_visitor_new(loop, stream, transport->rawsocket, site, peer);
    case PLAN_STREAM_TESTEE:
        break;
    }
    return stream_testee_new(loop, stream, site, peer);
}

/* The layers of a visitor's connection; see stream.h. */
static void on_arrived(void *user, struct loop *loop, int descriptor, const struct peer *peer)
{
    const struct plan_transport *transport = user;
    struct stream *stream = plain_new(loop, descriptor, true);
    if (stream && transport->tls)
        stream = tls_accept(loop, stream, transport->tls, transport->handshake_timeout, peer);
    if (!stream || !serve(loop, transport, stream, peer))
        loop_report(loop, ENDING_MEMORY, peer, NULL);
}

/* A balancer's connection outlives the entrance if a new plan comes into force meanwhile, but not its plan. */
static void on_accept(void *user, int descriptor, const struct peer *peer)
{
    const struct entrance *entrance = user;
    struct loop *loop = entrance->front->loop;
    struct plan_transport *transport = entrance->transport;
    if (!net_listen_is_balancer(&transport->where, peer))
        on_arrived(transport, loop, descriptor, peer);
    else if (!net_arrival_new(loop, descriptor, peer, transport->handshake_timeout, transport->site.owner, on_arrived,
                              transport))
        loop_report(loop, ENDING_MEMORY, peer, NULL);
    check_limit(entrance->front, peer);
}

struct front *front_new(struct loop *loop, struct plan *plan, const int *sockets)
{
    struct front *front = calloc(1, sizeof *front + plan->transport_count * sizeof front->entrances[0]);
    if (!front || !bind_upstreams(plan, loop)) {
        free(front);
        for (size_t i = 0; i < plan->transport_count; i++)
            close(sockets[i]);
        counted_unref(&plan->counted);
        return NULL;
    }
    front->loop = loop;
    front->plan = plan;
    front->limit = connection_limit(loop, plan);
    front->count = plan->transport_count;
    for (size_t i = 0; i < front->count; i++) {
        struct plan_transport *transport = &plan->transports[i];
        if (transport->where.kind == NET_TCP)
            transport->site.port = net_listen_port(sockets[i]); /* of a range only the socket knows it */
        front->entrances[i] = (struct entrance){front, transport, sockets[i], NULL};
    }
    return front;
}

bool front_open(struct front *front)
{
    for (size_t i = 0; i < front->count; i++) {
        struct entrance *entrance = &front->entrances[i];
        entrance->listener = listener_start(front->loop, entrance->socket, on_accept, entrance);
        entrance->socket = -1;
        if (!entrance->listener)
            return false;
    }
    front->health = health_start(front->loop, front->plan->upstreams, &front->plan->counted);
    return front->health != NULL;
}

void front_close(struct front *front)
{
    if (!front)
        return;
    for (size_t i = 0; i < front->count; i++) {
        struct entrance *entrance = &front->entrances[i];
        if (entrance->listener)
            listener_stop(entrance->listener);
        if (entrance->socket >= 0)
            close(entrance->socket);
    }
    health_stop(front->health);
    front->plan->superseded = true;
    counted_unref(&front->plan->counted);
    free(front);
}

const struct plan *front_plan(const struct front *front)
{
    return front->plan;
}
