#include "test.h"

#include "stat.h"
#include "tree.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MILLISECOND = 1000000 };

/* A process that has used so much CPU time tells it by a byte. */
static void spend(int ms)
{
    struct timespec time;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    while (time.tv_sec * 1000 + time.tv_nsec / MILLISECOND < ms);
}

/* The child does it, tells us, and waits until we close the pipe. */
struct child {
    pid_t pid;
    int told, held;
};

static void tell_and_wait(int tell, int wait)
{
    char byte = 0;
    if (write(tell, &byte, 1) == 1 && read(wait, &byte, 1) == 0)
        _exit(0);
    _exit(1);
}

static struct child start(void (*work)(void))
{
    int told[2], held[2];
    char byte;
    assert_int_equal(pipe(told) + pipe(held), 0);
    struct child child = {.pid = fork(), .told = told[0], .held = held[1]};
    assert_true(child.pid >= 0);
    if (child.pid == 0) {
        close(held[1]);
        work();
        tell_and_wait(told[1], held[0]);
    }
    close(told[1]);
    close(held[0]);
    assert_int_equal(read(child.told, &byte, 1), 1);
    return child;
}

static void stop(struct child *child)
{
    close(child->held);
    assert_int_equal(waitpid(child->pid, NULL, 0), child->pid);
    close(child->told);
}

static void work_alone(void)
{
    spend(30);
}

/* A grandchild that lives on, and one that has ended. */
static void work_with_children(void)
{
    pid_t ended = fork();
    if (ended == 0) {
        spend(60);
        _exit(0);
    }
    waitpid(ended, NULL, 0);
    int told[2];
    char byte = 0;
    assert_int_equal(pipe(told), 0);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody is left behind by a test that fails */
        spend(20);
        if (write(told[1], &byte, 1) == 1)
            pause();
    }
    spend(20);
    assert_int_equal(read(told[0], &byte, 1), 1);
}

static void a_process_is_read_to_the_nanosecond(void **state)
{
    (void)state;
    struct tree tree;
    struct tree_reading before, after;
    struct child child = start(work_alone);
    tree_init(&tree, child.pid);
    assert_true(tree_read(&tree, &before));
    assert_int_equal(before.processes, 1);
    assert_true(before.cpu_ns >= 30 * MILLISECOND);
    assert_true(before.rss > 0);
    assert_true(!before.is_pss_known || (before.pss > 0 && before.pss <= before.rss));
    assert_true(tree_read(&tree, &after));
    assert_true(after.cpu_ns >= before.cpu_ns);
    assert_true(tree_read_cpu(&tree, &before));
    assert_true(before.cpu_ns >= after.cpu_ns && before.processes == 1 && !before.is_pss_known);
    stop(&child);
    assert_false(tree_read_cpu(&tree, &after));
    assert_false(tree_read(&tree, &after));
    tree_deinit(&tree);
}

static void descendants_count_even_when_they_have_ended(void **state)
{
    (void)state;
    struct tree tree;
    struct tree_reading reading;
    struct child child = start(work_with_children);
    tree_init(&tree, child.pid);
    assert_true(tree_read(&tree, &reading));
    assert_int_equal(reading.processes, 2);
    assert_true(reading.cpu_ns >= 75 * MILLISECOND); /* 60 of the ended one in ticks of up to 10 */
    kill(tree.known[0].pid == child.pid ? tree.known[1].pid : tree.known[0].pid, SIGKILL);
    stop(&child);
    tree_deinit(&tree);
}

static void an_orphan_stays_a_member(void **state)
{
    (void)state;
    struct tree tree;
    struct tree_reading reading;
    int held[2], told[2];
    char byte;
    assert_int_equal(pipe(held) + pipe(told), 0);
    pid_t root = fork();
    if (root == 0) {
        pid_t middle = fork();
        if (middle == 0) {
            if (fork() != 0)
                pause();
            tell_and_wait(told[1], STDIN_FILENO);
        }
        while (read(held[0], &byte, 1) == 1) {
            kill(middle, SIGKILL);
            waitpid(middle, NULL, 0);
            tell_and_wait(told[1], held[0]);
        }
        _exit(0);
    }
    assert_int_equal(read(told[0], &byte, 1), 1);
    tree_init(&tree, root);
    assert_true(tree_read(&tree, &reading));
    assert_int_equal(reading.processes, 3);
    assert_int_equal(write(held[1], &byte, 1), 1);
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_true(tree_read(&tree, &reading));
    assert_int_equal(reading.processes, 2);
    for (size_t i = 0; i < tree.count; i++)
        kill(tree.known[i].pid, SIGKILL);
    waitpid(root, NULL, 0);
    tree_deinit(&tree);
}

