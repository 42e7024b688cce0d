#include "state.h"

#include "crossgate/base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is written first, beside the file: its name with this behind it. */
static const char suffix[] = ".new";

/* Whoever else may write into it could have us take what is his for what we have remembered. */
static bool is_ours(int descriptor, const char *directory, struct error *error)
{
    struct stat facts;
    if (fstat(descriptor, &facts) < 0)
        error_set_errno(error, "the directory %s cannot be looked at", directory);
    else if (facts.st_uid != geteuid())
        error_set(error, ERROR_INPUT, "the directory %s belongs to the user with the id %u: chown it, or name another",
                  directory, (unsigned)facts.st_uid);
    else if (facts.st_mode & S_IWOTH)
        error_set(error, ERROR_INPUT, "everybody may write into the directory %s: chmod 700 it", directory);
    else
        return true;
    return false;
}

/* The directory of the file. -1 on error. */
static int open_directory(const char *path, struct error *error)
{
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(path, '/') - path + 1), path);
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        error_set_errno(error, "the directory %s cannot be opened", directory);
    else if (is_ours(descriptor, directory, error))
        return descriptor;
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

/* With `lasts` bytes and name are there after a crash, too. */
static bool replace(int directory, const char *name, struct span bytes, bool lasts)
{
    char fresh[NAME_MAX + 1];
    snprintf(fresh, sizeof fresh, "%s%s", name, suffix);
    unlinkat(directory, fresh, 0); /* of a run that was cut short */
    int file = openat(directory, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool worked = file >= 0 && disk_write(file, bytes) && (!lasts || fsync(file) == 0);
    int number = errno;
    if (file >= 0 && close(file) < 0 && worked) {
        number = errno;
        worked = false;
    }
    if (worked && renameat(directory, fresh, directory, name) == 0 && (!lasts || fsync(directory) == 0))
        return true;
    number = worked ? errno : number;
    unlinkat(directory, fresh, 0);
    errno = number;
    return false;
}

static bool is_path(const char *path, struct error *error)
{
    const char *name = strrchr(path, '/');
    if (path[0] == '/' && name[1] && strlen(path) < PATH_MAX && strlen(name + 1) <= NAME_MAX - strlen(suffix))
        return true;
    error_set(error, ERROR_INPUT, "%s is no path to write to", path);
    return false;
}

static bool put(const char *path, struct span bytes, bool lasts, struct error *error)
{
    if (!is_path(path, error) || !disk_make_directories(path, error))
        return false;
    int directory = open_directory(path, error);
    if (directory < 0)
        return false;
    bool worked = replace(directory, strrchr(path, '/') + 1, bytes, lasts);
    if (!worked)
        error_set_errno(error, "%s cannot be written", path);
    close(directory);
    return worked;
}

bool state_write(const char *path, struct span bytes, struct error *error)
{
    return put(path, bytes, true, error);
}

bool state_write_passing(const char *path, struct span bytes, struct error *error)
{
    return put(path, bytes, false, error);
}
