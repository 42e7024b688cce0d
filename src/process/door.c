#include "door.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool make(struct door *door, const struct net_listen *where, size_t count, struct error *error)
{
    *door = (struct door){.where = *where, .port = where->port};
    door->sockets = calloc(count, sizeof *door->sockets);
    if (!door->sockets)
        error_set(error, ERROR_MEMORY, "out of memory");
    return door->sockets != NULL;
}

/* The path may be replaced by others while we listen; then it is no longer ours. */
static bool is_in_place(const struct door *door)
{
    struct stat facts;
    return lstat(door->where.path, &facts) == 0 && facts.st_dev == door->device && facts.st_ino == door->inode;
}

bool door_open(struct door *door, const struct net_listen *where, size_t count, struct error *error)
{
    if (!make(door, where, count, error))
        return false;
    if (!net_listen_open(where, door->sockets, count, error)) {
        free(door->sockets);
        door->sockets = NULL;
        return false;
    }
    door->count = count;
    struct stat facts;
    if (where->kind == NET_TCP) {
        door->port = net_listen_port(door->sockets[0]);
    } else if (lstat(where->path, &facts) == 0) {
        door->device = facts.st_dev;
        door->inode = facts.st_ino;
        door->owns_path = true;
    }
    return true;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

bool door_fits(const struct door *door, const struct net_listen *where)
{
    const struct net_listen *old = &door->where;
    if (old->kind != where->kind)
        return false;
    if (old->kind == NET_UNIX)
        return same_text(old->path, where->path) && is_in_place(door);
    return old->port == where->port && old->port_last == where->port_last && old->version == where->version &&
           same_text(old->interface, where->interface);
}

/* Sockets that the predecessor lacks. Our own sockets are on the port already, so it need not be free. */
static bool open_further(struct door *door, size_t count, struct error *error)
{
    struct net_listen where = door->where;
    where.port = where.port_last = door->port;
    where.shared = true;
    if (!net_listen_open(&where, door->sockets + door->count, count - door->count, error))
        return false;
    door->count = count;
    return true;
}

bool door_inherit(struct door *door, struct door *predecessor, const struct net_listen *where, size_t count,
                  struct error *error)
{
    if (!make(door, where, count, error))
        return false;
    door->port = predecessor->port;
    door->device = predecessor->device;
    door->inode = predecessor->inode;
    door->predecessor = predecessor;
    while (door->count < count && (door->count < predecessor->count || where->kind == NET_UNIX)) {
        size_t from = door->count < predecessor->count ? door->count : 0;
        int socket = fcntl(predecessor->sockets[from], F_DUPFD_CLOEXEC, 0);
        if (socket < 0) {
            error_set_errno(error, "cannot keep a listening socket");
            goto fail;
        }
        door->sockets[door->count++] = socket;
    }
    if (door->count == count || open_further(door, count, error))
        return true;
fail:
    door_close(door);
    return false;
}

void door_succeed(struct door *door)
{
    if (!door->predecessor)
        return;
    door->owns_path = door->predecessor->owns_path;
    door->predecessor->owns_path = false;
    door->predecessor = NULL;
    for (size_t i = 0; i < door->count; i++)
        net_listen_adjust(&door->where, door->sockets[i]);
}

void door_close(struct door *door)
{
    if (door->owns_path && is_in_place(door))
        unlink(door->where.path);
    door->owns_path = false;
    for (size_t i = 0; i < door->count; i++)
        close(door->sockets[i]);
    free(door->sockets);
    door->sockets = NULL;
    door->count = 0;
}
