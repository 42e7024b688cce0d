#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* As the kernel has it: more is a ring. */
enum { LINKS_MAX = 40 };
/* What one hearing reads at most: more than the kernel keeps (fs.inotify.max_queued_events). */
enum { NOTICE_BYTES = 16384, NOTICE_READS = 64 };

/* Of a directory: its entries come and go, or may be read now. IN_MODIFY is none of it: a log file beside a key is written all day. */
static const uint32_t directory_notices = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF |
                                          IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR | IN_MASK_ADD;
/* Of the file itself, since one that is mounted alone (containers) or has a second name may be written where no directory tells us. */
static const uint32_t file_notices = IN_CLOSE_WRITE | IN_ATTRIB | IN_MASK_ADD;

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- names on the ways */

/* FNV-1a: a name that is taken for another one costs a look. */
static uint64_t hash(const char *name)
{
    uint64_t key = 0xcbf29ce484222325;
    for (; *name; name++)
        key = (key ^ (unsigned char)*name) * 0x100000001b3;
    return key;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *first = a, *second = b;
    return (*first > *second) - (*first < *second);
}

static bool note_name(struct watch *watch, const char *name)
{
    if (watch->name_count == watch->name_room) {
        size_t room = watch->name_room ? 2 * watch->name_room : 64;
        uint64_t *names = realloc(watch->names, room * sizeof *names);
        if (!names)
            return false;
        watch->names = names;
        watch->name_room = room;
    }
    watch->names[watch->name_count++] = hash(name);
    return true;
}

/* What has no name is about the watched thing itself, or says that notices were lost. */
static bool concerns_us(const struct watch *watch, const struct inotify_event *event)
{
    if (event->len == 0)
        return true;
    uint64_t key = hash(event->name);
    return watch->name_count > 0 && bsearch(&key, watch->names, watch->name_count, sizeof key, compare);
}

/* ---- following the ways */

struct trail {
    struct watch *watch;
    int notices;
    char done[PATH_MAX]; /* without links; "" is the root */
    char rest[PATH_MAX];
    char name[NAME_MAX + 1]; /* between both */
    unsigned links;
};

/* Who may not read a directory gets no notices of it. What is not there will be announced by the directory above. */
static void ask_for_notices(struct trail *trail, const char *path, uint32_t mask)
{
    int number = inotify_add_watch(trail->notices, *path ? path : "/", mask);
    if (number > WATCH_NOTICES || (number < 0 && (errno == ENOSPC || errno == ENOMEM)))
        trail->watch->incomplete = true;
}

/* Takes the next word off the rest. False: there is none, or it is no name. */
static bool cut_name(struct trail *trail)
{
    const char *from = trail->rest + strspn(trail->rest, "/");
    size_t length = strcspn(from, "/");
    if (length == 0 || length > NAME_MAX)
        return false;
    memcpy(trail->name, from, length);
    trail->name[length] = '\0';
    memmove(trail->rest, from + length, strlen(from + length) + 1);
    return true;
}

static void climb(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
}

/* What a link says comes before the rest; from the root, or from where the link is. */
static bool follow(struct trail *trail, const char *target)
{
    char rest[PATH_MAX];
    int length = snprintf(rest, sizeof rest, "%s%s", target, trail->rest);
    if (trail->links++ == LINKS_MAX || length < 0 || (size_t)length >= sizeof rest)
        return false;
    memcpy(trail->rest, rest, (size_t)length + 1);
    if (*target == '/')
        trail->done[0] = '\0';
    else
        climb(trail->done);
    return true;
}

/* From one directory to what is next on the way. False: this is as far as it goes. */
static bool step(struct trail *trail)
{
    char target[PATH_MAX];
    size_t used = strlen(trail->done);
    ask_for_notices(trail, trail->done, directory_notices);
    trail->watch->incomplete |= !note_name(trail->watch, trail->name);
    if (strcmp(trail->name, ".") == 0)
        return true;
    if (strcmp(trail->name, "..") == 0) {
        climb(trail->done);
        return true;
    }
    int length = snprintf(trail->done + used, sizeof trail->done - used, "/%s", trail->name);
    if (length < 0 || (size_t)length >= sizeof trail->done - used)
        return false;
    ssize_t linked = readlink(trail->done, target, sizeof target - 1);
    if (linked < 0)
        return errno == EINVAL; /* it is there, and no link */
    target[linked] = '\0';
    return follow(trail, target);
}

static void trace(struct watch *watch, int notices, const char *path)
{
    struct trail trail = {.watch = watch, .notices = notices};
    if (strlen(path) >= sizeof trail.rest)
        return;
    memcpy(trail.rest, path, strlen(path) + 1);
    while (cut_name(&trail)) {
        if (!step(&trail))
            return;
    }
    ask_for_notices(&trail, trail.done, file_notices);
}

/* ---- notices */

/* Taken out of the set, since one that is in it wakes us by every notice, whatever it is in it for. */
static void listen_to(struct watch *watch, bool on)
{
    struct epoll_event event = {.events = EPOLLIN};
    if (watch->notices >= 0 && epoll_ctl(watch->events, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, watch->notices, &event) < 0)
        watch->incomplete = true;
}

/* A child that has not reached exec may hold them, too, and would keep them in the set. */
static void hang_up(struct watch *watch)
{
    if (watch->notices < 0)
        return;
    epoll_ctl(watch->events, EPOLL_CTL_DEL, watch->notices, NULL);
    close(watch->notices);
    watch->notices = -1;
}

