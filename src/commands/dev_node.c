#include "dev_node.h"
#include "output.h"

#include "crossgate/config.h"
#include "crossgate/plan.h"

#include <errno.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT_FIRST = 8443, PORT_TRIES = 20, CERTAINLY = 80 };

/* ---- the directory */

bool dev_node_make(struct dev_node *node, struct error *error)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    *node = (struct dev_node){0};
    snprintf(node->directory, sizeof node->directory, "%s/crossgate-dev-XXXXXX",
             runtime && runtime[0] == '/' && strlen(runtime) < CERTAINLY ? runtime : P_tmpdir);
    if (!mkdtemp(node->directory)) {
        error_set_errno(error, "%s cannot be made", node->directory);
        node->directory[0] = '\0';
        return false;
    }
    return true;
}

void dev_node_remove(const struct dev_node *node)
{
    static const char *const names[] = {"leaf.key", "leaf.pem", "config.json", PROCESS_CONTROL};
    char path[PATH_MAX + 32];
    if (!node->directory[0])
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", node->directory, names[i]);
        unlink(path);
    }
    rmdir(node->directory);
}

/* ---- the port */

static bool has_ipv6(void)
{
    int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has = probe >= 0 && bind(probe, (const struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (probe >= 0)
        close(probe);
    return has;
}

static bool can_bind(const struct sockaddr *address, socklen_t length)
{
    const int on = 1;
    int probe = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return false;
    setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* as the front door does */
    bool can = bind(probe, address, length) == 0;
    close(probe);
    return can;
}

static bool is_free(uint16_t port, bool ipv6)
{
    struct sockaddr_in four = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    return can_bind((const struct sockaddr *)&four, sizeof four) &&
           (!ipv6 || can_bind((const struct sockaddr *)&six, sizeof six));
}

static bool find_port(struct dev_node *node, uint16_t wanted, bool ipv6, struct error *error)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        node->port = wanted ? wanted : (uint16_t)(PORT_FIRST + i);
        if (wanted || is_free(node->port, ipv6))
            return true;
    }
    error_set(error, ERROR_SYSTEM, "the ports from %d to %d are all in use: choose another one by --port", PORT_FIRST,
              PORT_FIRST + PORT_TRIES - 1);
    return false;
}

/* ---- the application behind */

struct target {
    bool tls;
    char host[256];
    uint64_t port;
    const char *path; /* "" or "/…" */
};

/* "[::1]:3000/base" behind the scheme. */
static bool read_authority(const char *text, struct target *target)
{
    size_t length = *text == '[' ? strcspn(++text, "]") : strcspn(text, ":/");
    if (length == 0 || length >= sizeof target->host)
        return false;
    memcpy(target->host, text, length);
    target->host[length] = '\0';
    text += length;
    text += *text == ']';
    if (*text == ':') {
        size_t digits = strcspn(++text, "/");
        if (!span_to_uint(span_of(text, digits), 65535, &target->port) || target->port == 0)
            return false;
        text += digits;
    }
    target->path = strcmp(text, "/") == 0 ? "" : text;
    return *text == '\0' || *text == '/';
}

/* A port is of this machine, by the name that servers for development listen on. */
static bool read_target(const char *text, struct target *target, struct error *error)
{
    *target = (struct target){.host = "localhost", .path = ""};
    if (span_to_uint(span_string(text), 65535, &target->port) && target->port > 0)
        return true;
    struct span url = span_string(text), plain = SPAN("http://"), tls = SPAN("https://");
    target->tls = span_starts(url, tls);
    target->port = target->tls ? 443 : 80;
    bool has_scheme = target->tls || span_starts(url, plain);
    bool is_host_and_port = !strstr(text, "://") && strchr(text, ':');
    const char *authority = text + (target->tls ? tls.len : has_scheme ? plain.len : 0);
    if ((has_scheme || is_host_and_port) && read_authority(authority, target))
        return true;
    error_set(error, ERROR_INPUT, "--proxy %.100s: write a port, or a URL like http://localhost:3000", text);
    return false;
}

