#include "route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

enum { CONNECT_SECONDS = 5, DESCRIPTORS_BESIDE = 64 };

/* ---- where to */

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == IN_LOOPBACKNET);
}

static void set_address(struct route *route, const struct addrinfo *found, uint16_t port)
{
    char host[INET6_ADDRSTRLEN] = "";
    memcpy(&route->to, found->ai_addr, found->ai_addrlen);
    route->length = found->ai_addrlen;
    getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    snprintf(route->text, sizeof route->text, found->ai_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host, port);
}

/* Waits, for a bounded time. */
static bool somebody_listens(const struct addrinfo *address)
{
    struct timeval limit = {.tv_sec = CONNECT_SECONDS};
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
                connect(fd, address->ai_addr, address->ai_addrlen) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

/* The first that answers, of those that may be loaded: others are not even asked. A single one is not either, so that a server sees
 * nothing but the load. */
static const struct addrinfo *choose(const struct addrinfo *found, bool remote)
{
    for (const struct addrinfo *each = found; found->ai_next && each; each = each->ai_next)
        if ((remote || is_loopback(each->ai_addr)) && somebody_listens(each))
            return each;
    return found;
}

static bool resolve(struct route *route, const struct load_settings *settings, struct error *error)
{
    const struct load_target *target = &settings->target;
    char port[8];
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    snprintf(port, sizeof port, "%u", target->port);
    int status = getaddrinfo(target->host, port, &hints, &found);
    if (status != 0) {
        error_set(error, ERROR_SYSTEM, "%s: %s", target->host, gai_strerror(status));
        return false;
    }
    set_address(route, choose(found, settings->remote), target->port);
    freeaddrinfo(found);
    return true;
}

bool route_find(struct route *route, const struct load_settings *settings, struct error *error)
{
    *route = (struct route){.sources = settings->sources};
    if (!resolve(route, settings, error))
        return false;
    bool near = is_loopback((const struct sockaddr *)&route->to);
    if (!near && !settings->remote)
        error_set(error, ERROR_INPUT,
                  "%s is not on this machine: load on it needs the consent of its owner, which --remote confirms",
                  route->text);
    else if (settings->sources > 1 && !(near && route->to.ss_family == AF_INET))
        error_set(error, ERROR_INPUT, "%s is not in 127.0.0.0/8: several source addresses are for such servers only",
                  route->text);
    else
        return true;
    return false;
}

/* ---- the way there */

/* The port is chosen when the whole of both addresses is known, so that each source has all ports for each server. */
static bool bind_source(struct route *route, int fd)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    if (route->sources <= 1)
        return true;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + route->next);
    route->next = (route->next + 1) % route->sources;
    return setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int)) == 0 &&
           bind(fd, (const struct sockaddr *)&from, sizeof from) == 0;
}

static bool set_options(const struct route *route, int fd)
{
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0 &&
           (route->receive_buffer == 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &route->receive_buffer, sizeof route->receive_buffer) == 0);
}

int route_connect(struct route *route)
{
    int fd = socket(route->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (set_options(route, fd) && bind_source(route, fd) &&
        (connect(fd, (const struct sockaddr *)&route->to, route->length) == 0 || errno == EINPROGRESS))
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

bool route_make_room(unsigned connections, struct error *error)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)connections + DESCRIPTORS_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return true;
    struct rlimit wanted = {needed, limit.rlim_max >= needed ? limit.rlim_max : needed};
    if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
        return true;
    error_set(error, ERROR_SYSTEM,
              "%u connections need %llu open files, and the limit is %llu: raise it (\"ulimit -Hn %llu\" as root, "
              "LimitNOFILE= in systemd), or take fewer",
              connections, (unsigned long long)needed, (unsigned long long)limit.rlim_max, (unsigned long long)needed);
    return false;
}
