/* Files beneath a directory, read without making the loop wait.
 *
 * What is in the kernel's caches is read at once (openat2 with RESOLVE_CACHED, preadv2 with RWF_NOWAIT); all
 * else goes to libuv's pool. No path, link or race leads outside the directory (openat2 with RESOLVE_BENEATH,
 * RESOLVE_NO_MAGICLINKS); a kernel without openat2 (Linux before 5.6) gives FILE_BROKEN for every path.
 *
 * A loop that has a file_cache keeps small files for a moment. Nobody can tell but by the time it takes. */
#ifndef CROSSGATE_FILE_H
#define CROSSGATE_FILE_H

#include "crossgate/base/loop.h"
#include "crossgate/base/span.h"

enum file_result {
    FILE_OK,
    FILE_NONE,      /* no such file, or the path leads outside */
    FILE_DENIED,    /* permissions */
    FILE_BROKEN,    /* read error, or neither file nor directory */
    FILE_RESOURCES, /* memory or descriptors are out */
};

struct file_facts {
    bool is_directory;
    uint64_t size;
    int64_t modified_seconds; /* since 1970 */
    uint32_t modified_nanoseconds;
    int64_t changed_seconds; /* since 1970: of content, permissions, owner or links */
    uint32_t changed_nanoseconds;
    uint64_t inode;
    uint64_t device;
};

/* One name in a directory: a file or a directory, also by a link that stays beneath. What else there is, is left out. */
struct file_entry {
    const char *name;
    bool is_directory;
    uint64_t size;
    int64_t modified_seconds; /* since 1970 */
};

/* Directories first, each kind in the order of its names' bytes. */
struct file_listing {
    const struct file_entry *at;
    size_t count;
    bool cut; /* there are more than FILE_LISTING_MAX */
};

enum { FILE_LISTING_MAX = 10000 };
/* Listings that a loop has in memory at a time, each up to three MiB: who asks for many and reads none of them shall not cost
 * more, nor keep the pool's threads from the files of others. */
enum { FILE_LISTINGS_MAX = 32 };

/* What a loop keeps of small files, at most 4 MiB. NULL when memory is out; free accepts NULL. */
struct file_cache *file_cache_new(void);
void file_cache_free(struct file_cache *cache);

struct file;

struct file_user {
    /* The answer to file_open; after anything but FILE_OK the file frees itself when this returns. */
    void (*on_open)(void *user, enum file_result result, const struct file_facts *facts);
    /* The answer to file_read: bytes valid for this call only; empty at the end of the file. */
    void (*on_read)(void *user, enum file_result result, struct span bytes);
    /* The answer to file_list: valid until file_close; NULL after anything but FILE_OK. */
    void (*on_list)(void *user, enum file_result result, const struct file_listing *listing);
};

/* Opens `path` (relative, zero-terminated, copied) beneath `directory` (borrowed descriptor; must stay open until
 * on_open). on_open is never called from within. NULL when memory is out. */
struct file *file_open(struct loop *loop, int directory, const char *path, const struct file_user *on, void *user);

/* What one read brings at most: four TLS records. */
enum { FILE_READ_MAX = LOOP_MESSAGE_BYTES };

/* Reads up to FILE_READ_MAX from `offset`, perhaps fewer; one read at a time. on_read may be called from within file_read if
 * the bytes are cached; it may call file_read again (the depth stays bounded). */
void file_read(struct file *file, uint64_t offset, size_t length);

/* Reads the names in a directory that is open, at most once. Never answers from within: always the pool does it. The
 * directory that was named to file_open must stay open until on_list or file_close. False, and no on_list, when the loop has
 * FILE_LISTINGS_MAX of them already: each counts until its file_close. */
bool file_list(struct file *file) __attribute__((warn_unused_result));

/* No callback any more; frees itself when the pool has let go. */
void file_close(struct file *file);

#endif
