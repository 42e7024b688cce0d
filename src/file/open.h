/* The system calls of this room: each says at once what it knows, or that it would have to wait. */
#ifndef CROSSGATE_FILE_OPEN_H
#define CROSSGATE_FILE_OPEN_H

#include "crossgate/file.h"

#include <sys/types.h>

/* Opens beneath the directory and looks at what it is. `cached`: only if nothing need be read from a disk; *waits becomes
 * true if it must, and the result then means nothing. On FILE_OK *descriptor is the caller's. */
enum file_result open_beneath(int directory, const char *path, bool cached, bool *waits, int *descriptor,
                              struct file_facts *facts);

/* What is at the path beneath the directory, without opening it. May wait. */
enum file_result look_beneath(int directory, const char *path, struct file_facts *facts);

/* What was at the path beneath the directory a moment ago, looked at again: nothing outside is touched, and nothing is waited
 * for but the disk of the directory itself. Anything but FILE_OK means "not known so"; it has to be opened. */
enum file_result look_again(int directory, const char *path, struct file_facts *facts);

/* On a file system that asks nobody else about names and files. */
bool is_on_local_disk(int descriptor);

bool file_facts_equal(const struct file_facts *a, const struct file_facts *b);

/* Reads up to `length` bytes; *got is 0 at the end of the file. `cached` and *waits likewise. */
enum file_result read_at(int descriptor, uint64_t offset, uint8_t *to, size_t length, bool cached, bool *waits,
                         size_t *got);

#endif
