/* Blocks of addresses, as operators write them: RFC 4632 section 3.1, RFC 4291 section 2.3. */
#include "crossgate/net.h"

#include <arpa/inet.h>
#include <string.h>

static bool parse_address(struct span text, struct peer *peer)
{
    char copy[PEER_TEXT];
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    peer->family = memchr(copy, ':', text.len) ? PEER_IPV6 : PEER_IPV4;
    return inet_pton(peer->family == PEER_IPV6 ? AF_INET6 : AF_INET, copy, peer->ip) == 1;
}

static unsigned address_bits(enum peer_family family)
{
    return family == PEER_IPV6 ? 128 : family == PEER_IPV4 ? 32 : 0;
}

/* The first `bits` bits of both are equal. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned bytes = bits / 8, rest = bits % 8;
    if (memcmp(a, b, bytes) != 0)
        return false;
    return rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0;
}

bool net_network_parse(const char *text, struct net_network *network)
{
    struct span address = span_string(text), length;
    const char *slash = strchr(text, '/');
    uint64_t bits;
    *network = (struct net_network){.base.family = PEER_UNIX};
    if (strcmp(text, "unix") == 0)
        return true;
    if (slash)
        address.len = (size_t)(slash - text);
    if (!parse_address(address, &network->base))
        return false;
    bits = address_bits(network->base.family);
    length = slash ? span_string(slash + 1) : (struct span){0};
    if (slash && !span_to_uint(length, bits, &bits))
        return false;
    network->bits = (unsigned)bits;
    return true;
}

bool net_network_holds(const struct net_network *network, const struct peer *peer)
{
    return network->base.family == peer->family && same_prefix(network->base.ip, peer->ip, network->bits);
}

bool net_listen_is_balancer(const struct net_listen *where, const struct peer *peer)
{
    for (size_t i = 0; i < where->balancer_count; i++) {
        if (net_network_holds(&where->balancers[i], peer))
            return true;
    }
    return false;
}