static void say_incomplete(struct watch *watch)
{
    if (!watch->incomplete || watch->said)
        return;
    watch->said = true;
    log_write(
        watch->log, LOG_WARNING,
        "changes of some files are noticed within a minute only, as there are too many of them, or the system allows "
        "too few inotify %s: sysctl fs.inotify.max_user_%s",
        watch->notices < 0 ? "instances" : "watches", watch->notices < 0 ? "instances" : "watches");
}

/* A fresh set of notices each time, so that none is left of ways that are used no more. The old set goes last: nothing is missed between. */
static void follow_ways(struct watch *watch)
{
    int fresh = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    watch->hinted = false;
    watch->name_count = 0;
    watch->incomplete = fresh < 0;
    for (size_t i = 0; !watch->incomplete && i < watch->count; i++)
        trace(watch, fresh, watch->files[i].path);
    if (watch->name_count > 0)
        qsort(watch->names, watch->name_count, sizeof *watch->names, compare);
    hang_up(watch);
    watch->notices = fresh;
    if (watch->rest == UINT64_MAX)
        listen_to(watch, true);
    say_incomplete(watch);
}

void watch_hear(struct watch *watch, uint64_t now)
{
    alignas(struct inotify_event) char buffer[NOTICE_BYTES];
    ssize_t got = 0;
    for (int i = 0; i < NOTICE_READS && (got = read(watch->notices, buffer, sizeof buffer)) > 0; i++) {
        for (const char *at = buffer; at < buffer + got;) {
            const struct inotify_event *event = (const void *)at;
            watch->hinted = watch->hinted || concerns_us(watch, event);
            at += sizeof *event + event->len;
        }
    }
    watch->rest = now + WATCH_REST;
    listen_to(watch, false);
}

/* ---- looking */

static struct watch_facts facts_of(const char *path)
{
    struct stat found;
    if (stat(path, &found) < 0)
        return (struct watch_facts){.error = errno};
    return (struct watch_facts){
        .device = found.st_dev,
        .inode = found.st_ino,
        .size = (uint64_t)found.st_size,
        .modified = found.st_mtim,
        .changed = found.st_ctim,
    };
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_facts(const struct watch_facts *a, const struct watch_facts *b)
{
    return a->error == b->error && a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(&a->modified, &b->modified) && same_time(&a->changed, &b->changed);
}

static bool look_at(struct watch_file *file)
{
    struct watch_facts facts = facts_of(file->path);
    bool changed = !same_facts(&facts, &file->facts);
    file->facts = facts;
    return changed;
}

static void note_change(struct watch *watch, uint64_t now)
{
    watch->first = earlier(watch->first, now);
    watch->last = now;
}

/* Ways are followed before files are looked at: what happens between is announced by the new notices. A notice is a change whatever stat
 * says, since a file may be written twice within one tick of its clock. A change without a notice may have come by another way, so that
 * one more look follows. */
static void look(struct watch *watch, uint64_t now)
{
    bool changed = watch->hinted, follows = watch->hinted || watch->incomplete;
    if (follows)
        follow_ways(watch);
    for (size_t i = 0; i < watch->count; i++)
        changed |= look_at(&watch->files[i]);
    watch->hinted = changed && !follows;
    if (changed)
        note_change(watch, now);
    watch->check = now + WATCH_EVERY;
}

/* ---- the whole */

bool watch_init(struct watch *watch, struct log *log)
{
    *watch = (struct watch){
        .log = log, .notices = -1, .rest = UINT64_MAX, .check = UINT64_MAX, .first = UINT64_MAX, .last = UINT64_MAX};
    watch->events = epoll_create1(EPOLL_CLOEXEC);
    return watch->events >= 0;
}

static void forget(struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        free(watch->files[i].path);
    free(watch->files);
    watch->files = NULL;
    watch->count = 0;
    watch->hinted = watch->incomplete = false;
    watch->rest = watch->check = watch->first = watch->last = UINT64_MAX;
    hang_up(watch);
}

bool watch_set(struct watch *watch, const char *const *paths, size_t count, uint64_t now)
{
    forget(watch);
    if (count == 0)
        return true;
    watch->files = calloc(count, sizeof *watch->files);
    for (; watch->files && watch->count < count; watch->count++) {
        watch->files[watch->count].path = strdup(paths[watch->count]);
        if (!watch->files[watch->count].path)
            break;
    }
    if (watch->count < count) {
        forget(watch);
        return false;
    }
    watch->hinted = true;
    look(watch, now);
    note_change(watch, now);
    return true;
}

static uint64_t told_at(const struct watch *watch)
{
    if (watch->first == UINT64_MAX)
        return UINT64_MAX;
    return earlier(watch->last + WATCH_QUIET, watch->first + WATCH_LATEST);
}

bool watch_settle(struct watch *watch, uint64_t now)
{
    if (watch->rest <= now) {
        watch->rest = UINT64_MAX;
        listen_to(watch, true);
    }
    if (watch->count > 0 && (watch->hinted || watch->check <= now))
        look(watch, now);
    if (now < told_at(watch))
        return false;
    watch->first = watch->last = UINT64_MAX;
    return true;
}

uint64_t watch_next(const struct watch *watch)
{
    if (watch->hinted)
        return 0;
    return earlier(earlier(watch->rest, watch->check), told_at(watch));
}

void watch_deinit(struct watch *watch)
{
    forget(watch);
    free(watch->names);
    watch->names = NULL;
    watch->name_count = watch->name_room = 0;
    if (watch->events >= 0)
        close(watch->events);
    watch->events = -1;
}
