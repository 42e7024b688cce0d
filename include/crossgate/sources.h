/* What a plan is made of, apart from words: the bytes of the files and the descriptors of the directories that the
 * configuration names.
 *
 * The same plan_load runs in the master and in each worker. In the master the sources read the disk and remember all
 * that was asked for; packed, they travel to a worker, where the same questions get the same answers. So there is no
 * second format to keep in step with the configuration, and a worker needs no path. */
#ifndef CROSSGATE_SOURCES_H
#define CROSSGATE_SOURCES_H

#include "crossgate/base/error.h"
#include "crossgate/base/span.h"

/* The words of the command line that shape a plan. Borrowed strings. */
struct plan_request {
    const char *config;   /* path of the configuration file */
    const char *node_dir; /* absolute; relative paths in the configuration start here (facts section 6.3) */
    const char *backend;  /* --backend URL, or NULL */
};

struct source_file {
    struct span bytes;
    uint32_t mode;  /* permission bits; 0 in a worker */
    uint32_t owner; /* user id; 0 in a worker */
};

struct sources;

/* Reads the disk on demand. NULL when memory is out. Copies the request. */
struct sources *sources_new_disk(const struct plan_request *request);

/* From what sources_pack made: maps and copies `packed`, takes the descriptors over (also on failure). */
struct sources *sources_new_packed(int packed, const int *directories, size_t count, struct error *error);

/* Wipes all bytes and closes all descriptors. Accepts NULL. */
void sources_free(struct sources *sources);

const struct plan_request *sources_request(const struct sources *sources);

/* The file's bytes, at most SOURCE_MAX, valid until sources_free. Regular files only; never blocks on a FIFO. Asked
 * twice, read once. False: missing, unreadable, too large (class INPUT or SYSTEM, text with path). */
enum { SOURCE_MAX = 16 * 1024 * 1024 };
bool sources_file(struct sources *sources, const char *path, struct source_file *file, struct error *error)
    __attribute__((warn_unused_result));

/* A descriptor of the directory (O_PATH), owned by the sources; a plan that keeps it duplicates it. -1 on error. */
int sources_directory(struct sources *sources, const char *path, struct error *error)
    __attribute__((warn_unused_result));

/* All that was asked for, as a memfd (the caller closes it), and the directory descriptors in order (borrowed).
 * -1 on error. */
int sources_pack(const struct sources *sources, struct error *error) __attribute__((warn_unused_result));
size_t sources_directories(const struct sources *sources, const int **directories);

#endif
