/* Files that the master writes, to read them again in later runs: what an errand has brought. */
#ifndef CROSSGATE_PROCESS_STATE_H
#define CROSSGATE_PROCESS_STATE_H

#include "crossgate/base/error.h"
#include "crossgate/base/span.h"

/* Puts the file in place of the one of that name, or not at all, even if the machine crashes: a reader sees the old bytes or the new ones.
 * `path` is absolute; directories that it lacks are made, for their owner only (mode 700); the file has mode 600 from its first byte. The
 * directory must belong to the user that we run as, and must not be open to all others. */
bool state_write(const char *path, struct span bytes, struct error *error) __attribute__((warn_unused_result));

/* The same without waiting for the disk, which may take seconds: a crash of the machine may leave an empty file or none. For what can be
 * had again, and is verified when it is read. */
bool state_write_passing(const char *path, struct span bytes, struct error *error) __attribute__((warn_unused_result));

#endif
