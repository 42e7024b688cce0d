/* What a server uses: CPU time and memory of a process and all its descendants, as the kernel tells.
 *
 * A process belongs to the tree from the first reading that finds it below the root, and stays in it even if its parent ends.
 * CPU time of one that ended is known from the process that waited for it, in steps of the kernel's tick; of one that nobody waited for
 * it is lost. */
#ifndef CROSSGATE_LOAD_TREE_H
#define CROSSGATE_LOAD_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A process, told from a later one with the same number. */
struct tree_process {
    pid_t pid;
    uint64_t began; /* ticks since the machine's start */
};

struct tree {
    pid_t root;
    struct tree_process *known; /* those of the last reading; freed by tree_deinit */
    size_t count;
};

struct tree_reading {
    size_t processes;
    uint64_t cpu_ns;   /* since they began; only differences of two readings mean something */
    uint64_t rss;      /* bytes; pages that are shared count in each process */
    uint64_t pss;      /* bytes; a page that n processes share counts as one n-th */
    bool is_pss_known; /* false: the kernel does not let us look into one of them */
};

void tree_init(struct tree *tree, pid_t root);
void tree_deinit(struct tree *tree);

/* False: the root is not there (any more), or nothing can be read. We ourselves, if we are below the root, are left out. */
bool tree_read(struct tree *tree, struct tree_reading *reading) __attribute__((warn_unused_result));

/* As tree_read, but only of the processes that it found last, and without their memory: that takes microseconds and stalls nobody,
 * while reading memory holds up whoever wants to change his map. */
bool tree_read_cpu(const struct tree *tree, struct tree_reading *reading) __attribute__((warn_unused_result));

#endif
