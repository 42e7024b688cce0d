#include "tree.h"

#include "stat.h"

#include "crossgate/base/disk.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Of the whole machine; more are not looked at. */
enum { PROCESSES_MAX = 1 << 16, SECOND = 1000000000 };

/* What /proc shows in one walk. */
struct seen {
    struct tree_process process;
    pid_t parent;
    uint64_t children_ticks;
    bool is_member;
};

struct walk {
    struct seen *at;
    size_t count, room;
};

static bool read_stat(pid_t pid, struct stat_line *line)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    return disk_read_text(path, text, sizeof text) && stat_parse(text, line);
}

static bool make_room(struct walk *walk)
{
    if (walk->count < walk->room)
        return true;
    size_t room = walk->room ? walk->room * 2 : 256;
    struct seen *at = room <= PROCESSES_MAX ? realloc(walk->at, room * sizeof *at) : NULL;
    if (!at)
        return false;
    walk->at = at;
    walk->room = room;
    return true;
}

/* One that has ended since the directory was read is left out. */
static bool note(struct walk *walk, const char *name)
{
    uint64_t pid;
    struct stat_line line;
    if (!span_to_uint(span_string(name), INT32_MAX, &pid) || !read_stat((pid_t)pid, &line))
        return true;
    if (!make_room(walk))
        return false;
    walk->at[walk->count++] = (struct seen){{(pid_t)pid, line.began}, line.parent, line.children_ticks, false};
    return true;
}

static bool walk_processes(struct walk *walk)
{
    DIR *directory = opendir("/proc");
    bool done = directory != NULL;
    for (struct dirent *entry; done && (entry = readdir(directory));)
        done = note(walk, entry->d_name);
    if (directory)
        closedir(directory);
    return done;
}

static bool is_known(const struct tree *tree, const struct tree_process *process)
{
    for (size_t i = 0; i < tree->count; i++)
        if (tree->known[i].pid == process->pid && tree->known[i].began == process->began)
            return true;
    return false;
}

static bool has_member(const struct walk *walk, pid_t pid)
{
    for (size_t i = 0; i < walk->count; i++)
        if (walk->at[i].process.pid == pid)
            return walk->at[i].is_member;
    return false;
}

/* Children of members are members, until there are no new ones. We are the observer. */
static size_t mark_members(const struct tree *tree, struct walk *walk)
{
    size_t members = 0, before;
    pid_t observer = getpid();
    do {
        before = members;
        for (size_t i = 0; i < walk->count; i++) {
            struct seen *seen = &walk->at[i];
            if (seen->is_member || seen->process.pid == observer)
                continue;
            seen->is_member =
                seen->process.pid == tree->root || is_known(tree, &seen->process) || has_member(walk, seen->parent);
            members += seen->is_member;
        }
    } while (members > before);
    return members;
}

/* The process's own clock: in ns, with what its ended threads have used. */
static uint64_t cpu_of(pid_t pid)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* One that ends meanwhile has no memory any more, and a zombie has none: both count as nothing. */
static void add_memory(pid_t pid, struct tree_reading *reading)
{
    char path[64], text[4096];
    uint64_t rss, pss;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    if (!disk_read_text(path, text, sizeof text) || !stat_parse_bytes(text, "\nVmRSS:", &rss))
        return;
    reading->rss += rss;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    if (disk_read_text(path, text, sizeof text) && stat_parse_bytes(text, "\nPss:", &pss))
        reading->pss += pss;
    else
        reading->is_pss_known = false;
}

static void add_cpu(pid_t pid, uint64_t children_ticks, struct tree_reading *reading)
{
    reading->processes++;
    reading->cpu_ns += cpu_of(pid) + children_ticks * (SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* Those of this reading are the known ones of the next. */
static bool keep_members(struct tree *tree, const struct walk *walk, size_t members)
{
    struct tree_process *known = calloc(members, sizeof *known);
    if (!known)
        return false;
    free(tree->known);
    tree->known = known;
    tree->count = 0;
    for (size_t i = 0; i < walk->count; i++)
        if (walk->at[i].is_member)
            known[tree->count++] = walk->at[i].process;
    return true;
}

/* The root may be another process by now, with the same number. */
static bool has_root(const struct tree *tree, const struct walk *walk)
{
    for (size_t i = 0; i < walk->count; i++)
        if (walk->at[i].process.pid == tree->root)
            return tree->count == 0 || is_known(tree, &walk->at[i].process);
    return false;
}

void tree_init(struct tree *tree, pid_t root)
{
    *tree = (struct tree){.root = root};
}

void tree_deinit(struct tree *tree)
{
    free(tree->known);
    tree->known = NULL;
}

bool tree_read(struct tree *tree, struct tree_reading *reading)
{
    struct walk walk = {.at = NULL};
    size_t members = 0;
    *reading = (struct tree_reading){.is_pss_known = true};
    if (walk_processes(&walk) && has_root(tree, &walk))
        members = mark_members(tree, &walk);
    bool done = members > 0 && keep_members(tree, &walk, members);
    for (size_t i = 0; done && i < walk.count; i++) {
        if (!walk.at[i].is_member)
            continue;
        add_cpu(walk.at[i].process.pid, walk.at[i].children_ticks, reading);
        add_memory(walk.at[i].process.pid, reading);
    }
    free(walk.at);
    return done;
}

bool tree_read_cpu(const struct tree *tree, struct tree_reading *reading)
{
    bool has_root = false;
    *reading = (struct tree_reading){.is_pss_known = false};
    for (size_t i = 0; i < tree->count; i++) {
        struct stat_line line;
        if (!read_stat(tree->known[i].pid, &line) || line.began != tree->known[i].began)
            continue;
        has_root = has_root || tree->known[i].pid == tree->root;
        add_cpu(tree->known[i].pid, line.children_ticks, reading);
    }
    return has_root;
}
