/* Listening sockets. Which address a Crossbar endpoint means:
 *
 *   interface      version  listens on
 *   absent or ""   4        all IPv4 addresses
 *   absent or ""   6        all IPv6 addresses, and only these
 *   "::"           4        all addresses of both kinds: what Crossbar's users write to have TLS on IPv6
 *   "::"           6        all IPv6 addresses, and only these
 *   a literal      any      that address
 *   a name         4 or 6   the name's first address of that version
 *
 * Version 6 is IPv6 only, so that transports of both versions can have the same port; where one socket serves both, the
 * configuration says so with "::" under version 4. */
#include "tune.h"

#include "crossgate/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct address {
    struct sockaddr_storage socket;
    socklen_t size;
    bool ipv6_only;
};

static const char *interface_of(const struct net_listen *where)
{
    return where->interface ? where->interface : "";
}

void net_listen_print(const struct net_listen *where, char *text, size_t size)
{
    if (where->kind == NET_UNIX) {
        snprintf(text, size, "unix:%s", where->path);
        return;
    }
    const char *interface = interface_of(where);
    if (!*interface)
        interface = where->version == 6 ? "::" : "0.0.0.0";
    bool bare = !strchr(interface, ':');
    char range[8] = "";
    if (where->port_last > where->port)
        snprintf(range, sizeof range, "-%u", (unsigned)where->port_last);
    snprintf(text, size, "%s%s%s:%u%s", bare ? "" : "[", interface, bare ? "" : "]", (unsigned)where->port, range);
}

/* ---- TCP */

static bool resolve(const struct net_listen *where, struct address *address, struct error *error)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    const char *name = *interface_of(where) ? where->interface : NULL;
    hints.ai_family = name ? AF_UNSPEC : where->version == 6 ? AF_INET6 : AF_INET;
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(name, "0", &hints, &found);
    if (failed == EAI_NONAME) {
        hints.ai_flags &= ~AI_NUMERICHOST;
        hints.ai_family = where->version == 6 ? AF_INET6 : AF_INET;
        failed = getaddrinfo(name, "0", &hints, &found);
    }
    if (failed) {
        error_set(error, ERROR_INPUT, "interface \"%s\" has no IPv%u address: %s", interface_of(where), where->version,
                  failed == EAI_SYSTEM ? strerror(errno) : gai_strerror(failed));
        return false;
    }
    *address = (struct address){.size = found->ai_addrlen, .ipv6_only = where->version == 6};
    memcpy(&address->socket, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

static void set_port(struct address *address, uint16_t port)
{
    if (address->socket.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&address->socket)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&address->socket)->sin_port = htons(port);
}

static void close_keeping_errno(int descriptor)
{
    int number = errno;
    close(descriptor);
    errno = number;
}

/* A bound socket; -1 with errno. SO_REUSEADDR: connections of an earlier run that linger are no obstacle. */
static int bind_tcp(const struct address *address, bool share)
{
    const int on = 1, ipv6_only = address->ipv6_only;
    bool ipv6 = address->socket.ss_family == AF_INET6;
    int descriptor = socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (!share || setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
        (!ipv6 || setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &ipv6_only, sizeof ipv6_only) == 0) &&
        bind(descriptor, (const struct sockaddr *)&address->socket, address->size) == 0)
        return descriptor;
    close_keeping_errno(descriptor);
    return -1;
}

/* Any program of the same user that sets SO_REUSEPORT, too, would silently get a part of the connections. A socket without it
 * can be bound only where nobody listens. */
static bool is_free(const struct address *address)
{
    int probe = bind_tcp(address, false);
    if (probe < 0)
        return false;
    close(probe);
    return true;
}

uint16_t net_listen_port(int socket)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    struct peer self;
    getsockname(socket, (struct sockaddr *)&address, &size);
    peer_from_socket(&self, (struct sockaddr *)&address);
    return self.port;
}

