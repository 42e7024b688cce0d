#include "tune.h"

#include "crossgate/base/loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* A connection that nobody talks on must not outlive a peer that vanished: two minutes, then probes. What the kernel holds
 * unsent is bounded like our own queue, so that a slow reader costs little, and is seen to read long before megabytes of the
 * kernel's are gone. */
void net_tune(int descriptor)
{
    int on = 1, idle = 120, interval = 15, probes = 4, unsent = STREAM_HIGH;
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        return;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

void net_gather(int descriptor)
{
    int off = 0;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &off, sizeof off);
}
