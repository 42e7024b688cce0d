#include "tree.h"

#include "stat.h"

#include "crossgate/base/disk.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES_MAX = 1 << 16, CHILDREN_TEXT = 32768, SECOND = 1000000000 };

/* What one walk finds. */
struct seen {
    struct tree_process process;
    uint64_t children_ticks;
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

static bool has_seen(const struct walk *walk, pid_t pid)
{
    for (size_t i = 0; i < walk->count; i++)
        if (walk->at[i].process.pid == pid)
            return true;
    return false;
}

/* One that has ended meanwhile is left out, and so are we: the observer. `began` 0: whatever it is. */
static bool note(struct walk *walk, pid_t pid, uint64_t began)
{
    struct stat_line line;
    if (pid == getpid() || has_seen(walk, pid) || !read_stat(pid, &line) || (began != 0 && began != line.began))
        return true;
    if (!make_room(walk))
        return false;
    walk->at[walk->count++] = (struct seen){{pid, line.began}, line.children_ticks};
    return true;
}

/* Each number is followed by a space; one that is not has been cut off. */
static bool note_children(struct walk *walk, const char *path)
{
    char text[CHILDREN_TEXT];
    uint64_t pid;
    if (!disk_read_text(path, text, sizeof text))
        return true;
    for (const char *at = text;; at = strchr(at, ' ') + 1) {
        size_t digits = strspn(at, "0123456789");
        if (at[digits] != ' ' || !span_to_uint(span_of(at, digits), INT32_MAX, &pid))
            return true;
        if (!note(walk, (pid_t)pid, 0))
            return false;
    }
}

/* Children belong to the thread that made them. */
static bool note_children_of(struct walk *walk, pid_t pid)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    bool done = true;
    for (struct dirent *entry; done && threads && (entry = readdir(threads));) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/children", (int)pid, entry->d_name);
        done = note_children(walk, path);
    }
    if (threads)
        closedir(threads);
    return done;
}

/* Only the tree is looked at: the files of a stranger who hangs would hang us, too. */
static bool walk_tree(const struct tree *tree, struct walk *walk)
{
    bool done = tree->count > 0 || note(walk, tree->root, 0);
    for (size_t i = 0; done && i < tree->count; i++)
        done = note(walk, tree->known[i].pid, tree->known[i].began);
    for (size_t i = 0; done && i < walk->count; i++)
        done = note_children_of(walk, walk->at[i].process.pid);
    return done && has_seen(walk, tree->root);
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
static bool keep(struct tree *tree, const struct walk *walk)
{
    struct tree_process *known = calloc(walk->count, sizeof *known);
    if (!known)
        return false;
    free(tree->known);
    tree->known = known;
    tree->count = walk->count;
    for (size_t i = 0; i < walk->count; i++)
        known[i] = walk->at[i].process;
    return true;
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
    *reading = (struct tree_reading){.is_pss_known = true};
    bool done = walk_tree(tree, &walk) && keep(tree, &walk);
    for (size_t i = 0; done && i < walk.count; i++) {
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