void net_listen_adjust(const struct net_listen *where, int socket)
{
    listen(socket, where->backlog);
    /* Accepted connections inherit all of it. */
    net_tune(socket);
    if (where->kind == NET_TCP)
        setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &where->user_timeout, sizeof where->user_timeout);
}

static void close_all(int *sockets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close_keeping_errno(sockets[i]);
}

/* All sockets on the address's port, or false with errno. */
static bool open_tcp_port(const struct net_listen *where, const struct address *address, int *sockets, size_t count)
{
    if (!where->shared && !is_free(address))
        return false;
    for (size_t i = 0; i < count; i++) {
        sockets[i] = bind_tcp(address, true);
        if (sockets[i] < 0 || listen(sockets[i], where->backlog) < 0) {
            close_all(sockets, sockets[i] < 0 ? i : i + 1);
            return false;
        }
        net_listen_adjust(where, sockets[i]);
    }
    return true;
}

/* Says why from errno, with what to do about it. */
static void explain_tcp(const struct net_listen *where, struct error *error)
{
    char text[128];
    net_listen_print(where, text, sizeof text);
    unsigned port = where->port;
    if (errno == EADDRINUSE && where->port_last > where->port)
        error_set(error, ERROR_SYSTEM, "all ports of %s are already in use; `ss -ltnp` shows by which programs", text);
    else if (errno == EADDRINUSE)
        error_set(error, ERROR_SYSTEM, "%s is already in use by another program; `ss -ltnp 'sport = :%u'` shows which",
                  text, port);
    else if (errno == EACCES || errno == EPERM)
        error_set(error, ERROR_SYSTEM,
                  "%s: not allowed. Ports below 1024 need root, or AmbientCapabilities=CAP_NET_BIND_SERVICE in the "
                  "systemd unit, or `setcap cap_net_bind_service=+ep` on the program",
                  text);
    else if (errno == EADDRNOTAVAIL)
        error_set(error, ERROR_SYSTEM, "%s: this machine has no such address; `ip address` lists those it has", text);
    else if (errno == EAFNOSUPPORT)
        error_set(error, ERROR_SYSTEM, "%s: this machine has no IPv%u", text, where->version);
    else
        error_set_errno(error, "cannot listen on %s", text);
}

static bool open_tcp(const struct net_listen *where, int *sockets, size_t count, struct error *error)
{
    struct address address;
    if (!resolve(where, &address, error))
        return false;
    for (unsigned port = where->port; port <= where->port_last; port++) {
        set_port(&address, (uint16_t)port);
        if (open_tcp_port(where, &address, sockets, count))
            return true;
        if (errno != EADDRINUSE)
            break;
    }
    explain_tcp(where, error);
    return false;
}

static int try_tcp(const struct net_listen *where, struct error *error)
{
    struct address address;
    if (!resolve(where, &address, error))
        return EINVAL;
    int number = 0;
    for (unsigned port = where->port; port <= where->port_last; port++) {
        set_port(&address, (uint16_t)port);
        int bound = bind_tcp(&address, where->shared);
        number = errno;
        if (bound >= 0) {
            close(bound);
            return 0;
        }
        if (number != EADDRINUSE)
            break;
    }
    errno = number;
    explain_tcp(where, error);
    return number;
}

/* ---- Unix */

static bool unix_address(const char *path, struct address *address, struct error *error)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&address->socket;
    *address = (struct address){.size = sizeof *un};
    un->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof un->sun_path) {
        error_set(error, ERROR_INPUT, "unix:%s: the path is longer than the %zu bytes that sockets can have", path,
                  sizeof un->sun_path - 1);
        return false;
    }
    memcpy(un->sun_path, path, strlen(path) + 1);
    return true;
}

/* Whether nobody answers at the socket: left behind by a program that was killed. Everything but a refusal means that there
 * is somebody, if only with a full queue or one whom we may not call. */
