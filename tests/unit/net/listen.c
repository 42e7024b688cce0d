/* Listening sockets on real addresses of this machine: what is opened, what is refused and how that is said. */
#include "test.h"

#include "crossgate/net.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static int setup(void **state)
{
    char *directory = strdup("/tmp/crossgate-XXXXXX");
    assert_non_null(mkdtemp(directory));
    *state = directory;
    return 0;
}

static int teardown(void **state)
{
    char *directory = *state, path[96];
    snprintf(path, sizeof path, "%s/socket", directory);
    unlink(path);
    assert_int_equal(rmdir(directory), 0);
    free(directory);
    return 0;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A socket that another program might have; port 0 takes a free one. -1 if the port is taken. */
static int others_socket(uint16_t *port, bool listening)
{
    struct sockaddr_in address = loopback(*port);
    socklen_t size = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0) {
        close(descriptor);
        return -1;
    }
    if (listening)
        assert_int_equal(listen(descriptor, 8), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return descriptor;
}

static uint16_t free_port(void)
{
    uint16_t port = 0;
    close(others_socket(&port, false));
    return port;
}

static struct net_listen on_port(uint16_t port)
{
    return (struct net_listen){
        .kind = NET_TCP, .interface = "127.0.0.1", .version = 4, .port = port, .port_last = port, .backlog = 16};
}

static struct net_listen on_path(const char *directory, char path[96])
{
    snprintf(path, 96, "%s/socket", directory);
    return (struct net_listen){.kind = NET_UNIX, .path = path, .backlog = 16};
}

static uint16_t port_of(int descriptor)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static void close_all(const int *sockets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(sockets[i]);
}

static void assert_opens(const struct net_listen *where, int *sockets, size_t count)
{
    struct error error = {0};
    if (!net_listen_open(where, sockets, count, &error))
        fail_msg("%s", error.text);
    assert_int_equal(error.class, ERROR_NONE);
}

/* Refused, with all of these words in the reason, and nothing is left open. */
static void assert_refused(const struct net_listen *where, enum error_class class, const char *word, const char *other)
{
    int sockets[3];
    struct error error = {0};
    unsigned before = open_descriptors();
    assert_false(net_listen_open(where, sockets, 3, &error));
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(error.class, class);
    if (!strstr(error.text, word) || !strstr(error.text, other))
        fail_msg("\"%s\" lacks \"%s\" or \"%s\"", error.text, word, other);
}

static bool accepts(int family, const char *host, uint16_t port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in v4 = loopback(port);
    if (family == AF_INET6)
        assert_int_equal(inet_pton(AF_INET6, host, &v6.sin6_addr), 1);
    int descriptor = socket(family, SOCK_STREAM, 0);
    int failed = family == AF_INET6 ? connect(descriptor, (struct sockaddr *)&v6, sizeof v6)
                                    : connect(descriptor, (struct sockaddr *)&v4, sizeof v4);
    close(descriptor);
    return failed == 0;
}

static void skip_without_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int descriptor = socket(AF_INET6, SOCK_STREAM, 0);
    int failed = bind(descriptor, (struct sockaddr *)&address, sizeof address);
    close(descriptor);
    if (failed)
        skip();
}