/* Processes come and go as fast as they can while they are counted. */
static void churn_neither_crashes_nor_counts_twice(void **state)
{
    (void)state;
    struct tree tree;
    struct tree_reading reading;
    pid_t root = fork();
    if (root == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        for (;;) {
            pid_t child = fork();
            if (child == 0)
                _exit(0);
            waitpid(child, NULL, 0);
        }
    }
    tree_init(&tree, root);
    uint64_t last = 0;
    for (int i = 0; i < 30; i++) {
        assert_true(tree_read(&tree, &reading));
        assert_in_range(reading.processes, 1,
                        30); /* a reading takes its time: who follows another may be seen beside him */
        assert_true(reading.cpu_ns + 20 * MILLISECOND >= last); /* a child's last tick may be rounded away */
        last = reading.cpu_ns;
    }
    kill(root, SIGKILL);
    waitpid(root, NULL, 0);
    tree_deinit(&tree);
}

static void the_observer_is_not_part_of_what_it_observes(void **state)
{
    (void)state;
    struct tree tree;
    struct tree_reading reading;
    pid_t observer = fork();
    if (observer == 0) {
        tree_init(&tree, getppid());
        bool done = tree_read(&tree, &reading);
        for (size_t i = 0; i < tree.count; i++)
            done = done && tree.known[i].pid != getpid();
        tree_deinit(&tree);
        exit(done && reading.processes > 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(observer, &status, 0), observer);
    assert_int_equal(status, 0);
}

static void names_cannot_forge_a_line(void **state)
{
    (void)state;
    struct stat_line line;
    assert_true(stat_parse("7 (a) R 1 (x) S 42 7 7 0 -1 0 0 0 0 0 5 6 30 12 20 0 1 0 999 1 2", &line));
    assert_int_equal(line.children_ticks, 42);
    assert_int_equal(line.began, 999);
}

static void broken_lines_are_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "",
        ")",
        "7 (a",
        "7 (a) S",
        "7 (a) S 42 7 7 0 -1 0 0 0 0 0 5 6 x 12 20 0 1 0 999",
        "7 (a) S 42 7 7 0 -1 0 0 0 0 0 5 6 -30 12 20 0 1 0 999",
        "7 (a) S 42 7 7 0 -1 0 0 0 0 0 5 6 99999999999 12 20 0 1 0 999",
        "7 (a) S 42 7 7 0 -1 0 0 0 0 0 5 6 30 12 20 0 1 0",
        "7 (a) S 42 7 7 0 -1 0 0 0 0 0 5 6 30 12 20 0 1 0 99999999999999999999",
    };
    struct stat_line line;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_false(stat_parse(broken[i], &line));
}

static void bytes_are_read_by_their_label(void **state)
{
    (void)state;
    uint64_t bytes;
    assert_true(stat_parse_bytes("head\nRss:  10 kB\nPss:\t     7 kB\n", "\nPss:", &bytes));
    assert_int_equal(bytes, 7168);
    assert_false(stat_parse_bytes("head\nRss:  10 kB\n", "\nPss:", &bytes));
    assert_false(stat_parse_bytes("head\nPss: many kB\n", "\nPss:", &bytes));
    assert_false(stat_parse_bytes("head\nPss: 18446744073709551615 kB\n", "\nPss:", &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_is_read_to_the_nanosecond),
        cmocka_unit_test(descendants_count_even_when_they_have_ended),
        cmocka_unit_test(an_orphan_stays_a_member),
        cmocka_unit_test(churn_neither_crashes_nor_counts_twice),
        cmocka_unit_test(the_observer_is_not_part_of_what_it_observes),
        cmocka_unit_test(names_cannot_forge_a_line),
        cmocka_unit_test(broken_lines_are_refused),
        cmocka_unit_test(bytes_are_read_by_their_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
