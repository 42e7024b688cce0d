#include "settings.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/un.h>

struct listen_tcp {
    struct listening listening; /* made by finish */
    int64_t version;
    int64_t port;
    struct config_items portrange;
    const char *interface;
    int64_t backlog;
    bool shared;
    int64_t user_timeout;
    struct config_items proxy_protocol;
    struct server_tls *tls;
};

struct listen_unix {
    struct listening listening; /* made by finish */
    const char *path;
    int64_t backlog;
    struct config_items proxy_protocol;
};

static const struct config_row port_row = {.kind = CONFIG_INTEGER, .min = 1, .max = 65535};

static bool fits_network(const char *text)
{
    struct net_network network;

    return net_network_parse(text, &network);
}

static const struct config_row network_row = {
    .kind = CONFIG_STRING,
    .fits = fits_network,
    .allowed = "a network such as \"192.0.2.0/24\" or \"2001:db8::/32\", an address, or \"unix\""};

#define ROW_PROXY_PROTOCOL(T)                                                                                          \
    {                                                                                                                  \
        .key = "proxy_protocol", .kind = CONFIG_LIST, .status = CONFIG_EXTENSION,                                      \
        .at = CONFIG_AT(T, proxy_protocol, struct config_items), .item = &network_row,                                 \
        .remedy =                                                                                                      \
            "write the addresses of the balancers: [\"192.0.2.10\"]; whoever else sends a header is not believed",     \
        .doc =                                                                                                         \
            "Load balancers before us: connections from these networks, and no others, must begin with a header of "   \
            "the PROXY protocol (version 1 or 2), which says who the visitor is."                                      \
    }

static const struct config_row tcp_rows[] = {
    {.key = "version",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct listen_tcp, version, int64_t),
     .min = 4,
     .max = 6,
     .standard = 4,
     .allowed = "4 or 6",
     .doc = "IP version, 4 or 6; an address as `interface` wins."},
    {.key = "port",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct listen_tcp, port, int64_t),
     .environment = true,
     .min = 1,
     .max = 65535,
     .doc = "Port to listen on; required unless there is a `portrange`."},
    {.key = "portrange",
     .kind = CONFIG_LIST,
     .at = CONFIG_AT(struct listen_tcp, portrange, struct config_items),
     .item = &port_row,
     .min = 2,
     .max = 2,
     .doc = "First and last port: the first of them that is free is taken."},
    {.key = "interface",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct listen_tcp, interface, const char *),
     .fits = fits_interface,
     .allowed = "an address or a host name, without brackets",
     .doc = "Address to bind; all addresses of `version` if absent or empty."},
    {.key = "backlog",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct listen_tcp, backlog, int64_t),
     .min = 1,
     .max = 65535,
     .standard = 50,
     .doc = "Connections that may wait to be accepted."},
    {.key = "shared",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct listen_tcp, shared, bool),
     .doc = "Other programs, or other transports with `shared`, may listen on the port, too (SO_REUSEPORT)."},
    {.key = "user_timeout",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct listen_tcp, user_timeout, int64_t),
     .max = 65535,
     .unit = "ms",
     .doc = "TCP_USER_TIMEOUT of the connections; 0: the system's."},
    ROW_PROXY_PROTOCOL(struct listen_tcp),
    {.key = "tls",
     .kind = CONFIG_OBJECT,
     .at = CONFIG_AT(struct listen_tcp, tls, struct server_tls *),
     .object = &server_tls_object,
     .remedy = "write an object with `key` and `certificate`, or leave tls out",
     .doc = "Makes it HTTPS and WSS."},
    {.key = "host",
     .status = CONFIG_WRONG,
     .why = "it belongs to a connecting endpoint",
     .remedy = "the address to listen on is named `interface`"},
};

static const struct config_row unix_rows[] = {
    {.key = "path",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct listen_unix, path, const char *),
     .required = true,
     .fits = fits_path,
     .allowed = ALLOWED_PATH,
     .doc = "Path of the socket, relative to the node directory; $NAME and ${NAME} are expanded."},
    {.key = "backlog",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct listen_unix, backlog, int64_t),
     .min = 1,
     .max = 65535,
     .standard = 50,
     .doc = "Connections that may wait to be accepted."},
    ROW_PROXY_PROTOCOL(struct listen_unix),
    {.key = "tls",
     .status = CONFIG_WRONG,
     .why = "TLS is served on endpoints of type tcp only",
     .remedy = "leave tls out, or listen on a port"},
};

/* Without the spaces around it, as Crossbar takes it. */
static const char *trimmed(struct config_reader *reader, const char *interface)
{
    struct span text = span_trim(span_string(interface));

    return text.len == 0 ? "" : config_format(reader, "%.*s", SPAN_ARGS(text));
}

/* The version that will be used: that of the literal, if it is one: so does Crossbar. */
static unsigned version_of(const char *interface, int64_t version)
{
    struct in_addr four;
    struct in6_addr six;

    if (inet_pton(AF_INET, interface, &four) == 1)
        return 4;
    return inet_pton(AF_INET6, interface, &six) == 1 ? 6 : (unsigned)version;
}

static bool check_ports(struct config_reader *reader, const struct config_place *place, const struct listen_tcp *tcp)
{
    if (!tcp->portrange.given) {
        if (tcp->port == 0)
            config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "port"), "for HTTPS: \"port\": 443",
                          "port is missing: a listening endpoint wants `port` or `portrange`");
        return tcp->port != 0;
    }
    if (tcp->port != 0)
        config_report(reader, PROBLEM_WARNING, config_place_key(reader, place, "port"), "keep one of them",
                      "port is not used, since there is a portrange");
    if (tcp->portrange.at[1].integer >= tcp->portrange.at[0].integer)
        return true;
    config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "portrange"), "write the smaller port first",
                  "portrange ends before it begins");
    return false;
}

