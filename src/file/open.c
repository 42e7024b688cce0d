#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

/* A rename under way makes the kernel unsure whether ".." in a link stays beneath: it says EAGAIN, and one tries again. */
enum { OPEN_TRIES = 16 };

static enum file_result result_of(int code)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case EXDEV: /* leads outside */
    case ELOOP: /* too many links, or a magic one */
        return FILE_NONE;
    case EACCES:
    case EPERM:
        return FILE_DENIED;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return FILE_RESOURCES;
    default: /* ENOSYS, too: without openat2 (Linux before 5.6) nothing is served rather than too much */
        return FILE_BROKEN;
    }
}

/* -1 with errno. O_NONBLOCK: opening a FIFO without a writer would wait for one. */
enum { TO_READ = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, TO_LOOK = O_PATH | O_CLOEXEC };

static int open_once(int directory, const char *path, int flags, bool cached)
{
    struct open_how how = {
        .flags = (unsigned)flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (cached ? (unsigned)RESOLVE_CACHED : 0u),
    };
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

/* `flags` are statx's: whether a link is followed, and whether another machine may be asked. */
static enum file_result look(int directory, const char *path, int flags, struct file_facts *facts)
{
    struct statx status;
    if (statx(directory, path, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &status) != 0)
        return result_of(errno);
    *facts = (struct file_facts){
        .is_directory = S_ISDIR(status.stx_mode),
        .size = status.stx_size,
        .modified_seconds = status.stx_mtime.tv_sec,
        .modified_nanoseconds = status.stx_mtime.tv_nsec,
        .changed_seconds = status.stx_ctime.tv_sec,
        .changed_nanoseconds = status.stx_ctime.tv_nsec,
        .inode = status.stx_ino,
        .device = makedev(status.stx_dev_major, status.stx_dev_minor),
    };
    return S_ISDIR(status.stx_mode) || S_ISREG(status.stx_mode) ? FILE_OK : FILE_BROKEN;
}

/* A name without a slash can lead away by being a link only, and then it is not followed: one call says all. */
static bool is_plain_name(const char *path)
{
    return !strchr(path, '/') && strcmp(path, "..") != 0;
}

enum file_result look_again(int directory, const char *path, struct file_facts *facts)
{
    if (is_plain_name(path) && look(directory, path, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, facts) == FILE_OK)
        return FILE_OK;
    int opened = open_once(directory, path, TO_LOOK, true);
    if (opened < 0)
        return result_of(errno);
    enum file_result result = look(opened, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, facts);
    close(opened);
    return result;
}

bool is_on_local_disk(int descriptor)
{
    static const uint32_t local[] = {
        EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,       BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
        TMPFS_MAGIC,      OVERLAYFS_SUPER_MAGIC, SQUASHFS_MAGIC,    EROFS_SUPER_MAGIC_V1,
    };
    struct statfs facts;
    if (fstatfs(descriptor, &facts) != 0)
        return false;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        if ((uint32_t)facts.f_type == local[i])
            return true;
    }
    return false;
}

bool file_facts_equal(const struct file_facts *a, const struct file_facts *b)
{
    return a->is_directory == b->is_directory && a->size == b->size && a->inode == b->inode && a->device == b->device &&
           a->modified_seconds == b->modified_seconds && a->modified_nanoseconds == b->modified_nanoseconds &&
           a->changed_seconds == b->changed_seconds && a->changed_nanoseconds == b->changed_nanoseconds;
}

/* -1 with errno. */
static int open_waiting(int directory, const char *path, int flags)
{
    int opened = open_once(directory, path, flags, false);
    for (int tries = 1; opened < 0 && (errno == EAGAIN || errno == EINTR) && tries < OPEN_TRIES; tries++)
        opened = open_once(directory, path, flags, false);
    return opened;
}

enum file_result open_beneath(int directory, const char *path, bool cached, bool *waits, int *descriptor,
                              struct file_facts *facts)
{
    int opened = cached ? open_once(directory, path, TO_READ, true) : open_waiting(directory, path, TO_READ);
    /* EINVAL: Linux before 5.12 does not know RESOLVE_CACHED. */
    *waits = opened < 0 && cached && (errno == EAGAIN || errno == EINVAL || errno == EINTR);
    if (*waits)
        return FILE_BROKEN;
    if (opened < 0)
        return result_of(errno);
    enum file_result result = look(opened, "", AT_EMPTY_PATH, facts);
    if (result == FILE_OK)
        *descriptor = opened;
    else
        close(opened);
    return result;
}

enum file_result look_beneath(int directory, const char *path, struct file_facts *facts)
{
    int opened = open_waiting(directory, path, TO_LOOK);
    if (opened < 0)
        return result_of(errno);
    enum file_result result = look(opened, "", AT_EMPTY_PATH, facts);
    close(opened);
    return result;
}

enum file_result read_at(int descriptor, uint64_t offset, uint8_t *to, size_t length, bool cached, bool *waits,
                         size_t *got)
{
    struct iovec part = {.iov_base = to, .iov_len = length};
    ssize_t n;
    *waits = false;
    do {
        n = preadv2(descriptor, &part, 1, (off_t)offset, cached ? RWF_NOWAIT : 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && cached && (errno == EAGAIN || errno == EOPNOTSUPP || errno == ENOSYS)) {
        *waits = true;
        return FILE_BROKEN;
    }
    if (n < 0)
        return result_of(errno);
    *got = (size_t)n;
    return FILE_OK;
}