/* ---- the configuration */

static void print_string(const char *key, const char *value, FILE *out)
{
    fprintf(out, "\"%s\": ", key);
    config_print_string(value, out);
}

static void print_proxy(const struct target *target, FILE *out)
{
    fputs("{\"type\": \"reverseproxy\", \"websocket\": true, ", out);
    if (target->tls)
        fputs("\"endpoint\": {\"type\": \"tcp\", ", out);
    print_string("host", target->host, out);
    fprintf(out, ", \"port\": %llu", (unsigned long long)target->port);
    if (target->tls) {
        fputs(", \"tls\": {", out);
        print_string("hostname", target->host, out);
        fputs("}}", out);
    }
    if (*target->path) {
        fputs(", ", out);
        print_string("path", target->path, out);
    }
    fputs("}", out);
}

/* A file that was changed is seen at once. */
static void print_service(const struct dev_site *site, const struct target *target, FILE *out)
{
    if (!site->directory) {
        print_proxy(target, out);
        return;
    }
    fputs("{\"type\": \"static\", ", out);
    print_string("directory", site->directory, out);
    fputs(", \"options\": {\"cache_timeout\": 0, \"precompressed\": false", out);
    fputs(site->proxy ? "}, \"fallback\": " : ", \"enable_directory_listing\": true}", out);
    if (site->proxy)
        print_proxy(target, out);
    fputs("}", out);
}

static void print_transport(const char *address, uint16_t port, const struct dev_site *site,
                            const struct target *target, FILE *out)
{
    fputs("{\"type\": \"web\", \"endpoint\": {\"type\": \"tcp\", ", out);
    print_string("interface", address, out);
    fprintf(out,
            ", \"port\": %u, \"tls\": {\"key\": \"leaf.key\", \"certificate\": \"leaf.pem\"}}, \"paths\": {\"/\": ",
            (unsigned)port);
    print_service(site, target, out);
    fputs("}}", out);
}

/* One worker is enough for one person, and it reads what he may read. */
static void print_configuration(const struct dev_node *node, const struct dev_site *site, const struct target *target,
                                bool ipv6, FILE *out)
{
    const struct passwd *user = getpwuid(geteuid());
    fputs("{\"version\": 2, \"crossgate\": {\"workers\": 1, \"drain_timeout\": 500", out);
    if (geteuid() == 0 && user) {
        fputs(", ", out);
        print_string("user", user->pw_name, out);
    }
    fputs("}, \"workers\": [{\"type\": \"router\", \"transports\": [", out);
    print_transport(site->everywhere ? "0.0.0.0" : "127.0.0.1", node->port, site, target, out);
    if (ipv6) {
        fputs(", ", out);
        print_transport(site->everywhere ? "::" : "::1", node->port, site, target, out);
    }
    fputs("]}]}\n", out);
}

bool dev_node_configure(struct dev_node *node, const struct dev_site *site, struct error *error)
{
    struct target target;
    bool ipv6 = has_ipv6();
    char *text = NULL;
    size_t length = 0;
    if ((site->proxy && !read_target(site->proxy, &target, error)) || !find_port(node, site->port, ipv6, error))
        return false;
    FILE *out = open_memstream(&text, &length);
    if (out)
        print_configuration(node, site, &target, ipv6, out);
    bool whole = out && !ferror(out);
    if (!out || fclose(out) != 0 || !whole) {
        free(text);
        error_set(error, ERROR_MEMORY, "out of memory");
        return false;
    }
    snprintf(node->config, sizeof node->config, "%.*s/config.json", PATH_MAX - CERTAINLY, node->directory);
    struct output file = {.path = node->config, .bytes = span_of(text, length), .mode = OUTPUT_PRIVATE};
    bool worked = outputs_write(&file, 1, false, error);
    free(text);
    return worked;
}
