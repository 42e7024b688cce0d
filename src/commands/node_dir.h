/* Which node directory and which configuration file are meant: Crossbar's rules, shared by the
 * commands that take --cbdir and --config. */
#ifndef CROSSGATE_COMMANDS_NODE_DIR_H
#define CROSSGATE_COMMANDS_NODE_DIR_H

#include "crossgate/base/error.h"
#include "crossgate/config.h"
#include "crossgate/sources.h"

#include <limits.h>

struct node_dir {
    char directory[PATH_MAX]; /* absolute, without links */
    char config[PATH_MAX];
    bool both; /* there is a config.json, too, which is not read */
};

/* The directory: --cbdir, else the environment's CROSSBAR_DIR, else ./.crossbar if there is one, else the current one;
 * where a file is named, the directory it is in. The file: --config, relative to the directory if --cbdir is given,
 * else relative to the current one, and then its own directory is the node's; without --config: config.yaml if there is
 * one, else config.json. It is chosen once: a reload reads the same file.
 *
 * Sets request->config and request->node_dir, which borrow `place`, and leaves the rest of the request alone. `cbdir` and
 * `config` may be NULL. Does not look whether a file that is named exists. */
bool node_dir_resolve(const char *cbdir, const char *config, struct node_dir *place, struct plan_request *request,
                      struct error *error) __attribute__((warn_unused_result));

/* Notes that a configuration file is not read because of another. */
void node_dir_report(const struct node_dir *place, struct diagnostics *diagnostics);

#endif
