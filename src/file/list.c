#include "list.h"

#include "open.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What has been read so far, the latest first. */
struct found {
    struct found *next;
    struct file_entry entry;
};

struct listing_job {
    int root;
    const char *path;
    size_t most;
    struct arena *arena;
    struct found *found;
    size_t count;
};

/* A link is followed as a request would be: from the root, never out of it. */
static bool look_through_link(const struct listing_job *job, const char *name, struct file_facts *facts)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", job->path, name);
    return (size_t)length < sizeof path && look_beneath(job->root, path, facts) == FILE_OK;
}

/* False: there is nothing to show, or it is gone by now. */
static bool look(const struct listing_job *job, int directory, const char *name, struct file_facts *facts)
{
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    if (S_ISLNK(status.st_mode))
        return look_through_link(job, name, facts);
    *facts = (struct file_facts){
        .is_directory = S_ISDIR(status.st_mode),
        .size = (uint64_t)status.st_size,
        .modified_seconds = status.st_mtim.tv_sec,
    };
    return S_ISDIR(status.st_mode) || S_ISREG(status.st_mode);
}

static bool add(struct listing_job *job, const char *name, const struct file_facts *facts)
{
    struct found *found = arena_alloc(job->arena, sizeof *found);
    char *copy = found ? arena_copy(job->arena, span_string(name)) : NULL;
    if (!copy)
        return false;
    *found = (struct found){
        .next = job->found,
        .entry = {copy, facts->is_directory, facts->size, facts->modified_seconds},
    };
    job->found = found;
    job->count++;
    return true;
}

static bool is_self_or_parent(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static enum file_result read_names(struct listing_job *job, DIR *directory, bool *cut)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        struct file_facts facts;
        if (!entry)
            return errno == 0 ? FILE_OK : FILE_BROKEN;
        if (is_self_or_parent(entry->d_name) || !look(job, dirfd(directory), entry->d_name, &facts))
            continue;
        *cut = job->count == job->most;
        if (*cut)
            return FILE_OK;
        if (!add(job, entry->d_name, &facts))
            return FILE_RESOURCES;
    }
}

static int compare(const void *a, const void *b)
{
    const struct file_entry *left = a, *right = b;
    if (left->is_directory != right->is_directory)
        return left->is_directory ? -1 : 1;
    return strcmp(left->name, right->name);
}

static enum file_result sort(struct listing_job *job, struct file_listing *listing)
{
    struct file_entry *entries = arena_alloc(job->arena, job->count * sizeof *entries + 1);
    size_t count = 0;
    if (!entries)
        return FILE_RESOURCES;
    for (const struct found *found = job->found; found; found = found->next)
        entries[count++] = found->entry;
    qsort(entries, count, sizeof *entries, compare);
    listing->at = entries;
    listing->count = count;
    return FILE_OK;
}

enum file_result list_directory(int root, int descriptor, const char *path, size_t most, struct arena *arena,
                                struct file_listing *listing)
{
    struct listing_job job = {.root = root, .path = path, .most = most, .arena = arena};
    int own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    DIR *directory = own >= 0 ? fdopendir(own) : NULL;
    if (!directory) {
        if (own >= 0)
            close(own);
        return FILE_RESOURCES;
    }
    enum file_result result = read_names(&job, directory, &listing->cut);
    closedir(directory);
    return result == FILE_OK ? sort(&job, listing) : result;
}
