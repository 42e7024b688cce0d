#include "crossgate/account.h"

#include "crossgate/base/span.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct passwd *find_user(const char *name)
{
    const struct passwd *found = getpwnam(name);
    uint64_t number;
    if (!found && span_to_uint(span_string(name), UINT32_MAX - 1, &number))
        found = getpwuid((uid_t)number);
    return found;
}

static const struct group *find_group(const char *name)
{
    const struct group *found = getgrnam(name);
    uint64_t number;
    if (!found && span_to_uint(span_string(name), UINT32_MAX - 1, &number))
        found = getgrgid((gid_t)number);
    return found;
}

/* Where nothing is wrong but the name, libc leaves errno as it was or says so in one of several ways (getpwnam(3)). */
static void refuse_name(const char *kind, const char *name, struct error *error)
{
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO)
        error_set_errno(error, "the %s \"%s\" cannot be looked up", kind, name);
    else
        error_set(error, ERROR_INPUT, "there is no %s \"%s\" for the workers to run as", kind, name);
}

static bool find_groups(struct account *account, const char *user, struct error *error)
{
    int count = 0;
    getgrouplist(user, account->group, NULL, &count);
    account->groups = count > 0 ? calloc((size_t)count, sizeof *account->groups) : NULL;
    if (!account->groups || getgrouplist(user, account->group, account->groups, &count) < 0) {
        error_set(error, ERROR_MEMORY, "out of memory");
        account_deinit(account);
        return false;
    }
    account->group_count = (size_t)count;
    return true;
}

static bool refuse_others(uid_t user, gid_t group, struct error *error)
{
    if (user == geteuid() && group == getegid())
        return true;
    error_set(
        error, ERROR_INPUT,
        "workers can run as another user or group only if crossgate is started as root: leave out user and group, "
        "or start as root");
    return false;
}

bool account_init(struct account *account, const char *user, const char *group, struct error *error)
{
    bool root = geteuid() == 0;
    *account = (struct account){.changes = root, .user = geteuid(), .group = getegid()};
    const char *name = user ? user : root ? "nobody" : NULL;
    if (name) {
        errno = 0;
        const struct passwd *found = find_user(name);
        if (!found) {
            refuse_name("user", name, error);
            return false;
        }
        name = found->pw_name;
        account->user = found->pw_uid;
        if (root)
            account->group = found->pw_gid;
    }
    if (group) {
        errno = 0;
        const struct group *found = find_group(group);
        if (!found) {
            refuse_name("group", group, error);
            return false;
        }
        account->group = found->gr_gid;
    }
    return root ? find_groups(account, name, error) : refuse_others(account->user, account->group, error);
}

void account_deinit(struct account *account)
{
    free(account->groups);
    account->groups = NULL;
    account->group_count = 0;
}

void account_hide_memory(void)
{
#ifndef CROSSGATE_SANITIZE
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* Ambient ones go with the others. */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capset, &header, none) == 0;
}

bool account_enter(const struct account *account)
{
    if (account->changes && (setgroups(account->group_count, account->groups) < 0 ||
                             setresgid(account->group, account->group, account->group) < 0 ||
                             setresuid(account->user, account->user, account->user) < 0))
        return false;
    return drop_capabilities() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* ---- from the master's environment to the child's account */

static const char variable[] = "CROSSGATE_ACCOUNT";

char *account_print(const struct account *account)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    fprintf(out, "%s=", variable);
    if (account->changes)
        fprintf(out, "%u,%u", (unsigned)account->user, (unsigned)account->group);
    for (size_t i = 0; account->changes && i < account->group_count; i++)
        fprintf(out, ",%u", (unsigned)account->groups[i]);
    bool whole = !ferror(out);
    if (fclose(out) == 0 && whole)
        return text;
    free(text);
    return NULL;
}

static bool take_number(struct span *rest, unsigned *number)
{
    struct span item;
    uint64_t read;
    if (!span_next_item(rest, &item) || !span_to_uint(item, UINT32_MAX, &read))
        return false;
    *number = (unsigned)read;
    return true;
}

/* Nothing: the account is the master's own. */
static bool read_account(struct span text, struct account *account)
{
    *account = (struct account){.changes = text.len > 0};
    if (!account->changes)
        return true;
    account->groups = calloc(text.len, sizeof *account->groups);
    bool worked = account->groups && take_number(&text, &account->user) && take_number(&text, &account->group);
    while (worked && text.len > 0)
        worked = take_number(&text, &account->groups[account->group_count++]);
    return worked;
}

/* Whoever has changed his identity is hidden anew by the kernel. */
static bool enter_hidden(const struct account *account)
{
    account_hide_memory();
    if (!account_enter(account))
        return false;
#ifdef CROSSGATE_SANITIZE
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
#endif
    return true;
}

bool account_adopt(void)
{
    struct account account;
    const char *text = getenv(variable);
    errno = EINVAL;
    bool worked = text && read_account(span_string(text), &account) && enter_hidden(&account);
    if (text) {
        int number = errno;
        account_deinit(&account);
        unsetenv(variable);
        errno = number;
    }
    return worked;
}
