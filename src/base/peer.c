#include "crossgate/base/peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

void peer_unmap(struct peer *peer)
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    if (peer->family != PEER_IPV6 || memcmp(peer->ip, mapped, sizeof mapped) != 0)
        return;
    peer->family = PEER_IPV4;
    memmove(peer->ip, peer->ip + sizeof mapped, 4);
    memset(peer->ip + 4, 0, sizeof peer->ip - 4);
}

void peer_print_host(const struct peer *peer, char text[PEER_TEXT])
{
    if (peer->family == PEER_UNIX)
        snprintf(text, PEER_TEXT, "unix");
    else
        inet_ntop(peer->family == PEER_IPV4 ? AF_INET : AF_INET6, peer->ip, text, PEER_TEXT);
}

void peer_print(const struct peer *peer, char text[PEER_TEXT])
{
    char host[PEER_TEXT];
    peer_print_host(peer, host);
    if (peer->family == PEER_UNIX)
        snprintf(text, PEER_TEXT, "%s", host);
    else if (peer->family == PEER_IPV4)
        snprintf(text, PEER_TEXT, "%.*s:%u", PEER_TEXT - 8, host, (unsigned)peer->port);
    else
        snprintf(text, PEER_TEXT, "[%.*s]:%u", PEER_TEXT - 10, host, (unsigned)peer->port);
}