static void each_worker_has_its_own_socket_on_the_port(void **state)
{
    (void)state;
    struct net_listen where = on_port(free_port());
    int sockets[3];
    assert_opens(&where, sockets, 3);
    for (size_t i = 0; i < 3; i++) {
        int listening = 0;
        socklen_t size = sizeof listening;
        struct stat facts, first;
        assert_int_equal(port_of(sockets[i]), where.port);
        assert_int_equal(getsockopt(sockets[i], SOL_SOCKET, SO_ACCEPTCONN, &listening, &size), 0);
        assert_true(listening);
        assert_true(fcntl(sockets[i], F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(sockets[i], F_GETFL) & O_NONBLOCK);
        assert_int_equal(fstat(sockets[i], &facts) | fstat(sockets[0], &first), 0);
        assert_true(i == 0 || facts.st_ino != first.st_ino);
    }
    assert_true(accepts(AF_INET, NULL, where.port));
    close_all(sockets, 3);
    assert_false(accepts(AF_INET, NULL, where.port));
}

static void port_of_another_program_is_refused_with_the_way_to_find_it(void **state)
{
    (void)state;
    uint16_t port = 0;
    char number[8];
    int taken = others_socket(&port, true);
    struct net_listen where = on_port(port);
    snprintf(number, sizeof number, ":%u", (unsigned)port);
    assert_refused(&where, ERROR_SYSTEM, number, "in use");
    assert_refused(&where, ERROR_SYSTEM, "ss -ltnp", number);
    close(taken);
}

static void port_is_shared_only_if_both_want_to(void **state)
{
    (void)state;
    struct net_listen where = on_port(free_port());
    int first[2], second[2];
    where.shared = true;
    assert_opens(&where, first, 2);
    assert_opens(&where, second, 2);
    close_all(second, 2);
    where.shared = false;
    assert_refused(&where, ERROR_SYSTEM, "127.0.0.1", "in use");
    close_all(first, 2);
}

static void connections_of_an_earlier_run_are_no_obstacle(void **state)
{
    (void)state;
    struct net_listen where = on_port(free_port());
    int sockets[1];
    assert_opens(&where, sockets, 1);
    struct sockaddr_in address = loopback(where.port);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    int server = accept(sockets[0], NULL, NULL);
    assert_true(server >= 0);
    close(server); /* who closes first keeps the port in TIME_WAIT */
    close_all(sockets, 1);
    close(client);
    assert_opens(&where, sockets, 1);
    close_all(sockets, 1);
}

static void range_gives_its_first_free_port(void **state)
{
    (void)state;
    uint16_t port;
    int taken;
    do {
        port = 0;
        taken = others_socket(&port, true);
    } while (port > 65000);
    struct net_listen where = on_port(port);
    where.port_last = (uint16_t)(port + 100);
    int sockets[2];
    assert_opens(&where, sockets, 2);
    assert_true(port_of(sockets[0]) > port && port_of(sockets[0]) <= where.port_last);
    assert_int_equal(port_of(sockets[0]), port_of(sockets[1]));
    close_all(sockets, 2);
    close(taken);
}

static void range_without_a_free_port_is_refused(void **state)
{
    (void)state;
    uint16_t port, next;
    int first, second;
    for (;;) {
        port = 0;
        first = others_socket(&port, true);
        next = (uint16_t)(port + 1);
        second = next > port ? others_socket(&next, true) : -1;
        if (second >= 0)
            break;
        close(first);
    }
    struct net_listen where = on_port(port);
    where.port_last = next;
    assert_refused(&where, ERROR_SYSTEM, "all ports", "in use");
    close(first);
    close(second);
}

static void address_of_another_machine_is_refused(void **state)
{
    (void)state;
    struct net_listen where = on_port(free_port());
    where.interface = "192.0.2.1"; /* RFC 5737: never anybody's */
    assert_refused(&where, ERROR_SYSTEM, "192.0.2.1", "no such address");
}

static void interface_that_is_nothing_is_refused(void **state)
{
    (void)state;
    struct net_listen where = on_port(free_port());
    where.interface = "not an address";
    assert_refused(&where, ERROR_INPUT, "not an address", "IPv4");
}

static void low_port_without_privilege_is_refused_with_remedies(void **state)
{
    (void)state;
    FILE *setting = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    char line[16] = "0";
    if (setting) {
        assert_non_null(fgets(line, sizeof line, setting));
        fclose(setting);
    }
    if (strtol(line, NULL, 10) < 1024)
        skip();
    pid_t child = fork();
    if (child == 0) {
        struct net_listen where = on_port(1);
        struct error error = {0};
        int sockets[1];
        bool dropped = geteuid() != 0 || setresuid(65534, 65534, 65534) == 0;
        bool opened = net_listen_open(&where, sockets, 1, &error);
        _exit(dropped && !opened && strstr(error.text, "setcap") && strstr(error.text, "AmbientCapabilities") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void any_address_under_version_4_can_be_both_kinds(void **state)
{
    (void)state;
    skip_without_ipv6();
    struct net_listen where = on_port(free_port());
    where.interface = "::";
    int sockets[2];
    assert_opens(&where, sockets, 2);
    assert_true(accepts(AF_INET6, "::1", where.port));
    assert_true(accepts(AF_INET, NULL, where.port));
    close_all(sockets, 2);
}

static void version_6_leaves_the_port_of_version_4_free(void **state)
{
    (void)state;
    skip_without_ipv6();
    struct net_listen v4 = on_port(free_port()), v6 = v4;
    int sockets[2], others[2];
    v4.interface = NULL;
    v6.interface = NULL;
    v6.version = 6;
    assert_opens(&v6, sockets, 2);
    assert_false(accepts(AF_INET, NULL, v6.port));
    assert_opens(&v4, others, 2);
    assert_true(accepts(AF_INET, NULL, v4.port));
    assert_true(accepts(AF_INET6, "::1", v6.port));
    close_all(sockets, 2);
    close_all(others, 2);
}

static void user_timeout_reaches_accepted_connections(void **state)
{
    (void)state;
    struct net_listen where = on_port(free_port());
    int sockets[1];
    where.user_timeout = 12345;
    assert_opens(&where, sockets, 1);
    struct sockaddr_in address = loopback(where.port);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    int server = accept(sockets[0], NULL, NULL);
    unsigned value = 0;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(server, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size), 0);
    assert_int_equal(value, 12345);
    where.user_timeout = 0;
    net_listen_adjust(&where, sockets[0]);
    assert_int_equal(getsockopt(sockets[0], IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size), 0);
    assert_int_equal(value, 0);
    close(server);
    close(client);
    close_all(sockets, 1);
}

/* ---- Unix */

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0)
        return descriptor;
    close(descriptor);
    return -1;
}

static void unix_socket_is_for_everybody_whatever_the_umask(void **state)
{
    char path[96];
    struct net_listen where = on_path(*state, path);
    int sockets[3];
    struct stat facts;
    mode_t mask = umask(077);
    assert_opens(&where, sockets, 3);
    assert_int_equal(umask(mask), 077); /* as it was */
    assert_int_equal(stat(path, &facts), 0);
    assert_true(S_ISSOCK(facts.st_mode));
    assert_int_equal(facts.st_mode & 07777, 0666);
    int client = dial(path);
    assert_true(client >= 0);
    int server = accept(sockets[2], NULL, NULL); /* each is the same socket */
    assert_true(server >= 0);
    close(server);
    close(client);
    close_all(sockets, 3);
}

static void deserted_unix_socket_is_replaced(void **state)
{
    char path[96];
    struct net_listen where = on_path(*state, path);
    int sockets[1];
    assert_opens(&where, sockets, 1);
    close_all(sockets, 1);
    assert_int_equal(dial(path), -1);
    assert_opens(&where, sockets, 1);
    int client = dial(path);
    assert_true(client >= 0);
    close(client);
    close_all(sockets, 1);
}

static void unix_socket_that_is_served_is_refused(void **state)
{
    char path[96];
    struct net_listen where = on_path(*state, path);
    int sockets[1];
    where.backlog = 1;
    assert_opens(&where, sockets, 1);
    assert_refused(&where, ERROR_SYSTEM, path, "in use");
    assert_refused(&where, ERROR_SYSTEM, path, "in use");
    assert_refused(&where, ERROR_SYSTEM, path, "in use"); /* even with its queue full of our questions */
    assert_int_equal(access(path, F_OK), 0);
    close_all(sockets, 1);
}

static void what_is_no_socket_is_left_alone(void **state)
{
    char path[96];
    struct net_listen where = on_path(*state, path);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(file, "precious", 8), 8);
    close(file);
    assert_refused(&where, ERROR_INPUT, path, "no socket");
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_size, 8);
}

