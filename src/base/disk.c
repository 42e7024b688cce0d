#include "crossgate/base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool disk_read_text(const char *path, char *text, size_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    size_t length = 0;
    ssize_t got = file >= 0 ? 1 : -1;
    while (got > 0 && length < size - 1) {
        got = read(file, text + length, size - 1 - length);
        length += got > 0 ? (size_t)got : 0;
    }
    text[length] = '\0';
    if (file >= 0)
        close(file);
    return got >= 0;
}

uint8_t *disk_read(int file, const char *name, size_t size, size_t *length, struct error *error)
{
    uint8_t *bytes = malloc(size + 1);
    ssize_t got = 1;
    *length = 0;
    if (!bytes) {
        error_set(error, ERROR_MEMORY, "out of memory while reading %s", name);
        return NULL;
    }
    while (*length < size && got != 0) {
        got = pread(file, bytes + *length, size - *length, (off_t)*length);
        if (got < 0 && errno != EINTR) {
            error_set_errno(error, "%s cannot be read", name);
            explicit_bzero(bytes, *length);
            free(bytes);
            return NULL;
        }
        *length += got > 0 ? (size_t)got : 0;
    }
    bytes[*length] = '\0';
    return bytes;
}

bool disk_write(int file, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t written = write(file, bytes.at, bytes.len);
        if (written < 0 && errno != EINTR)
            return false;
        bytes = span_tail(bytes, written > 0 ? (size_t)written : 0);
    }
    return true;
}

bool disk_make_directories(const char *path, struct error *error)
{
    char directory[PATH_MAX];
    for (const char *end = strchr(path + 1, '/'); end; end = strchr(end + 1, '/')) {
        snprintf(directory, sizeof directory, "%.*s", (int)(end - path), path);
        if (mkdir(directory, 0700) == 0 || errno == EEXIST)
            continue;
        error_set_errno(error, "the directory %s cannot be made", directory);
        return false;
    }
    return true;
}
