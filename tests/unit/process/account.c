/* Whom workers run as, and that there is no way back. */
#include "test.h"

#include "crossgate/account.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void unless_root(void)
{
    if (geteuid() != 0)
        skip();
}

static void assert_refused(const char *user, const char *group, const char *word)
{
    struct account account;
    struct error error = {0};
    assert_false(account_init(&account, user, group, &error));
    assert_int_equal(error.class, ERROR_INPUT);
    assert_non_null(strstr(error.text, word));
}

static void unknown_names_are_refused(void **state)
{
    (void)state;
    assert_refused("no-such-user", NULL, "no-such-user");
    assert_refused(NULL, "no-such-group", "no-such-group");
    assert_refused("4294967295", NULL, "4294967295"); /* (uid_t)-1 means "unchanged" to the kernel */
}

static void root_becomes_nobody_if_nothing_is_said(void **state)
{
    (void)state;
    unless_root();
    struct account account;
    struct error error = {0};
    const struct passwd *nobody = getpwnam("nobody");
    assert_true(account_init(&account, NULL, NULL, &error));
    assert_true(account.changes);
    assert_int_equal(account.user, nobody->pw_uid);
    assert_int_equal(account.group, nobody->pw_gid);
    assert_true(account.group_count >= 1);
    account_deinit(&account);
}

static void names_may_be_numbers(void **state)
{
    (void)state;
    unless_root();
    struct account account;
    struct error error = {0};
    assert_true(account_init(&account, "1", "2", &error));
    assert_int_equal(account.user, 1);
    assert_int_equal(account.group, 2);
    account_deinit(&account);
}

static bool is_down_for_good(const struct account *account)
{
    uid_t real, effective, saved;
    return account_enter(account) && getresuid(&real, &effective, &saved) == 0 && real == account->user &&
           effective == account->user && saved == account->user && getegid() == account->group && setuid(0) < 0 &&
           prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && access("/etc/shadow", R_OK) < 0 &&
           getgroups(0, NULL) == (int)account->group_count;
}

static void entering_is_for_good(void **state)
{
    (void)state;
    unless_root();
    struct account account;
    struct error error = {0};
    assert_true(account_init(&account, "daemon", NULL, &error));
    pid_t child = fork();
    if (child == 0)
        _exit(is_down_for_good(&account) ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    account_deinit(&account);
}

/* 0 if the account that is printed is the one that is adopted. */
static int try_to_adopt(const struct account *account)
{
    char *text = account_print(account);
    gid_t groups[64];
    if (!text || putenv(text) != 0 || !account_adopt())
        return 1;
    int count = getgroups(64, groups);
    bool same = geteuid() == account->user && getegid() == account->group && count == (int)account->group_count &&
                memcmp(groups, account->groups, (size_t)count * sizeof *groups) == 0;
    return same && !getenv("CROSSGATE_ACCOUNT") && setuid(0) < 0 ? 0 : 2;
}

static int exit_status_of(int (*run)(const struct account *), const struct account *account)
{
    pid_t child = fork();
    if (child == 0)
        _exit(run(account));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void account_travels_in_the_environment(void **state)
{
    (void)state;
    unless_root();
    struct account account;
    struct error error = {0};
    gid_t groups[] = {3, 7, 65534};
    assert_true(account_init(&account, "daemon", NULL, &error));
    assert_int_equal(exit_status_of(try_to_adopt, &account), 0);
    struct account more = account;
    more.groups = groups;
    more.group_count = 3;
    assert_int_equal(exit_status_of(try_to_adopt, &more), 0);
    account_deinit(&account);
}

static int adopt_text(const struct account *account)
{
    (void)account;
    return account_adopt() ? 1 : 0;
}

static void text_that_is_no_account_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"x", "1", "1,", "1,x", "1,2,x", "-1,2", "4294967296,1", "1 2"};
    unsetenv("CROSSGATE_ACCOUNT");
    assert_int_equal(exit_status_of(adopt_text, NULL), 0);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        setenv("CROSSGATE_ACCOUNT", texts[i], 1);
        assert_int_equal(exit_status_of(adopt_text, NULL), 0);
    }
    unsetenv("CROSSGATE_ACCOUNT");
}

/* As an ordinary user: exit status 0 if all is as it should be. */
static int try_without_root(void)
{
    struct account account;
    struct error error = {0};
    if (geteuid() == 0 && setresuid(1, 1, 1) < 0)
        return 2;
    if (!account_init(&account, NULL, NULL, &error) || account.changes || !account_enter(&account))
        return 3;
    account_deinit(&account);
    if (account_init(&account, "nobody", NULL, &error) || !strstr(error.text, "root"))
        return 4;
    return 0;
}

static void others_than_root_stay_who_they_are(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(try_without_root());
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_names_are_refused),
        cmocka_unit_test(root_becomes_nobody_if_nothing_is_said),
        cmocka_unit_test(names_may_be_numbers),
        cmocka_unit_test(entering_is_for_good),
        cmocka_unit_test(account_travels_in_the_environment),
        cmocka_unit_test(text_that_is_no_account_is_refused),
        cmocka_unit_test(others_than_root_stay_who_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
