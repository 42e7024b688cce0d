#include "output.h"

#include "input.h"

#include "crossgate/base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool refuse_link(const char *path, struct error *error)
{
    char target[PATH_MAX] = "";
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    error_set(error, ERROR_INPUT, "%.90s is a link to %.90s: name that file itself", path, target);
    return false;
}

enum { SEARCHED_MAX = 1 << 20 };

/* A slip of --out must not cost a private key. What is too long to be searched is none. */
static bool holds_key(const char *path)
{
    struct input input;
    struct error error = {0};
    static const char mark[] = "PRIVATE KEY-----";
    if (!input_read(path, SEARCHED_MAX, &input, &error))
        return false;
    bool holds = memmem(input.at, input.len, mark, sizeof mark - 1) != NULL;
    input_free(&input);
    return holds;
}

static bool check_one(const struct output *file, bool force, struct error *error)
{
    struct stat facts;
    if (lstat(file->path, &facts) < 0) {
        if (errno == ENOENT)
            return true;
        error_set_errno(error, "%s cannot be made", file->path);
        return false;
    }
    if (S_ISLNK(facts.st_mode))
        return refuse_link(file->path, error);
    if (!S_ISREG(facts.st_mode))
        error_set(error, ERROR_INPUT, "%s is no file", file->path);
    else if (!force)
        error_set(error, ERROR_INPUT, "%s is there already: --force replaces it, --out writes elsewhere", file->path);
    else if (file->mode == OUTPUT_PUBLIC && holds_key(file->path))
        error_set(error, ERROR_INPUT, "%s holds a private key: nothing else replaces it", file->path);
    else
        return true;
    return false;
}

static bool check_directory(const char *path, struct error *error)
{
    char directory[PATH_MAX];
    struct stat facts;
    const char *slash = strrchr(path, '/');
    if (strlen(path) >= sizeof directory - sizeof ".XXXXXX") {
        error_set(error, ERROR_INPUT, "the path %.100s… is too long", path);
        return false;
    }
    snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    if (stat(directory, &facts) == 0 && S_ISDIR(facts.st_mode))
        return true;
    error_set(error, ERROR_INPUT, "there is no directory %.90s: mkdir -p %.90s", directory, directory);
    return false;
}

bool outputs_check(const struct output *files, size_t count, bool force, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && strcmp(files[i].path, files[0].path) == 0) {
            error_set(error, ERROR_INPUT, "%s cannot be two files at once", files[0].path);
            return false;
        }
        if (!check_directory(files[i].path, error) || !check_one(&files[i], force, error))
            return false;
    }
    return true;
}

/* mkostemp makes it with mode 0600 and O_EXCL; the mode is widened when all is written. */
static bool write_fresh(struct output *file, struct error *error)
{
    snprintf(file->fresh, sizeof file->fresh, "%s.XXXXXX", file->path);
    int descriptor = mkostemp(file->fresh, O_CLOEXEC);
    if (descriptor < 0)
        file->fresh[0] = '\0';
    bool worked = descriptor >= 0 && disk_write(descriptor, file->bytes) && fchmod(descriptor, file->mode) == 0 &&
                  fsync(descriptor) == 0;
    if (!worked)
        error_set_errno(error, "%s cannot be written", file->path);
    if (descriptor >= 0 && close(descriptor) < 0 && worked) {
        error_set_errno(error, "%s cannot be written", file->path);
        worked = false;
    }
    return worked;
}

/* Not every file system knows RENAME_NOREPLACE; those that do not, know links. */
static bool move_to_free_place(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    return errno == EINVAL && link(from, to) == 0 && unlink(from) == 0;
}

/* With RENAME_EXCHANGE the old file is at hand until all are in place; without, it is replaced for good. */
static bool replace(struct output *file)
{
    if (renameat2(AT_FDCWD, file->fresh, AT_FDCWD, file->path, RENAME_EXCHANGE) == 0) {
        file->done = OUTPUT_EXCHANGED;
        return true;
    }
    if (errno != EINVAL || rename(file->fresh, file->path) < 0)
        return false;
    file->fresh[0] = '\0';
    return true;
}

static bool publish(struct output *file, bool force, struct error *error)
{
    bool worked = move_to_free_place(file->fresh, file->path);
    if (worked) {
        file->done = OUTPUT_MADE;
        file->fresh[0] = '\0';
    } else if (errno == EEXIST && force) {
        worked = replace(file);
    }
    if (!worked)
        error_set_errno(error, "%s cannot be put in place", file->path);
    return worked;
}

static void undo(struct output *file)
{
    if (file->done == OUTPUT_MADE)
        unlink(file->path);
    else if (file->done == OUTPUT_EXCHANGED)
        renameat2(AT_FDCWD, file->fresh, AT_FDCWD, file->path, RENAME_EXCHANGE);
    file->done = OUTPUT_ABSENT;
}

/* The names are in the directory, too, after a crash. */
static void sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    fsync(descriptor);
    close(descriptor);
}

static bool write_files(struct output *files, size_t count, bool force, struct error *error)
{
    bool worked = true;
    for (size_t i = 0; worked && i < count; i++)
        worked = write_fresh(&files[i], error);
    for (size_t i = 0; worked && i < count; i++)
        worked = publish(&files[i], force, error);
    for (size_t i = count; !worked && i > 0; i--)
        undo(&files[i - 1]);
    for (size_t i = 0; i < count; i++) {
        if (files[i].fresh[0])
            unlink(files[i].fresh);
        sync_directory(files[i].path);
    }
    return worked;
}

/* Ctrl-C waits until all is in place, or nothing. */
bool outputs_write(struct output *files, size_t count, bool force, struct error *error)
{
    sigset_t all, before;
    if (!outputs_check(files, count, force, error))
        return false;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    bool worked = write_files(files, count, force, error);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return worked;
}
