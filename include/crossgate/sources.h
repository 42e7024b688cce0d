/* What a plan is made of, apart from words: the bytes of the files, the descriptors of the directories and the values of
 * the environment variables that the configuration names.
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
    const char *node_dir; /* absolute; relative paths in the configuration start here, as with Crossbar */
    const char *backends; /* the URLs of --backend, one a line; or NULL */
    bool strict;          /* --strict: extensions are errors */
};

struct source_file {
    struct span bytes;
    uint32_t mode;  /* permission bits; 0 in a worker */
    uint32_t owner; /* user id; 0 in a worker */
};

struct sources;

/* Reads the disk on demand. NULL when memory is out. Copies the request. */
struct sources *sources_new_disk(const struct plan_request *request);

/* From what sources_pack made: copies `packed`, which stays the caller's, and takes the directories over (also on
 * failure). Trusts no length in it. */
struct sources *sources_new_packed(int packed, const int *directories, size_t count, struct error *error);

/* The same words, configuration, environment and directories as `previous` (of the disk), and all other files that it was
 * asked for as they are on the disk now: what a plan becomes when only those have changed. `beneath`: only files in that
 * directory are read again; NULL: all. NULL when memory is out. */
struct sources *sources_new_renewed(const struct sources *previous, const char *beneath);

/* Notes that the file is named at that place of the configuration (JSON path). In a worker nobody asks: it does nothing. False when
 * memory is out. */
bool sources_note_place(struct sources *sources, const char *path, const char *place)
    __attribute__((warn_unused_result));

/* Something is wrong at that place or below it: all files that are named there are distrusted. */
void sources_distrust(struct sources *sources, const char *place);

/* As sources_new_renewed has it from `previous`, but with what that has of files that are distrusted. NULL when memory is out. */
struct sources *sources_new_trusted(const struct sources *previous, const struct sources *renewed);

/* In how many files that `a` was asked for the two differ: other bytes, or there in one only; the first one's name goes to
 * *first (NULL if there is none). What cannot be read counts as not there. */
size_t sources_differ(const struct sources *a, const struct sources *b, const char **first);

/* All files that were asked for, there or not, but the configuration itself. False when memory is out. The array is the
 * caller's to free, the names belong to the sources. */
bool sources_names(const struct sources *sources, const char ***names, size_t *count)
    __attribute__((warn_unused_result));

/* Wipes all bytes and closes all descriptors. Accepts NULL. */
void sources_free(struct sources *sources);

/* The words that they were made with. */
const struct plan_request *sources_request(const struct sources *sources);

/* In a worker: the master has made a plan of the same sources before it sent them. */
bool sources_are_packed(const struct sources *sources);

/* The file's bytes, at most SOURCE_MAX, valid until sources_free. Regular files only; never blocks on a FIFO. Asked
 * twice, read once. False: missing, unreadable, too large (class INPUT or SYSTEM, text with path). */
enum { SOURCE_MAX = 16 * 1024 * 1024 };
bool sources_file(struct sources *sources, const char *path, struct source_file *file, struct error *error)
    __attribute__((warn_unused_result));

/* Likewise of a file that need not be there: then *file has no bytes (`at` is NULL), which is no error, and is remembered. */
bool sources_file_if_any(struct sources *sources, const char *path, struct source_file *file, struct error *error)
    __attribute__((warn_unused_result));

/* Bytes that the master has made itself, by a name that is no path: in a worker the same bytes. False: nothing of that name was
 * made. Valid until sources_free. */
bool sources_made(const struct sources *sources, const char *name, struct span *bytes);

/* Remembers a copy in place of what is there by that name, before anybody has asked for that: in the master. False when memory is
 * out. */
bool sources_keep_made(struct sources *sources, const char *name, struct span bytes)
    __attribute__((warn_unused_result));

/* What the master has made for `previous` is there for these, too. False when memory is out. */
bool sources_inherit_made(struct sources *sources, const struct sources *previous) __attribute__((warn_unused_result));

/* A descriptor of the directory (O_PATH), owned by the sources; a plan that keeps it duplicates it. -1 on error. */
int sources_directory(struct sources *sources, const char *path, struct error *error)
    __attribute__((warn_unused_result));

/* The value of an environment variable, or NULL if it is not set. Valid until sources_free. */
const char *sources_variable(struct sources *sources, const char *name);

/* All that was asked for and found, as a sealed memfd (the caller closes it), and the directory descriptors in order
 * (borrowed). -1 on error. */
int sources_pack(const struct sources *sources, struct error *error) __attribute__((warn_unused_result));
size_t sources_directories(const struct sources *sources, const int **directories);

/* What directory `index` of these was asked for by. Belongs to the sources. */
const char *sources_directory_name(const struct sources *sources, size_t index);

#endif
