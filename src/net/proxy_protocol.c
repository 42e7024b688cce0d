#include "proxy_protocol.h"

#include <arpa/inet.h>
#include <string.h>

/* Section 2.2. */
static const uint8_t signature[12] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};

enum { LINE_BYTES_MAX = 107 }; /* section 2.1, with CRLF */
enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };
enum { FAMILY_INET = 1, FAMILY_INET6 = 2 };
enum { INET_BYTES = 12, INET6_BYTES = 36 };

static uint16_t read16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* ---- version 2 */

static enum proxy_verdict read_addresses(uint8_t family, struct span addresses, struct peer *peer)
{
    switch (family >> 4) {
    case FAMILY_INET:
        if (addresses.len < INET_BYTES)
            return PROXY_BROKEN;
        *peer = (struct peer){.family = PEER_IPV4, .port = read16(addresses.at + 8)};
        memcpy(peer->ip, addresses.at, 4);
        return PROXY_KNOWN;
    case FAMILY_INET6:
        if (addresses.len < INET6_BYTES)
            return PROXY_BROKEN;
        *peer = (struct peer){.family = PEER_IPV6, .port = read16(addresses.at + 32)};
        memcpy(peer->ip, addresses.at, 16);
        return PROXY_KNOWN;
    default:
        return PROXY_LOCAL;
    }
}

static enum proxy_verdict read_binary(struct span bytes, size_t *length, struct peer *peer)
{
    if (bytes.len < PROXY_HEAD_BYTES)
        return PROXY_MORE;
    uint8_t command = bytes.at[12];
    *length = PROXY_HEAD_BYTES + read16(bytes.at + 14);
    if ((command != COMMAND_LOCAL && command != COMMAND_PROXY) || *length > PROXY_HEADER_MAX)
        return PROXY_BROKEN;
    if (bytes.len < *length)
        return PROXY_MORE;
    if (command == COMMAND_LOCAL)
        return PROXY_LOCAL;
    return read_addresses(bytes.at[13], span_tail(span_head(bytes, *length), PROXY_HEAD_BYTES), peer);
}

/* ---- version 1 */

/* Cuts the next word, which ends at a space or at the end. */
static struct span next_word(struct span *rest)
{
    const uint8_t *space = rest->len > 0 ? memchr(rest->at, ' ', rest->len) : NULL;
    struct span word = space ? span_head(*rest, (size_t)(space - rest->at)) : *rest;
    *rest = span_tail(*rest, word.len + (space != NULL));
    return word;
}

static bool read_address(struct span word, enum peer_family family, uint8_t ip[16])
{
    char text[INET6_ADDRSTRLEN];
    if (word.len == 0 || word.len >= sizeof text)
        return false;
    memcpy(text, word.at, word.len);
    text[word.len] = '\0';
    return inet_pton(family == PEER_IPV4 ? AF_INET : AF_INET6, text, ip) == 1;
}

static enum proxy_verdict read_line(struct span line, struct peer *peer)
{
    uint8_t destination[16];
    uint64_t port, destination_port;
    next_word(&line); /* PROXY */
    struct span family = next_word(&line);
    if (span_equal(family, SPAN("UNKNOWN")))
        return PROXY_LOCAL;
    *peer = (struct peer){.family = span_equal(family, SPAN("TCP4")) ? PEER_IPV4 : PEER_IPV6};
    if (peer->family == PEER_IPV6 && !span_equal(family, SPAN("TCP6")))
        return PROXY_BROKEN;
    bool addresses = read_address(next_word(&line), peer->family, peer->ip) &&
                     read_address(next_word(&line), peer->family, destination);
    bool ports = addresses && span_to_uint(next_word(&line), UINT16_MAX, &port) &&
                 span_to_uint(line, UINT16_MAX, &destination_port);
    if (!ports)
        return PROXY_BROKEN;
    peer->port = (uint16_t)port;
    return PROXY_KNOWN;
}

static enum proxy_verdict read_text(struct span bytes, size_t *length, struct peer *peer)
{
    const uint8_t *end = memchr(bytes.at, '\n', bytes.len);
    if (!end)
        return bytes.len < LINE_BYTES_MAX ? PROXY_MORE : PROXY_BROKEN;
    *length = (size_t)(end - bytes.at) + 1;
    if (*length > LINE_BYTES_MAX || end[-1] != '\r')
        return PROXY_BROKEN;
    return read_line(span_head(bytes, *length - 2), peer);
}

enum proxy_verdict proxy_header_read(struct span bytes, size_t *length, struct peer *peer)
{
    const struct span binary = span_of(signature, sizeof signature), text = SPAN("PROXY ");
    if (span_starts(bytes, binary))
        return read_binary(bytes, length, peer);
    if (span_starts(bytes, text))
        return read_text(bytes, length, peer);
    bool begins = span_starts(binary, bytes) || span_starts(text, bytes);
    return begins ? PROXY_MORE : PROXY_BROKEN;
}
