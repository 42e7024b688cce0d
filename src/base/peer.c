#include "crossgate/base/peer.h"

#include <arpa/inet.h>
#include <stdio.h>

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
