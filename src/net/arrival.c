/* A connection from a load balancer, until it has said for whom it comes.
 *
 * No more is taken from the socket than the header, so that whoever gets the descriptor finds the visitor's first byte. */
#include "proxy_protocol.h"

#include "crossgate/lookout.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct arrival {
    struct loop *loop;
    struct peer balancer;
    struct counted *owner;
    net_arrived *on_arrived;
    void *user;
    struct guest guest;
    struct deadline deadline;
    struct task bury;
    struct watch watch; /* without a descriptor when that is handed over or closed */
    size_t length;
    uint8_t header[PROXY_HEADER_MAX];
};

static void bury(struct task *task)
{
    struct arrival *arrival = CONTAINER_OF(task, struct arrival, bury);
    counted_unref(arrival->owner);
    free(arrival);
}

/* The one way out; whoever comes next counts the connection anew. */
static int leave(struct arrival *arrival)
{
    deadline_disarm(&arrival->deadline);
    list_remove(&arrival->guest.link);
    counter_subtract(&arrival->loop->counters->connections_open, 1);
    loop_defer(arrival->loop, PHASE_BURY, &arrival->bury);
    return watch_release(arrival->loop->lookout, &arrival->watch);
}

static void end(struct arrival *arrival, enum ending why)
{
    loop_report(arrival->loop, why, &arrival->balancer, NULL);
    close(leave(arrival));
}

static void hand_over(struct arrival *arrival, const struct peer *peer)
{
    int descriptor = leave(arrival);
    arrival->on_arrived(arrival->user, arrival->loop, descriptor, peer);
}

/* Looks first and takes then what belongs to the header. */
static void read_header(struct arrival *arrival)
{
    struct peer peer;
    size_t room = sizeof arrival->header - arrival->length, length = 0;
    uint8_t *to = arrival->header + arrival->length;
    ssize_t seen = recv(arrival->watch.descriptor, to, room, MSG_PEEK);
    if (seen < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (seen <= 0) {
        end(arrival, seen == 0 ? ENDING_PEER_LEFT : ENDING_PEER_RESET);
        return;
    }
    size_t had = arrival->length;
    arrival->length += (size_t)seen;
    enum proxy_verdict verdict = proxy_header_read(span_of(arrival->header, arrival->length), &length, &peer);
    if (verdict == PROXY_KNOWN || verdict == PROXY_LOCAL)
        arrival->length = length;
    if (verdict == PROXY_BROKEN)
        end(arrival, ENDING_PROXY_BROKEN);
    else if (recv(arrival->watch.descriptor, to, arrival->length - had, 0) != (ssize_t)(arrival->length - had))
        end(arrival, ENDING_PEER_RESET);
    else if (verdict != PROXY_MORE)
        hand_over(arrival, verdict == PROXY_KNOWN ? &peer : &arrival->balancer);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct arrival *arrival = CONTAINER_OF(watch, struct arrival, watch);
    (void)events; /* whatever it is, recv says it */
    read_header(arrival);
    loop_settle(arrival->loop);
}

static void on_deadline(struct deadline *deadline)
{
    end(CONTAINER_OF(deadline, struct arrival, deadline), ENDING_PROXY_LATE);
}

static void on_leave(struct guest *guest)
{
    end(CONTAINER_OF(guest, struct arrival, guest), ENDING_GOING_AWAY);
}

bool net_arrival_new(struct loop *loop, int descriptor, const struct peer *balancer, uint32_t timeout,
                     struct counted *owner, net_arrived *on_arrived, void *user)
{
    struct arrival *arrival = calloc(1, sizeof *arrival);
    if (!arrival) {
        close(descriptor);
        return false;
    }
    arrival->loop = loop;
    arrival->balancer = *balancer;
    arrival->owner = owner;
    arrival->on_arrived = on_arrived;
    arrival->user = user;
    arrival->guest.leave = on_leave;
    watch_open(loop->lookout, &arrival->watch, descriptor, on_ready);
    counted_ref(owner);
    deadline_init(&arrival->deadline, on_deadline);
    task_init(&arrival->bury, bury);
    list_append(&loop->guests, &arrival->guest.link);
    counter_add(&loop->counters->connections_open, 1);
    deadline_arm(&loop->deadlines, &arrival->deadline, timeout, loop->now);
    if (!watch_for(loop->lookout, &arrival->watch, EPOLLIN))
        end(arrival, ENDING_MEMORY);
    return true;
}
