/* The address of the other side, small enough to keep per connection. */
#ifndef CROSSGATE_BASE_PEER_H
#define CROSSGATE_BASE_PEER_H

#include <stddef.h>
#include <stdint.h>

enum peer_family { PEER_UNIX, PEER_IPV4, PEER_IPV6 };

struct peer {
    enum peer_family family;
    uint16_t port;  /* host order; 0 for unix */
    uint8_t ip[16]; /* network order; the first 4 bytes for IPv4 */
};

enum { PEER_TEXT = 64 };

/* An IPv4 address that comes as an IPv6 one (RFC 4291 section 2.5.5.2) becomes what it is: all that compare addresses, here and
 * behind us, know it in one form only. */
void peer_unmap(struct peer *peer);

/* "192.0.2.1", "2001:db8::1" or "unix", zero-terminated: the form of X-Forwarded-For. */
void peer_print_host(const struct peer *peer, char text[PEER_TEXT]);

/* "192.0.2.1:443", "[2001:db8::1]:443" or "unix". */
void peer_print(const struct peer *peer, char text[PEER_TEXT]);

#endif
