#include "crossgate/base/peer.h"

#include "crossgate/base/span.h"

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

static void print_ipv4(const uint8_t ip[4], char text[PEER_TEXT])
{
    size_t length = 0;
    for (int i = 0; i < 4; i++) {
        char digits[SPAN_DIGITS];
        struct span number = span_print_uint(ip[i], digits);
        memcpy(text + length, number.at, number.len);
        length += number.len;
        text[length++] = i < 3 ? '.' : '\0';
    }
}

void peer_print_host(const struct peer *peer, char text[PEER_TEXT])
{
    if (peer->family == PEER_UNIX)
        snprintf(text, PEER_TEXT, "unix");
    else if (peer->family == PEER_IPV4)
        print_ipv4(peer->ip, text);
    else
        inet_ntop(AF_INET6, peer->ip, text, PEER_TEXT);
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
