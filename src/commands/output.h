/* Files that a command makes: each whole or not at all, all of one command's or none. */
#ifndef CROSSGATE_COMMANDS_OUTPUT_H
#define CROSSGATE_COMMANDS_OUTPUT_H

#include "crossgate/base/error.h"
#include "crossgate/base/span.h"

#include <limits.h>
#include <sys/types.h>

struct output {
    const char *path;
    struct span bytes;
    mode_t mode; /* whatever the umask */

    char fresh[PATH_MAX]; /* output.c's: the file until it is whole; "" when there is none */
    enum { OUTPUT_ABSENT, OUTPUT_MADE, OUTPUT_EXCHANGED } done;
};

/* Private files of a command, and those that everybody may read. */
enum { OUTPUT_PRIVATE = 0600, OUTPUT_PUBLIC = 0644, OUTPUT_MAX = 2 };

/* Says early what outputs_write would refuse: a file that is there (unless `force`, but for private keys under public files), a link, a
 * directory that is not there, two files of one name. */
bool outputs_check(const struct output *files, size_t count, bool force, struct error *error)
    __attribute__((warn_unused_result));

/* Writes each beside its place, private from its first byte, and syncs it; then all are put in place in their order. Nothing that was
 * there is replaced without `force`. False: *error says why, and all is as it was. */
bool outputs_write(struct output *files, size_t count, bool force, struct error *error)
    __attribute__((warn_unused_result));

#endif
