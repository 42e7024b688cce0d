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
        bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        peer->family = mapped ? PEER_IPV4 : PEER_IPV6;
        peer->port = ntohs(v6->sin6_port);
        if (mapped)
            memcpy(peer->ip, v6->sin6_addr.s6_addr + 12, 4);
        else
            memcpy(peer->ip, v6->sin6_addr.s6_addr, 16);
    }
}