static bool is_deserted(const struct address *address)
{
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return false;
    bool refused =
        connect(descriptor, (const struct sockaddr *)&address->socket, address->size) < 0 && errno == ECONNREFUSED;
    close(descriptor);
    return refused;
}

/* What is at the path: 0, or errno with *error. *deserted: a socket that has to be removed. */
static int judge_path(const struct net_listen *where, const struct address *address, bool *deserted,
                      struct error *error)
{
    struct stat facts;
    *deserted = false;
    if (lstat(where->path, &facts) < 0) {
        int number = errno;
        if (number == ENOENT) /* a missing directory is told by bind */
            return 0;
        error_set_errno(error, "cannot listen on unix:%s", where->path);
        return number;
    }
    if (!S_ISSOCK(facts.st_mode)) {
        error_set(error, ERROR_INPUT, "unix:%s exists and is no socket, so it is not removed; name another path",
                  where->path);
        return EINVAL;
    }
    *deserted = is_deserted(address);
    if (*deserted)
        return 0;
    error_set(error, ERROR_SYSTEM, "unix:%s is already in use by another program; `ss -lxp` shows which", where->path);
    return EADDRINUSE;
}

static bool clear_path(const struct net_listen *where, const struct address *address, struct error *error)
{
    bool deserted;
    if (judge_path(where, address, &deserted, error) != 0)
        return false;
    if (!deserted || unlink(where->path) == 0)
        return true;
    error_set_errno(error, "cannot replace the deserted socket unix:%s", where->path);
    return false;
}

/* A name can be made, and one be removed, in a directory that we may write to. */
static int try_unix(const struct net_listen *where, struct error *error)
{
    struct address address;
    bool deserted;
    if (!unix_address(where->path, &address, error))
        return EINVAL;
    int number = judge_path(where, &address, &deserted, error);
    if (number != 0)
        return number;
    size_t length = (size_t)(strrchr(where->path, '/') - where->path);
    char directory[sizeof((struct sockaddr_un *)0)->sun_path];
    snprintf(directory, sizeof directory, "%.*s", length > 0 ? (int)length : 1, where->path);
    if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0)
        return 0;
    number = errno;
    error_set_errno(error, "nothing can be made in the directory %s", directory);
    return number;
}

/* The socket's own mode and an empty umask become the mode of the path, which so is right from its first moment. */
static bool bind_unix(int descriptor, const struct address *address)
{
    mode_t mask = umask(0);
    bool bound = fchmod(descriptor, 0666) == 0 &&
                 bind(descriptor, (const struct sockaddr *)&address->socket, address->size) == 0;
    umask(mask);
    return bound;
}

static bool open_unix(const struct net_listen *where, int *sockets, size_t count, struct error *error)
{
    struct address address;
    if (!unix_address(where->path, &address, error) || !clear_path(where, &address, error))
        return false;
    size_t open = 0;
    bool bound = false;
    sockets[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (sockets[0] < 0)
        goto fail;
    open = 1;
    bound = bind_unix(sockets[0], &address);
    if (!bound || listen(sockets[0], where->backlog) < 0)
        goto fail;
    for (; open < count; open++) {
        sockets[open] = fcntl(sockets[0], F_DUPFD_CLOEXEC, 0);
        if (sockets[open] < 0)
            goto fail;
    }
    return true;
fail:
    error_set_errno(error, "cannot listen on unix:%s", where->path);
    close_all(sockets, open);
    if (bound)
        unlink(where->path);
    return false;
}

bool net_listen_open(const struct net_listen *where, int *sockets, size_t count, struct error *error)
{
    return where->kind == NET_UNIX ? open_unix(where, sockets, count, error) : open_tcp(where, sockets, count, error);
}

int net_listen_try(const struct net_listen *where, struct error *error)
{
    return where->kind == NET_UNIX ? try_unix(where, error) : try_tcp(where, error);
}
