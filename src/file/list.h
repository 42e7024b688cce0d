/* The names in a directory, in a thread that may wait. */
#ifndef CROSSGATE_FILE_LIST_H
#define CROSSGATE_FILE_LIST_H

#include "crossgate/base/arena.h"
#include "crossgate/file.h"

/* Reads at most `most` names of the directory `descriptor`, which is at `path` beneath `root`. The listing lives in the
 * arena. */
enum file_result list_directory(int root, int descriptor, const char *path, size_t most, struct arena *arena,
                                struct file_listing *listing);

#endif
