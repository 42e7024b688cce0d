#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* All directories above the file. */
static bool make_directories(const char *path, struct error *error)
{
    char directory[PATH_MAX];
    for (const char *end = strchr(path + 1, '/'); end; end = strchr(end + 1, '/')) {
        snprintf(directory, sizeof directory, "%.*s", (int)(end - path), path);
        if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
            error_set_errno(error, "the directory %s cannot be made", directory);
            return false;
        }
    }
    return true;
}

static bool write_all(int file, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t written = write(file, bytes.at, bytes.len);
        if (written < 0 && errno != EINTR)
            return false;
        bytes = span_tail(bytes, written > 0 ? (size_t)written : 0);
    }
    return true;
}

/* The name is in the directory, too, after a crash. */
static bool sync_directory(const char *path)
{
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(path, '/') - path), path);
    int descriptor = open(*directory ? directory : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool worked = descriptor >= 0 && fsync(descriptor) == 0;
    if (descriptor >= 0)
        close(descriptor);
    return worked;
}

bool state_write(const char *path, struct span bytes, struct error *error)
{
    char fresh[PATH_MAX];
    int length = snprintf(fresh, sizeof fresh, "%s.new", path);
    if (path[0] != '/' || length >= (int)sizeof fresh) {
        error_set(error, ERROR_INPUT, "%s is no path to write to", path);
        return false;
    }
    if (!make_directories(path, error))
        return false;
    unlink(fresh); /* of a run that was cut short */
    int file = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool worked = file >= 0 && write_all(file, bytes) && fsync(file) == 0;
    if (file >= 0 && close(file) < 0)
        worked = false;
    worked = worked && rename(fresh, path) == 0 && sync_directory(path);
    if (!worked) {
        error_set_errno(error, "%s cannot be written", path);
        unlink(fresh);
    }
    return worked;
}
