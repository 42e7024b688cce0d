#include "crossgate/net.h"

#include <netinet/in.h>
#include <string.h>

void peer_from_socket(struct peer *peer, const struct sockaddr *address)
{
    *peer = (struct peer){.family = PEER_UNIX};
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        peer->family = PEER_IPV4;
        peer->port = ntohs(v4->sin_port);
        memcpy(peer->ip, &v4->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
        peer->family = PEER_IPV6;
        peer->port = ntohs(v6->sin6_port);
        memcpy(peer->ip, v6->sin6_addr.s6_addr, 16);
        peer_unmap(peer);
    }
}
