/* Whom the workers run as. The master resolves names, since that may read files and ask services; the child only makes
 * system calls with the numbers. */
#ifndef CROSSGATE_ACCOUNT_H
#define CROSSGATE_ACCOUNT_H

#include "crossgate/base/error.h"

#include <stddef.h>
#include <sys/types.h>

struct account {
    bool changes; /* the child takes this identity; else it keeps the master's */
    uid_t user;
    gid_t group;
    gid_t *groups;
    size_t group_count;
};

/* Started as root: the named user, or nobody, with the named group, or the user's own, and the user's further groups. Not
 * started as root: nothing changes, and names of others are an error. Names may be numbers; both may be NULL. */
bool account_init(struct account *account, const char *user, const char *group, struct error *error)
    __attribute__((warn_unused_result));

/* After account_init, whatever came of it. */
void account_deinit(struct account *account);

/* Core dumps, ptrace and /proc/<pid>/mem would show keys to others of the same user, to a worker that has been taken over
 * for one. A build with sanitizers must be able to look into itself: there it does nothing. */
void account_hide_memory(void);

/* For account_adopt in a process that is to be executed: "CROSSGATE_ACCOUNT=…", to be put into its environment. The caller frees it. NULL:
 * memory is out. */
char *account_print(const struct account *account) __attribute__((warn_unused_result));

/* Such a process begins with this: it hides its memory while it still has the master's rights, so that nobody of the workers' user has
 * looked into it before, and then takes the account over for good. False with errno; EINVAL: no account is in its environment. */
bool account_adopt(void) __attribute__((warn_unused_result));

/* In the child, for good: no capability is left, and exec gives none back. False with errno. */
bool account_enter(const struct account *account) __attribute__((warn_unused_result));

#endif
