/* Small files as they were read a moment ago, so that a file many ask for is not opened, read and closed for each of them.
 *
 * Nobody is served what is no longer there: once in each turn of the loop it is looked whether the path still leads to the
 * file that was read, and whether that has changed since (inode, size, and the time of the last change, which no user can
 * set: it moves with content, permissions, owner and links). What differs is opened anew. Who asked after a change is not
 * answered from before it. The look stays beneath the directory as an opening does, and never waits for another machine or
 * program: whoever may write there can make a link lead to a file system that hangs, and would stop the loop.
 *
 * A file that changed within SETTLED is not kept: its next change might bear the same time. Nor is one of a file system that
 * might wait for a network. A copy lives for a second, whatever is found: writes through a mapping of memory may be timed late.
 * All copies of a loop take at most CACHE_BYTES. */
#ifndef CROSSGATE_FILE_CACHE_H
#define CROSSGATE_FILE_CACHE_H

#include "crossgate/base/counted.h"
#include "crossgate/file.h"

enum {
    CACHE_FILE_MAX = 16384, /* longer files are not kept: sending them costs more than opening them */
    CACHE_BYTES = 4194304,  /* of all copies, paths included */
    CACHE_LIFE = 1000,      /* ms */
    CACHE_SETTLED = 3,      /* s; file systems count time in steps of two seconds at most */
};

/* One file. Who sends it holds a reference: it may be replaced meanwhile. */
struct file_copy {
    struct counted counted;
    struct file_facts facts;
    int directory;
    uint64_t made;      /* ms */
    uint64_t confirmed; /* in which turn of the loop */
    size_t size;        /* of this struct with all that follows */
    const uint8_t *content;
    char path[]; /* and behind it the content */
};

/* What the path leads to now, if it is known without opening it; the reference is the caller's. NULL: it has to be opened. */
struct file_copy *cache_find(struct loop *loop, int directory, const char *path);

/* Keeps the content of an open file, which is at the path, if it may be kept. The facts were told before it was read. */
void cache_keep(struct loop *loop, int directory, const char *path, int descriptor, const struct file_facts *facts,
                struct span content);

static inline void file_copy_unref(struct file_copy *copy)
{
    if (copy)
        counted_unref(&copy->counted);
}

#endif
