#include "proxy_protocol.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

/* Section 2.2. */
static const uint8_t signature[12] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};

enum { LINE_BYTES_MAX = 107 }; /* section 2.1, with CRLF */
enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };
enum { FAMILY_INET = 1, FAMILY_INET6 = 2 };
enum { STREAM = 1 };
enum { INET_BYTES = 12, INET6_BYTES = 36 };
enum { TLV_ALPN = 0x01, TLV_AUTHORITY = 0x02, TLV_SSL = 0x20 };
enum { TLV_SSL_VERSION = 0x21, TLV_SSL_COMMON_NAME = 0x22, TLV_SSL_CIPHER = 0x23 };
enum { CLIENT_SSL = 0x01, CLIENT_CERTIFICATE = 0x02 };
enum { TLV_BYTES_MAX = 256 };

/* All that is ever printed fits. */
static_assert(PROXY_HEAD_BYTES + INET6_BYTES + 3 + 5 + 5 * (3 + TLV_BYTES_MAX) <= NET_PROXY_HEADER_MAX, "room");

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
        peer_unmap(peer);
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
    if (word.len == 0 || word.len >= sizeof text || memchr(word.at, '\0', word.len))
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
    peer_unmap(peer);
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

/* ---- for a backend */

struct header {
    uint8_t *at;
    size_t length;
};

static void put(struct header *header, struct span bytes)
{
    assert(bytes.len <= NET_PROXY_HEADER_MAX - header->length);
    memcpy(header->at + header->length, bytes.at, bytes.len);
    header->length += bytes.len;
}

static void put8(struct header *header, uint8_t value)
{
    put(header, span_of(&value, 1));
}

static void put16(struct header *header, uint16_t value)
{
    const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    put(header, span_of(bytes, sizeof bytes));
}

/* Leaves room for a length that is known later. */
static size_t reserve16(struct header *header)
{
    put16(header, 0);
    return header->length;
}

static void fill16(struct header *header, size_t behind)
{
    size_t length = header->length - behind;
    header->at[behind - 2] = (uint8_t)(length >> 8);
    header->at[behind - 1] = (uint8_t)length;
}

/* RFC 4291 section 2.5.5.2: for a visitor and an address of ours that are not of one family. */
static struct peer as_ipv6(const struct peer *peer)
{
    struct peer mapped = {.family = PEER_IPV6, .port = peer->port, .ip = {[10] = 0xFF, [11] = 0xFF}};
    if (peer->family != PEER_IPV4)
        return *peer;
    memcpy(mapped.ip + 12, peer->ip, 4);
    return mapped;
}

static void put_addresses(struct header *header, const struct peer *from, const struct peer *to)
{
    size_t bytes = from->family == PEER_IPV4 ? 4 : 16;
    put8(header, from->family == PEER_IPV4 ? FAMILY_INET << 4 | STREAM : FAMILY_INET6 << 4 | STREAM);
    reserve16(header);
    put(header, span_of(from->ip, bytes));
    put(header, span_of(to->ip, bytes));
    put16(header, from->port);
    put16(header, to->port);
}

/* Section 2.2.6; what is too long for its purpose is left out. */
static void put_tlv(struct header *header, uint8_t type, struct span value)
{
    if (value.len == 0 || value.len > TLV_BYTES_MAX)
        return;
    put8(header, type);
    put16(header, (uint16_t)value.len);
    put(header, value);
}

static void put_tls(struct header *header, const struct tls_facts *tls)
{
    put_tlv(header, TLV_ALPN, tls->protocol);
    put_tlv(header, TLV_AUTHORITY, tls->server_name);
    put8(header, TLV_SSL);
    size_t length = reserve16(header);
    put8(header, tls->has_certificate ? CLIENT_SSL | CLIENT_CERTIFICATE : CLIENT_SSL);
    put16(header, 0); /* verify: a number that is zero if a certificate was presented and verified */
    put16(header, tls->has_certificate ? 0 : 1);
    put_tlv(header, TLV_SSL_VERSION, tls->version);
    put_tlv(header, TLV_SSL_COMMON_NAME, tls->common_name);
    put_tlv(header, TLV_SSL_CIPHER, tls->cipher);
    fill16(header, length);
}

size_t net_proxy_header_print(const struct peer *visitor, const struct connection_facts *facts,
                              uint8_t at[NET_PROXY_HEADER_MAX])
{
    struct header header = {.at = at};
    struct peer from = *visitor, to = facts ? facts->local : (struct peer){.family = PEER_UNIX};
    if (to.family == PEER_UNIX)
        to = (struct peer){.family = from.family};
    if (from.family != to.family) {
        from = as_ipv6(&from);
        to = as_ipv6(&to);
    }
    put(&header, span_of(signature, sizeof signature));
    put8(&header, visitor->family == PEER_UNIX ? COMMAND_LOCAL : COMMAND_PROXY);
    if (visitor->family == PEER_UNIX) {
        put8(&header, 0);
        reserve16(&header);
    } else {
        put_addresses(&header, &from, &to);
    }
    if (facts && facts->tls.used)
        put_tls(&header, &facts->tls);
    fill16(&header, PROXY_HEAD_BYTES);
    return header.length;
}
