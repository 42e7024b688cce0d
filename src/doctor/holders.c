#include "holders.h"

#include "proc.h"

#include "crossgate/base/span.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- sockets */

static void add(struct holders *holders, const struct holder *holder)
{
    if (holders->count == holders->room) {
        size_t room = holders->room ? 2 * holders->room : 64;
        struct holder *at = realloc(holders->at, room * sizeof *at);
        if (!at)
            return;
        holders->at = at;
        holders->room = room;
    }
    holders->at[holders->count++] = *holder;
}

enum { LINE_FIELDS = 12 };

/* Cuts a line at its spaces, in place. */
static size_t cut(char *line, char *fields[LINE_FIELDS])
{
    size_t count = 0;
    for (char *field; count < LINE_FIELDS && (field = strsep(&line, " \n"));)
        if (*field)
            fields[count++] = field;
    return count;
}

/* "0100007F:1F90": words of 32 bits, each as this machine has it; then the port. */
static bool read_address(const char *text, struct peer *peer)
{
    size_t digits = strcspn(text, ":");
    if ((digits != 8 && digits != 32) || text[digits] != ':')
        return false;
    *peer = (struct peer){.family = digits == 8 ? PEER_IPV4 : PEER_IPV6};
    for (size_t i = 0; i < digits / 8; i++) {
        char word[9] = "";
        memcpy(word, text + 8 * i, 8);
        uint32_t value = (uint32_t)strtoul(word, NULL, 16);
        memcpy(peer->ip + 4 * i, &value, sizeof value);
    }
    peer->port = (uint16_t)strtoul(text + digits + 1, NULL, 16);
    peer_unmap(peer);
    return true;
}

/* proc_net_tcp: "sl local remote state queues timer retransmissions uid timeout inode". */
static void read_tcp_line(struct holders *holders, char *line)
{
    enum { LOCAL = 1, STATE = 3, USER = 7, INODE = 9 };
    char *fields[LINE_FIELDS];
    struct holder holder = {0};
    uint64_t user;
    if (cut(line, fields) <= INODE || strcmp(fields[STATE], "0A") != 0 ||
        !read_address(fields[LOCAL], &holder.address) || !span_to_uint(span_string(fields[USER]), UINT32_MAX, &user) ||
        !span_to_uint(span_string(fields[INODE]), UINT64_MAX, &holder.inode))
        return;
    holder.user = (uid_t)user;
    add(holders, &holder);
}

/* "number references protocol flags type state inode path"; a flag says that it listens. */
static void read_unix_line(struct holders *holders, char *line)
{
    enum { FLAGS = 3, INODE = 6, NAME = 7 };
    char *fields[LINE_FIELDS];
    struct holder holder = {.address.family = PEER_UNIX};
    if (cut(line, fields) <= NAME || strcmp(fields[FLAGS], "00010000") != 0 ||
        strlen(fields[NAME]) >= sizeof holder.path || fields[NAME][0] != '/' ||
        !span_to_uint(span_string(fields[INODE]), UINT64_MAX, &holder.inode))
        return;
    strncpy(holder.path, fields[NAME], sizeof holder.path - 1);
    add(holders, &holder);
}

static void read_table(struct holders *holders, const char *path, void (*read_line)(struct holders *, char *))
{
    FILE *file = fopen(path, "re");
    char line[1024];
    while (file && fgets(line, sizeof line, file))
        read_line(holders, line);
    if (file)
        fclose(file);
}

/* ---- processes */

static int compare(const void *a, const void *b)
{
    const struct holder *first = a, *second = b;
    return (first->inode > second->inode) - (first->inode < second->inode);
}

/* `count` of them are sorted. One that has a process already gets another entry for this one. */
static void note(struct holders *holders, size_t count, uint64_t inode, pid_t pid)
{
    const struct holder wanted = {.inode = inode};
    struct holder *found = bsearch(&wanted, holders->at, count, sizeof *found, compare);
    if (!found || found->pid == pid)
        return;
    struct holder another = *found;
    another.pid = pid;
    if (found->pid == 0)
        *found = another;
    else
        add(holders, &another);
}

/* Nothing is seen of processes of others, unless we are root. */
static void search(struct holders *holders, size_t count, const char *pid)
{
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    DIR *directory = opendir(path);
    for (const struct dirent *entry; directory && (entry = readdir(directory));) {
        static const char mark[] = "socket:[";
        uint64_t inode;
        ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        if (strncmp(target, mark, sizeof mark - 1) != 0)
            continue;
        const char *number = target + sizeof mark - 1;
        if (span_to_uint(span_of(number, strspn(number, "0123456789")), UINT64_MAX, &inode))
            note(holders, count, inode, (pid_t)strtol(pid, NULL, 10));
    }
    if (directory)
        closedir(directory);
}

static void find_processes(struct holders *holders)
{
    DIR *directory = holders->count > 0 ? opendir("/proc") : NULL;
    size_t count = holders->count;
    if (directory)
        qsort(holders->at, count, sizeof *holders->at, compare);
    for (const struct dirent *entry; directory && (entry = readdir(directory));)
        if (entry->d_name[strspn(entry->d_name, "0123456789")] == '\0')
            search(holders, count, entry->d_name);
    if (directory)
        closedir(directory);
}

void holders_read(struct holders *holders)
{
    *holders = (struct holders){0};
    read_table(holders, "/proc/net/tcp", read_tcp_line);
    read_table(holders, "/proc/net/tcp6", read_tcp_line);
    read_table(holders, "/proc/net/unix", read_unix_line);
    find_processes(holders);
}

void holders_deinit(struct holders *holders)
{
    free(holders->at);
    *holders = (struct holders){0};
}

/* ---- */

static bool is_any(const struct peer *peer)
{
    static const uint8_t zero[sizeof peer->ip];
    return memcmp(peer->ip, zero, sizeof zero) == 0;
}

/* A name is taken for any address: it may stand for this one. */
static bool same_host(const struct peer *peer, const char *interface)
{
    struct peer wanted = {.family = strchr(interface, ':') ? PEER_IPV6 : PEER_IPV4};
    if (inet_pton(wanted.family == PEER_IPV6 ? AF_INET6 : AF_INET, interface, wanted.ip) != 1)
        return true;
    return is_any(&wanted) || (wanted.family == peer->family && memcmp(wanted.ip, peer->ip, sizeof wanted.ip) == 0);
}

bool holder_is_at(const struct holder *holder, const struct net_listen *where)
{
    if (where->kind == NET_UNIX)
        return strcmp(holder->path, where->path) == 0;
    if (holder->path[0] || holder->address.port < where->port || holder->address.port > where->port_last)
        return false;
    const char *interface = where->interface && *where->interface ? where->interface : NULL;
    bool is_v6 = interface ? strchr(interface, ':') != NULL : where->version == 6;
    if (is_any(&holder->address)) /* "::" may hold IPv4, too */
        return !is_v6 || holder->address.family == PEER_IPV6;
    return interface ? same_host(&holder->address, interface) : is_v6 == (holder->address.family == PEER_IPV6);
}