static void link_is_not_followed_to_its_socket(void **state)
{
    char path[96];
    struct net_listen where = on_path(*state, path);
    assert_int_equal(symlink("elsewhere", path), 0);
    assert_refused(&where, ERROR_INPUT, path, "no socket");
}

static void unix_path_that_cannot_be_is_refused(void **state)
{
    char longer[200], missing[96];
    (void)state;
    memset(longer, 'x', sizeof longer);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    struct net_listen where = {.kind = NET_UNIX, .path = longer, .backlog = 1};
    assert_refused(&where, ERROR_INPUT, "107", "longer");
    snprintf(missing, sizeof missing, "%s/none/socket", (const char *)*state);
    where.path = missing;
    assert_refused(&where, ERROR_SYSTEM, missing, "No such file");
}

/* The last step fails: duplicates beyond the limit. */
static void unix_socket_is_opened_for_all_or_not_at_all(void **state)
{
    char path[96];
    struct net_listen where = on_path(*state, path);
    struct rlimit limit, low;
    int sockets[8];
    struct error error = {0};
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = (rlim_t)next + 4;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    bool opened = net_listen_open(&where, sockets, 8, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_false(opened);
    assert_int_equal(access(path, F_OK), -1);
    int again = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(again, next);
    close(again);
}

static void addresses_are_printed_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        struct net_listen where;
        const char *text;
    } rows[] = {
        {{.kind = NET_TCP, .interface = "127.0.0.1", .version = 4, .port = 8443, .port_last = 8443}, "127.0.0.1:8443"},
        {{.kind = NET_TCP, .interface = "localhost", .version = 4, .port = 1, .port_last = 1}, "localhost:1"},
        {{.kind = NET_TCP, .interface = "", .version = 4, .port = 443, .port_last = 443}, "0.0.0.0:443"},
        {{.kind = NET_TCP, .version = 6, .port = 443, .port_last = 443}, "[::]:443"},
        {{.kind = NET_TCP, .interface = "::1", .version = 4, .port = 65535, .port_last = 65535}, "[::1]:65535"},
        {{.kind = NET_TCP, .interface = "::1", .version = 6, .port = 8000, .port_last = 65535}, "[::1]:8000-65535"},
        {{.kind = NET_UNIX, .path = "/run/x.sock"}, "unix:/run/x.sock"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64], small[8];
        net_listen_print(&rows[i].where, text, sizeof text);
        assert_string_equal(text, rows[i].text);
        net_listen_print(&rows[i].where, small, sizeof small);
        assert_true(strlen(small) < sizeof small && strncmp(small, rows[i].text, strlen(small)) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_worker_has_its_own_socket_on_the_port),
        cmocka_unit_test(port_of_another_program_is_refused_with_the_way_to_find_it),
        cmocka_unit_test(port_is_shared_only_if_both_want_to),
        cmocka_unit_test(connections_of_an_earlier_run_are_no_obstacle),
        cmocka_unit_test(range_gives_its_first_free_port),
        cmocka_unit_test(range_without_a_free_port_is_refused),
        cmocka_unit_test(address_of_another_machine_is_refused),
        cmocka_unit_test(interface_that_is_nothing_is_refused),
        cmocka_unit_test(low_port_without_privilege_is_refused_with_remedies),
        cmocka_unit_test(any_address_under_version_4_can_be_both_kinds),
        cmocka_unit_test(version_6_leaves_the_port_of_version_4_free),
        cmocka_unit_test(user_timeout_reaches_accepted_connections),
        cmocka_unit_test_setup_teardown(unix_socket_is_for_everybody_whatever_the_umask, setup, teardown),
        cmocka_unit_test_setup_teardown(deserted_unix_socket_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(unix_socket_that_is_served_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_socket_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(link_is_not_followed_to_its_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(unix_path_that_cannot_be_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(unix_socket_is_opened_for_all_or_not_at_all, setup, teardown),
        cmocka_unit_test(addresses_are_printed_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
