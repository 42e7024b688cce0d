#include "settings.h"

#include "crossgate/limits.h"

#include <arpa/inet.h>
#include <sys/un.h>

struct connect_tcp {
    struct connecting connecting; /* made by finish */
    int64_t version;
    const char *host;
    int64_t port;
    int64_t timeout;
    struct client_tls *tls;
};

struct connect_unix {
    struct connecting connecting; /* made by finish */
    const char *path;
    int64_t timeout;
};

#define ROW_PROXY_PROTOCOL(T)                                                                                          \
    {                                                                                                                  \
        .key = "proxy_protocol", .kind = CONFIG_BOOL, .status = CONFIG_EXTENSION,                                      \
        .at = CONFIG_AT(T, connecting.proxy_protocol, bool),                                                           \
        .doc =                                                                                                         \
            "Begin each connection with a header of the PROXY protocol, version 2: who the visitor is, and what his "  \
            "TLS was."                                                                                                 \
    }

#define DOC_TIMEOUT "Time to connect in; 0: the default."

static const struct config_row tcp_rows[] = {
    {.key = "version",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct connect_tcp, version, int64_t),
     .min = 4,
     .max = 6,
     .standard = 4,
     .allowed = "4 or 6",
     .doc = "IP version, 4 or 6; an address as `host` wins."},
    {.key = "host",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct connect_tcp, host, const char *),
     .required = true,
     .fits = fits_host,
     .allowed = "an address or a host name, without brackets",
     .doc = "Where to connect to."},
    {.key = "port",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct connect_tcp, port, int64_t),
     .required = true,
     .min = 1,
     .max = 65535,
     .remedy = "write the number; variables are expanded on listening endpoints only",
     .doc = "Port to connect to."},
    {.key = "timeout",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct connect_tcp, timeout, int64_t),
     .max = 600,
     .standard = 10,
     .unit = "s",
     .doc = DOC_TIMEOUT},
    ROW_PROXY_PROTOCOL(struct connect_tcp),
    {.key = "tls",
     .kind = CONFIG_OBJECT,
     .at = CONFIG_AT(struct connect_tcp, tls, struct client_tls *),
     .object = &client_tls_object,
     .remedy = "write an object with `hostname`, or leave tls out",
     .doc = "Makes it WSS."},
    {.key = "interface",
     .status = CONFIG_WRONG,
     .why = "it belongs to a listening endpoint",
     .remedy = "where to connect to is named `host`"},
    {.key = "user_timeout", .status = CONFIG_WRONG, .why = "it belongs to a listening endpoint"},
};

static const struct config_row unix_rows[] = {
    {.key = "path",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct connect_unix, path, const char *),
     .required = true,
     .fits = fits_path,
     .allowed = ALLOWED_PATH,
     .doc = "Path of the socket, relative to the node directory; variables are not expanded."},
    {.key = "timeout",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct connect_unix, timeout, int64_t),
     .max = 600,
     .standard = 10,
     .unit = "s",
     .doc = DOC_TIMEOUT},
    ROW_PROXY_PROTOCOL(struct connect_unix),
    {.key = "tls",
     .status = CONFIG_WRONG,
     .why = "TLS is spoken on endpoints of type tcp only",
     .remedy = "leave tls out: nobody listens on a Unix socket of this machine"},
};

/* No connection is tried without a limit. */
static uint32_t milliseconds(int64_t seconds)
{
    return seconds > 0 ? (uint32_t)seconds * 1000 : LIMIT_CONNECT;
}

static void finish_tcp(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct connect_tcp *tcp = settings;
    struct net_target *target = &tcp->connecting.target;
    struct in6_addr six;

    if (tcp->version == 5) {
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "version"), NULL,
                      "version must be 4 or 6, found 5");
        return;
    }
    target->kind = NET_TCP;
    target->host = tcp->host;
    target->port = (uint16_t)tcp->port;
    target->version = inet_pton(AF_INET6, tcp->host, &six) == 1 ? 6 : (unsigned)tcp->version;
    target->timeout = milliseconds(tcp->timeout);
    tcp->connecting.tls = tcp->tls ? tcp->tls->context : NULL;
}

static void finish_unix(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct connect_unix *local = settings;
    struct net_target *target = &local->connecting.target;
    const char *path = builder_path(builder_of(reader), local->path);
    const size_t longest = sizeof((struct sockaddr_un *)0)->sun_path - 1;

    if (strlen(path) > longest) {
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "path"),
                      "name a shorter path, for example below /run",
                      "the path of a Unix socket has at most %zu bytes, %s has %zu", longest, path, strlen(path));
        return;
    }
    target->kind = NET_UNIX;
    target->path = path;
    target->timeout = milliseconds(local->timeout);
}

static const struct config_object tcp_object = {
    .name = "connecting endpoint of type tcp",
    CONFIG_ROWS(tcp_rows),
    .size = sizeof(struct connect_tcp),
    .finish = finish_tcp,
    .doc = "A TCP port of the node, with TLS or without.",
};

static const struct config_object unix_object = {
    .name = "connecting endpoint of type unix",
    CONFIG_ROWS(unix_rows),
    .size = sizeof(struct connect_unix),
    .finish = finish_unix,
    .doc = "A Unix domain socket of the node.",
};

/* Not served. */

static const struct config_row twisted_rows[] = {
    {.key = "client_string",
     .kind = CONFIG_STRING,
     .status = CONFIG_REFUSED,
     .required = true,
     .doc = "Where to connect to, as a string for Twisted."},
    {.key = "timeout", .kind = CONFIG_INTEGER, .status = CONFIG_REFUSED, .max = 600, .unit = "s", .doc = DOC_TIMEOUT},
};

static const struct config_object twisted_object = {.name = "connecting endpoint of type twisted",
                                                    CONFIG_ROWS(twisted_rows)};

static const struct config_row tor_rows[] = {
    {.key = "host",
     .kind = CONFIG_STRING,
     .status = CONFIG_REFUSED,
     .required = true,
     .doc = "Where to connect to; hidden services, too."},
    {.key = "port",
     .kind = CONFIG_INTEGER,
     .status = CONFIG_REFUSED,
     .required = true,
     .min = 1,
     .max = 65535,
     .doc = "Port to connect to."},
    {.key = "tor_socks_port",
     .kind = CONFIG_INTEGER,
     .status = CONFIG_REFUSED,
     .required = true,
     .min = 1,
     .max = 65535,
     .doc = "SOCKS port of Tor on this machine."},
    {.key = "tls", .kind = CONFIG_OBJECT, .status = CONFIG_REFUSED, .doc = "TLS with the host."},
};

static const struct config_object tor_object = {.name = "connecting endpoint of type tor", CONFIG_ROWS(tor_rows)};

static const struct config_variant variants[] = {
    {.type = "tcp", .object = &tcp_object},
    {.type = "unix", .object = &unix_object},
    {.type = "twisted",
     .status = CONFIG_REFUSED,
     .object = &twisted_object,
     .why = "the string is a program for Twisted",
     .remedy = "say the same with an endpoint of type tcp or unix"},
    {.type = "tor",
     .status = CONFIG_REFUSED,
     .object = &tor_object,
     .why = "backends are dialled without SOCKS",
     .remedy = "forward a local port through Tor, for example with socat and SOCKS4A, and name it with type tcp"},
};

const struct config_variants connecting_variants = {.name = "connecting endpoint", CONFIG_VARIANTS(variants)};
