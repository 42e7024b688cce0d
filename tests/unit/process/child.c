/* Starting a worker process, with any program in its place. */
#include "test.h"

#include "child.h"
#include "handover.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct account same_user = {.changes = false};

static struct child *start(const char *program, const struct account *account)
{
    struct error error = {0};
    int executable = open(program, O_PATH | O_CLOEXEC);
    assert_true(executable >= 0);
    struct child *child = child_start(executable, account, 3, &error);
    close(executable);
    assert_non_null(child);
    return child;
}

static int wait_for(const struct child *child)
{
    int status;
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    return status;
}

/* `false` takes any words. */
static void child_runs_the_program_and_its_end_is_seen(void **state)
{
    (void)state;
    struct child *child = start("/bin/false", &same_user);
    assert_int_equal(child->index, 3);
    int status = wait_for(child);
    char text[80];
    child_status_print(status, text, sizeof text);
    assert_string_equal(text, "ended with status 1");
    struct handover message;
    assert_int_equal(handover_receive(child->control, &message), HANDOVER_END);
    child_free(child);
}

static void what_cannot_be_executed_is_told_by_the_child_itself(void **state)
{
    (void)state;
    struct child *child = start("/etc/passwd", &same_user);
    struct pollfd ready = {.fd = child->control, .events = POLLIN};
    struct handover message;
    assert_int_equal(poll(&ready, 1, 20000), 1);
    assert_int_equal(handover_receive(child->control, &message), HANDOVER_OK);
    assert_int_equal(message.type, HANDOVER_REFUSED);
    assert_non_null(strstr(message.text, "Permission denied"));
    wait_for(child);
    child_free(child);
}

/* A shell takes the word "worker" for its script, which stops where it can be looked at. */
static void child_has_the_agreed_descriptors_and_no_other(void **state)
{
    (void)state;
    char directory[] = "/tmp/crossgate-XXXXXX", home[4096], path[64], target[64];
    assert_non_null(getcwd(home, sizeof home));
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
    FILE *script = fopen("worker", "we");
    assert_true(fputs("test $1 = 3 && kill -STOP $$", script) > 0);
    fclose(script);
    int stray = fcntl(STDERR_FILENO, F_DUPFD, 100); /* as if we had been started with it */
    struct child *child = start("/bin/sh", &same_user);
    int status;
    assert_int_equal(waitpid(child->pid, &status, WUNTRACED), child->pid);
    assert_true(WIFSTOPPED(status));
    char found[128] = "";
    for (int i = 3; i < 110; i++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)child->pid, i);
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n > 0 && i != 10) /* where a shell has its script */
            snprintf(found + strlen(found), sizeof found - strlen(found), "%d %.6s ", i, target);
    }
    child_kill(child);
    assert_int_equal(wait_for(child), SIGKILL);
    child_free(child);
    assert_string_equal(found, "3 socket 4 /memfd ");
    close(stray);
    unlink("worker");
    assert_int_equal(chdir(home), 0);
    assert_int_equal(rmdir(directory), 0);
}

/* It enters it when its memory is hidden. */
static void child_is_told_its_account(void **state)
{
    (void)state;
    gid_t groups[] = {7, 9};
    struct account account = {.changes = true, .user = 5, .group = 6, .groups = groups, .group_count = 2};
    char directory[] = "/tmp/crossgate-XXXXXX", home[4096];
    assert_non_null(getcwd(home, sizeof home));
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
    FILE *script = fopen("worker", "we");
    assert_true(fputs("test \"$CROSSGATE_ACCOUNT\" = 5,6,7,9", script) > 0);
    fclose(script);
    struct child *child = start("/bin/sh", &account);
    int status = wait_for(child);
    child_free(child);
    assert_int_equal(unlink("worker"), 0);
    assert_int_equal(chdir(home), 0);
    assert_int_equal(rmdir(directory), 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* It could type into the terminal that we were started from. */
static void child_has_no_terminal(void **state)
{
    (void)state;
    struct child *child = start("/bin/sh", &same_user);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(getsid(child->pid), child->pid);
    assert_true(getsid(0) != child->pid);
    wait_for(child);
    child_free(child);
}

static void signals_are_named(void **state)
{
    (void)state;
    char text[80];
    child_status_print(SIGKILL, text, sizeof text);
    assert_string_equal(text, "was killed by signal 9 (Killed)");
    child_status_print(SIGSEGV | 0x80, text, sizeof text);
    assert_string_equal(text, "was killed by signal 11 (Segmentation fault), core dumped");
    child_status_print(0, text, sizeof text);
    assert_string_equal(text, "ended with status 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_runs_the_program_and_its_end_is_seen),
        cmocka_unit_test(what_cannot_be_executed_is_told_by_the_child_itself),
        cmocka_unit_test(child_is_told_its_account),
        cmocka_unit_test(child_has_the_agreed_descriptors_and_no_other),
        cmocka_unit_test(child_has_no_terminal),
        cmocka_unit_test(signals_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
