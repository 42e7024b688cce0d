/* Listening sockets that outlive the configuration they were opened for. */
#include "test.h"

#include "door.h"

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct fixture {
    char directory[32];
    char path[64];
    struct net_listen unix_socket, tcp;
    unsigned descriptors;
};

static unsigned open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
    close(descriptor);
    return ntohs(address.sin_port);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    memcpy(f->directory, "/tmp/crossgate-XXXXXX", 22);
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof f->path, "%s/socket", f->directory);
    uint16_t port = free_port();
    f->unix_socket = (struct net_listen){.kind = NET_UNIX, .path = f->path, .backlog = 8};
    f->tcp = (struct net_listen){
        .kind = NET_TCP, .interface = "127.0.0.1", .version = 4, .port = port, .port_last = port, .backlog = 8};
    f->descriptors = open_descriptors();
    *state = f;
    return 0;
}

/* No test leaves a descriptor or a path. */
static int teardown(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_descriptors(), f->descriptors);
    assert_int_equal(rmdir(f->directory), 0);
    free(f);
    return 0;
}

static void open_door(struct door *door, const struct net_listen *where, size_t count)
{
    struct error error = {0};
    if (!door_open(door, where, count, &error))
        fail_msg("%s", error.text);
}

static void inherit_door(struct door *door, struct door *old, const struct net_listen *where, size_t count)
{
    struct error error = {0};
    if (!door_inherit(door, old, where, count, &error))
        fail_msg("%s", error.text);
}

static ino_t inode(int descriptor)
{
    struct stat facts;
    assert_int_equal(fstat(descriptor, &facts), 0);
    return facts.st_ino;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void closed_unix_door_leaves_no_path(void **state)
{
    struct fixture *f = *state;
    struct door door;
    open_door(&door, &f->unix_socket, 2);
    assert_true(exists(f->path));
    door_close(&door);
    assert_false(exists(f->path));
}

static void path_that_somebody_else_has_taken_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct door door, other;
    open_door(&door, &f->unix_socket, 1);
    assert_int_equal(unlink(f->path), 0);
    assert_false(door_fits(&door, &f->unix_socket));
    open_door(&other, &f->unix_socket, 1);
    door_close(&door);
    assert_true(exists(f->path));
    door_close(&other);
    assert_false(exists(f->path));
}

static void heir_has_the_same_sockets_and_only_then_the_path(void **state)
{
    struct fixture *f = *state;
    struct door old, heir;
    open_door(&old, &f->unix_socket, 2);
    inherit_door(&heir, &old, &f->unix_socket, 4);
    assert_int_equal(heir.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(inode(heir.sockets[i]), inode(old.sockets[0]));
    door_succeed(&heir);
    door_close(&old);
    assert_true(exists(f->path));
    door_close(&heir);
    assert_false(exists(f->path));
}

static void heir_that_never_succeeds_takes_nothing_away(void **state)
{
    struct fixture *f = *state;
    struct door old, heir;
    open_door(&old, &f->unix_socket, 1);
    inherit_door(&heir, &old, &f->unix_socket, 1);
    door_close(&heir);
    assert_true(exists(f->path));
    door_close(&old);
}

static void tcp_heir_keeps_sockets_and_opens_further_ones_on_the_port(void **state)
{
    struct fixture *f = *state;
    struct door old, more, fewer;
    open_door(&old, &f->tcp, 2);
    inherit_door(&more, &old, &f->tcp, 3);
    assert_int_equal(inode(more.sockets[0]), inode(old.sockets[0]));
    assert_int_equal(inode(more.sockets[1]), inode(old.sockets[1]));
    assert_true(inode(more.sockets[2]) != inode(old.sockets[0]) && inode(more.sockets[2]) != inode(old.sockets[1]));
    assert_int_equal(more.port, f->tcp.port);
    inherit_door(&fewer, &more, &f->tcp, 1);
    assert_int_equal(fewer.count, 1);
    assert_int_equal(inode(fewer.sockets[0]), inode(old.sockets[0]));
    door_close(&old);
    door_close(&more);
    door_close(&fewer);
}

static unsigned user_timeout(const struct door *door)
{
    unsigned value = 0;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(door->sockets[0], IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size), 0);
    return value;
}

static void settings_change_only_when_the_heir_is_in_force(void **state)
{
    struct fixture *f = *state;
    struct door old, heir;
    struct net_listen changed = f->tcp;
    changed.user_timeout = 4321;
    open_door(&old, &f->tcp, 1);
    inherit_door(&heir, &old, &changed, 1);
    assert_int_equal(user_timeout(&old), 0);
    door_succeed(&heir);
    assert_int_equal(user_timeout(&heir), 4321);
    door_close(&old);
    door_close(&heir);
}

static void range_stays_on_the_port_it_has(void **state)
{
    struct fixture *f = *state;
    struct door taken, old, heir;
    struct net_listen range = f->tcp;
    range.port_last = range.port < 65000 ? (uint16_t)(range.port + 100) : UINT16_MAX;
    open_door(&taken, &f->tcp, 1);
    open_door(&old, &range, 1);
    assert_true(old.port > range.port);
    door_close(&taken); /* the first one is free now */
    assert_true(door_fits(&old, &range));
    inherit_door(&heir, &old, &range, 2);
    assert_int_equal(heir.port, old.port);
    door_close(&old);
    door_close(&heir);
}

static void only_the_same_address_fits(void **state)
{
    struct fixture *f = *state;
    struct door tcp, local;
    open_door(&tcp, &f->tcp, 1);
    open_door(&local, &f->unix_socket, 1);
    struct net_listen other = f->tcp;
    char same[] = "127.0.0.1";
    other.interface = same;
    other.backlog = 99;
    other.user_timeout = 5;
    assert_true(door_fits(&tcp, &other)); /* what can be adjusted does not matter */
    other.port_last++;
    assert_false(door_fits(&tcp, &other));
    other = f->tcp;
    other.interface = NULL;
    assert_false(door_fits(&tcp, &other));
    other = f->tcp;
    other.version = 6;
    assert_false(door_fits(&tcp, &other));
    assert_false(door_fits(&tcp, &f->unix_socket));
    assert_false(door_fits(&local, &f->tcp));
    assert_true(door_fits(&local, &f->unix_socket));
    door_close(&tcp);
    door_close(&local);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(closed_unix_door_leaves_no_path, setup, teardown),
        cmocka_unit_test_setup_teardown(path_that_somebody_else_has_taken_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(heir_has_the_same_sockets_and_only_then_the_path, setup, teardown),
        cmocka_unit_test_setup_teardown(heir_that_never_succeeds_takes_nothing_away, setup, teardown),
        cmocka_unit_test_setup_teardown(tcp_heir_keeps_sockets_and_opens_further_ones_on_the_port, setup, teardown),
        cmocka_unit_test_setup_teardown(settings_change_only_when_the_heir_is_in_force, setup, teardown),
        cmocka_unit_test_setup_teardown(range_stays_on_the_port_it_has, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_same_address_fits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
