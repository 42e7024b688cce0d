/* What is done to the disk at several places, waiting for it. */
#ifndef CROSSGATE_BASE_DISK_H
#define CROSSGATE_BASE_DISK_H

#include "crossgate/base/error.h"
#include "crossgate/base/span.h"

/* A small file, as the kernel shows them: cut to size, zero-terminated. False: it cannot be read; the text is
 * terminated then, too. `size` is at least 1. */
bool disk_read_text(const char *path, char *text, size_t size) __attribute__((warn_unused_result));

/* The whole of an open file of that size, which may shrink meanwhile: zero-terminated, the caller's to free. Without the file's own
 * offset, so that several processes may read one open file at the same time. NULL: *error names it as `name`. */
uint8_t *disk_read(int file, const char *name, size_t size, size_t *length, struct error *error)
    __attribute__((warn_unused_result));

/* Writes all of it, as often as that takes. False with errno. */
bool disk_write(int file, struct span bytes) __attribute__((warn_unused_result));

/* Makes all directories above the file of that absolute path that are not there, for their owner only (mode 700). False
 * with an error of error_set_errno; what was made by then stays. */
bool disk_make_directories(const char *path, struct error *error) __attribute__((warn_unused_result));

#endif
