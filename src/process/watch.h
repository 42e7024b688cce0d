/* What changes on the disk, of files that are named: knows no plan.
 *
 * Notices of the kernel (inotify) are asked for on every directory on the way to each file, every link followed, and on the file itself.
 * So it does not matter by which way a file is replaced: written in place, renamed over, by a link on its way, or with its directory. What
 * gives no notice (NFS, some overlays), and where none can be had, is found by a look every minute at what stat says of each file. That
 * something was told does not mean that there are other bytes: who is told reads them. Nothing here waits. */
#ifndef CROSSGATE_PROCESS_WATCH_H
#define CROSSGATE_PROCESS_WATCH_H

#include "crossgate/process.h"

#include <stddef.h>
#include <time.h>

/* Changes are told when nothing has happened for WATCH_QUIET, and WATCH_LATEST after the first at the latest. All is looked at every
 * WATCH_EVERY. After notices others wait for WATCH_REST, so that whoever writes without end next to a file, or to it, costs a few looks a
 * second and no more. All in ms. */
enum { WATCH_QUIET = 500, WATCH_LATEST = 5000, WATCH_EVERY = 60000, WATCH_REST = 250 };

/* How many notices are asked for: a directory or a file each. */
enum { WATCH_NOTICES = PROCESS_NOTICES_MAX };

struct watch_facts {
    int error; /* errno of stat; then the rest is zero */
    uint64_t device, inode, size;
    struct timespec modified, changed;
};

struct watch_file {
    char *path;
    struct watch_facts facts;
};

struct watch {
    struct log *log;
    int events;  /* epoll over `notices`, which change */
    int notices; /* inotify; -1: there are none */
    struct watch_file *files;
    size_t count;
    uint64_t *names; /* sorted hashes of all words on the ways; notices of others are not for us */
    size_t name_count, name_room;
    bool hinted;          /* something has happened on the ways: they are to be followed again */
    bool incomplete;      /* not all notices could be asked for */
    bool said;            /* that this is so */
    uint64_t rest;        /* ms; notices are left unread until then; UINT64_MAX: they are read */
    uint64_t check;       /* ms; the next look; UINT64_MAX: nothing is watched */
    uint64_t first, last; /* ms; the changes that are not told yet; UINT64_MAX: none */
};

/* False: no descriptors; then there is nothing to deinit, but it may be. */
bool watch_init(struct watch *watch, struct log *log) __attribute__((warn_unused_result));

/* Watches these absolute paths, there or not, and none else; copies them. They count as changed now, since whoever has read them
 * did so before. False when memory is out: then nothing is watched. */
bool watch_set(struct watch *watch, const char *const *paths, size_t count, uint64_t now)
    __attribute__((warn_unused_result));

/* Reads notices. */
void watch_hear(struct watch *watch, uint64_t now);

/* Looks if it is time to. True: files have changed since the last time it was true, and have been quiet for long enough. */
bool watch_settle(struct watch *watch, uint64_t now);

/* When watch_settle wants to be called next, ms; UINT64_MAX: not before an event. */
uint64_t watch_next(const struct watch *watch);

void watch_deinit(struct watch *watch);

#endif
