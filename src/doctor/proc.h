/* Facts that the kernel shows as files. */
#ifndef CROSSGATE_DOCTOR_PROC_H
#define CROSSGATE_DOCTOR_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The number in it. False: there is none. */
bool proc_read_number(const char *path, uint64_t *number);

/* The name of a process, "?" if it is gone. */
enum { PROC_NAME = 32 };
const char *proc_name(pid_t pid, char name[PROC_NAME]);

/* Effective user and group of a process. */
bool proc_identity(pid_t pid, uid_t *user, gid_t *group);

/* Its soft limit of open files; UINT64_MAX: none. */
bool proc_descriptors(pid_t pid, uint64_t *count);

#endif
