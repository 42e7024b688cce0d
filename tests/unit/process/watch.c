/* What changes on the disk is noticed by whichever way it came, and told when it is quiet; the clock is ours. */
#include "test.h"

#include "watch.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct scene {
    struct log log;
    struct watch watch;
    char directory[32];
    int said[2]; /* pipe: the log */
};

static const char *in(const struct scene *t, const char *name)
{
    static char paths[4][128];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", t->directory, name);
    return path;
}

static void link_to(const char *target, const char *path)
{
    assert_int_equal(symlink(target, path), 0);
}

static void write_file(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
}

static int setup(void **state)
{
    struct scene *t = calloc(1, sizeof *t);
    memcpy(t->directory, "/tmp/crossgate-XXXXXX", 22);
    assert_non_null(mkdtemp(t->directory));
    assert_int_equal(pipe2(t->said, O_CLOEXEC | O_NONBLOCK), 0);
    log_init(&t->log, t->said[1], LOG_INFO, "test");
    assert_true(watch_init(&t->watch, &t->log));
    *state = t;
    return 0;
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    (void)facts;
    (void)kind;
    (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    struct scene *t = *state;
    watch_deinit(&t->watch);
    close(t->said[0]);
    close(t->said[1]);
    assert_int_equal(nftw(t->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(t);
    return 0;
}

/* Watches one file of the directory, and takes what that tells first. */
static void set(struct scene *t, const char *name)
{
    const char *path = in(t, name);
    assert_true(watch_set(&t->watch, &path, 1, 0));
    assert_int_equal(watch_next(&t->watch), WATCH_QUIET);
    assert_true(watch_settle(&t->watch, WATCH_QUIET));
}

/* A turn of the master's loop at that time. */
static bool turn(struct scene *t, uint64_t now)
{
    struct pollfd events = {.fd = t->watch.events, .events = POLLIN};
    bool told = watch_settle(&t->watch, now);
    if (poll(&events, 1, 0) == 1)
        watch_hear(&t->watch, now);
    return watch_settle(&t->watch, now) || told;
}

/* All turns from one time to the other; how often something is told, and when last. */
static unsigned turns(struct scene *t, uint64_t *now, uint64_t until)
{
    unsigned told = 0;
    while (*now < until) {
        uint64_t next = watch_next(&t->watch);
        *now = next > *now ? (next < until ? next : until) : *now + 1;
        told += turn(t, *now);
    }
    return told;
}

static void nothing_is_told_of_what_stays(void **state)
{
    struct scene *t = *state;
    uint64_t now = WATCH_QUIET;
    write_file(in(t, "a"), "1");
    set(t, "a");
    assert_int_equal(turns(t, &now, 10 * WATCH_EVERY), 0);
}

static void a_change_is_told_when_it_is_quiet(void **state)
{
    struct scene *t = *state;
    write_file(in(t, "a"), "1");
    set(t, "a");
    write_file(in(t, "a"), "2");
    assert_false(turn(t, 1000));
    write_file(in(t, "a"), "3");
    assert_false(turn(t, 1000 + WATCH_QUIET - 1)); /* none in between, since others in /tmp would have it rest */
    assert_false(turn(t, 1000 + WATCH_QUIET + WATCH_REST)); /* later ones count from their own time */
    assert_true(turn(t, 1000 + 2 * WATCH_QUIET));
    assert_false(turn(t, 9000));
}

static void changes_without_end_are_told_all_the_same(void **state)
{
    struct scene *t = *state;
    char text[16];
    uint64_t told = 0;
    write_file(in(t, "a"), "1");
    set(t, "a");
    for (uint64_t now = 1000; now <= 1000 + WATCH_LATEST && !told; now += 100) {
        snprintf(text, sizeof text, "%u", (unsigned)now);
        write_file(in(t, "a"), text);
        told = turn(t, now) ? now : 0;
    }
    assert_int_equal(told, 1000 + WATCH_LATEST);
}

static void others_in_the_directory_are_not_for_us(void **state)
{
    struct scene *t = *state;
    write_file(in(t, "a"), "1");
    set(t, "a");
    for (int i = 0; i < 1000; i++) {
        write_file(in(t, "b"), "1");
        assert_int_equal(rename(in(t, "b"), in(t, "c")), 0);
    }
    assert_false(turn(t, 1000));
    assert_false(t->watch.hinted);
    assert_int_equal(watch_next(&t->watch), 1000 + WATCH_REST);
    write_file(in(t, "b"), "1");
    assert_false(turn(t, 1000 + WATCH_REST - 1));
    assert_int_equal(watch_next(&t->watch), 1000 + WATCH_REST); /* nobody is woken by it */
    assert_false(turn(t, 1000 + WATCH_REST));
    assert_false(turn(t, 2000));
}

/* Does something, and expects it to be told. */
#define TOLD(t, now, what)                                                                                             \
    do {                                                                                                               \
        what;                                                                                                          \
        assert_false(turn(t, now));                                                                                    \
        assert_true(turn(t, now + WATCH_QUIET));                                                                       \
        turn(t, now + 2 * WATCH_QUIET);                                                                                \
    } while (0)

static void every_way_leads_to_the_file(void **state)
{
    struct scene *t = *state;
    mkdir(in(t, "x"), 0700);
    mkdir(in(t, "y"), 0700);
    write_file(in(t, "x/a"), "1");
    write_file(in(t, "y/a"), "22");
    link_to("x", in(t, "l"));
    link_to(in(t, "l"), in(t, "m"));
    set(t, "m/../m/a");
    TOLD(t, 10000, write_file(in(t, "x/a"), "333"));
    TOLD(t, 20000, assert_int_equal(unlink(in(t, "x/a")), 0));
    TOLD(t, 30000, write_file(in(t, "x/a"), "4"));
    TOLD(t, 40000, link_to("y", in(t, "n")); assert_int_equal(rename(in(t, "n"), in(t, "l")), 0));
    TOLD(t, 50000, write_file(in(t, "y/a"), "55"));
    write_file(in(t, "x/a"), "6"); /* it has been left */
    assert_false(turn(t, 60000));
    assert_false(turn(t, 61000));
    TOLD(t, 70000, assert_int_equal(rename(in(t, "y"), in(t, "z")), 0));
    TOLD(t, 80000, assert_int_equal(rename(in(t, "x"), in(t, "y")), 0));
    TOLD(t, 90000, assert_int_equal(chmod(in(t, "y/a"), 0640), 0));
    TOLD(t, 100000, assert_int_equal(unlink(in(t, "m")), 0));
    TOLD(t, 110000, mkdir(in(t, "m"), 0700); write_file(in(t, "m/a"), "7"));
}

static void what_is_not_there_is_waited_for(void **state)
{
    struct scene *t = *state;
    set(t, "p/q/a");
    TOLD(t, 10000, mkdir(in(t, "p"), 0700));
    TOLD(t, 20000, mkdir(in(t, "p/q"), 0700));
    TOLD(t, 30000, write_file(in(t, "p/q/a"), "1"));
}

static void a_second_name_is_written_elsewhere(void **state)
{
    struct scene *t = *state;
    mkdir(in(t, "x"), 0700);
    write_file(in(t, "a"), "1");
    assert_int_equal(link(in(t, "a"), in(t, "x/b")), 0);
    set(t, "a");
    TOLD(t, 10000, write_file(in(t, "x/b"), "22"));
}

static void rings_and_long_ways_end(void **state)
{
    struct scene *t = *state;
    char *path = malloc(2 * 4096);
    memset(path, 'x', 2 * 4096);
    path[0] = '/';
    path[2 * 4096 - 1] = '\0';
    link_to("b", in(t, "a"));
    link_to("a", in(t, "b"));
    link_to(".", in(t, "c"));
    const char *paths[] = {in(t, "a"), in(t, "a/x"), path, "/", "", in(t, "c/c/c/../c/file")};
    assert_true(watch_set(&t->watch, paths, sizeof paths / sizeof paths[0], 0));
    assert_true(turn(t, WATCH_QUIET));
    free(path);
    TOLD(t, 10000, assert_int_equal(unlink(in(t, "a")), 0); write_file(in(t, "a"), "1"));
}

static void without_notices_all_is_looked_at_every_minute(void **state)
{
    struct scene *t = *state;
    struct rlimit before, none;
    char text[512] = "";
    const char *path = in(t, "a");
    uint64_t now = 0;
    write_file(path, "1");
    write_file(in(t, "b"), "22");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)t->watch.events + 1; /* the last descriptor that is open */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_true(watch_set(&t->watch, &path, 1, 0));
    assert_int_equal(t->watch.notices, -1);
    assert_int_equal(turns(t, &now, 30000), 1);
    assert_int_equal(rename(in(t, "b"), path), 0);
    assert_int_equal(turns(t, &now, WATCH_EVERY + WATCH_QUIET - 1), 0);
    assert_int_equal(turns(t, &now, WATCH_EVERY + WATCH_QUIET), 1);
    assert_int_equal(turns(t, &now, 3 * WATCH_EVERY), 0);
    assert_true(read(t->said[0], text, sizeof text - 1) > 0);
    assert_non_null(strstr(text, "within a minute only"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
    /* They are asked for again. */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    turns(t, &now, 5 * WATCH_EVERY);
    assert_true(t->watch.notices >= 0);
    TOLD(t, 10 * WATCH_EVERY, write_file(path, "333"));
}

static void nothing_to_watch_is_nothing_to_do(void **state)
{
    struct scene *t = *state;
    assert_int_equal(watch_next(&t->watch), UINT64_MAX);
    write_file(in(t, "a"), "1");
    set(t, "a");
    assert_true(watch_set(&t->watch, NULL, 0, 1000));
    assert_int_equal(watch_next(&t->watch), UINT64_MAX);
    write_file(in(t, "a"), "2");
    assert_false(turn(t, 2000));
    assert_int_equal(t->watch.notices, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_told_of_what_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_is_told_when_it_is_quiet, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_without_end_are_told_all_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(others_in_the_directory_are_not_for_us, setup, teardown),
        cmocka_unit_test_setup_teardown(every_way_leads_to_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_name_is_written_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(rings_and_long_ways_end, setup, teardown),
        cmocka_unit_test_setup_teardown(without_notices_all_is_looked_at_every_minute, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_to_watch_is_nothing_to_do, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