static void set_balancers(struct config_reader *reader, const struct config_items *networks, struct net_listen *where)
{
    struct net_network *at = config_alloc(reader, networks->count * sizeof *at + 1);

    for (size_t i = 0; at && i < networks->count; i++)
        net_network_parse(networks->at[i].string, &at[i]);
    where->balancers = at;
    where->balancer_count = at ? networks->count : 0;
}

/* HAProxy and others take the name of a device; here it would be looked up as that of a host. */
static void check_interface(struct config_reader *reader, const struct config_place *place, const char *interface)
{
    if (*interface && if_nametoindex(interface) > 0)
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "interface"),
                      config_format(reader, "write its address; see them: ip address show %s", interface),
                      "interface must be an address or a host name, and %s is a device", interface);
}

static void finish_tcp(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct listen_tcp *tcp = settings;
    struct net_listen *where = &tcp->listening.where;
    bool range = tcp->portrange.given;

    if (tcp->version == 5) {
        config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "version"), NULL,
                      "version must be 4 or 6, found 5");
        return;
    }
    if (!check_ports(reader, place, tcp))
        return;
    where->kind = NET_TCP;
    where->interface = trimmed(reader, tcp->interface ? tcp->interface : "");
    check_interface(reader, place, where->interface);
    where->version = version_of(where->interface, tcp->version);
    where->port = (uint16_t)(range ? tcp->portrange.at[0].integer : tcp->port);
    where->port_last = (uint16_t)(range ? tcp->portrange.at[1].integer : tcp->port);
    where->shared = tcp->shared;
    where->user_timeout = (uint32_t)tcp->user_timeout;
    where->backlog = (int)tcp->backlog;
    set_balancers(reader, &tcp->proxy_protocol, where);
    tcp->listening.tls = tcp->tls ? tcp->tls->context : NULL;
}

static void finish_unix(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct listen_unix *local = settings;
    struct net_listen *where = &local->listening.where;
    const struct config_place *at = config_place_key(reader, place, "path");
    const char *expanded = builder_expand(builder_of(reader), at, local->path);
    const size_t longest = sizeof((struct sockaddr_un *)0)->sun_path - 1;

    if (!expanded)
        return;
    const char *path = builder_path(builder_of(reader), expanded);
    if (strlen(path) > longest) {
        config_report(reader, PROBLEM_ERROR, at, "name a shorter path, for example below /run",
                      "the path of a Unix socket has at most %zu bytes, %s has %zu", longest, path, strlen(path));
        return;
    }
    where->kind = NET_UNIX;
    where->path = path;
    where->backlog = (int)local->backlog;
    set_balancers(reader, &local->proxy_protocol, where);
}

static const struct config_object tcp_object = {
    .name = "listening endpoint of type tcp",
    CONFIG_ROWS(tcp_rows),
    .size = sizeof(struct listen_tcp),
    .finish = finish_tcp,
    .doc = "A TCP port, with TLS or without. IPv6 works with TLS, too.",
};

static const struct config_object unix_object = {
    .name = "listening endpoint of type unix",
    CONFIG_ROWS(unix_rows),
    .size = sizeof(struct listen_unix),
    .finish = finish_unix,
    .doc = "A Unix domain socket.",
};

/* Not served. */

static const struct config_row twisted_rows[] = {
    {.key = "server_string",
     .kind = CONFIG_STRING,
     .status = CONFIG_REFUSED,
     .required = true,
     .doc = "Where to listen, as a string for Twisted."},
};

static const struct config_object twisted_object = {.name = "listening endpoint of type twisted",
                                                    CONFIG_ROWS(twisted_rows)};

static const struct config_row onion_rows[] = {
    {.key = "port",
     .kind = CONFIG_INTEGER,
     .status = CONFIG_REFUSED,
     .required = true,
     .min = 1,
     .max = 65535,
     .doc = "Port of the hidden service."},
    {.key = "version",
     .kind = CONFIG_INTEGER,
     .status = CONFIG_REFUSED,
     .min = 2,
     .max = 3,
     .doc = "Version of the hidden service; 3 if absent."},
    {.key = "private_key_file",
     .kind = CONFIG_STRING,
     .status = CONFIG_REFUSED,
     .required = true,
     .doc = "Key of the hidden service."},
    {.key = "tor_control_endpoint",
     .kind = CONFIG_OBJECT,
     .status = CONFIG_REFUSED,
     .required = true,
     .doc = "A connecting endpoint, to the control port of Tor."},
};

static const struct config_object onion_object = {.name = "listening endpoint of type onion", CONFIG_ROWS(onion_rows)};

static const struct config_variant variants[] = {
    {.type = "tcp", .object = &tcp_object},
    {.type = "unix", .object = &unix_object},
    {.type = "twisted",
     .status = CONFIG_REFUSED,
     .object = &twisted_object,
     .why = "the string is a program for Twisted",
     .remedy = "say the same with an endpoint of type tcp or unix"},
    {.type = "onion",
     .status = CONFIG_REFUSED,
     .object = &onion_object,
     .why = "hidden services are made by Tor",
     .remedy =
         "listen on an endpoint of type tcp or unix, and lead the hidden service there: HiddenServicePort in torrc"},
};

const struct config_variants listening_variants = {.name = "listening endpoint", CONFIG_VARIANTS(variants)};
