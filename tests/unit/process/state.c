/* Files that the master writes: whole or not at all, for nobody else's eyes. */
#include "test.h"

#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct home {
    char path[64];
};

static int setup(void **state)
{
    struct home *home = calloc(1, sizeof *home);
    snprintf(home->path, sizeof home->path, "/tmp/crossgate-XXXXXX");
    assert_non_null(mkdtemp(home->path));
    *state = home;
    return 0;
}

/* Whatever is left in it makes rmdir fail. */
static int teardown(void **state)
{
    struct home *home = *state;
    assert_int_equal(rmdir(home->path), 0);
    free(home);
    return 0;
}

static const char *below(const struct home *home, const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", home->path, name);
    return path;
}

static void assert_holds(const char *path, const char *text, mode_t mode)
{
    char found[64] = "";
    struct stat facts;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    assert_true(read(file, found, sizeof found - 1) >= 0);
    assert_int_equal(fstat(file, &facts), 0);
    close(file);
    assert_string_equal(found, text);
    assert_int_equal(facts.st_mode & 07777, mode);
}

static void file_and_its_directories_are_made_for_the_owner_only(void **state)
{
    struct home *home = *state;
    struct error error = {0};
    struct stat facts;
    mode_t mask = umask(0);
    assert_true(state_write(below(home, "a/b/file"), SPAN("first"), &error));
    umask(mask);
    assert_holds(below(home, "a/b/file"), "first", 0600);
    assert_int_equal(stat(below(home, "a"), &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0700);
    assert_int_equal(unlink(below(home, "a/b/file")), 0);
    assert_int_equal(rmdir(below(home, "a/b")), 0);
    assert_int_equal(rmdir(below(home, "a")), 0);
}

static void file_is_replaced_and_what_a_crash_left_is_removed(void **state)
{
    struct home *home = *state;
    struct error error = {0};
    assert_true(state_write(below(home, "file"), SPAN("first"), &error));
    assert_int_equal(symlink("/etc/passwd", below(home, "file.new")), 0);
    assert_true(state_write(below(home, "file"), SPAN("second"), &error));
    assert_holds(below(home, "file"), "second", 0600);
    assert_true(state_write_passing(below(home, "file"), SPAN("third"), &error));
    assert_holds(below(home, "file"), "third", 0600);
    assert_true(access(below(home, "file.new"), F_OK) != 0);
    assert_int_equal(unlink(below(home, "file")), 0);
}

static void what_cannot_be_replaced_stays_and_leaves_nothing_behind(void **state)
{
    struct home *home = *state;
    struct error error = {0};
    assert_int_equal(mkdir(below(home, "file"), 0700), 0);
    assert_false(state_write(below(home, "file"), SPAN("bytes"), &error));
    assert_non_null(strstr(error.text, "Is a directory"));
    assert_true(access(below(home, "file.new"), F_OK) != 0);
    assert_int_equal(rmdir(below(home, "file")), 0);
}

static void directory_of_everybody_is_refused(void **state)
{
    struct home *home = *state;
    struct error error = {0};
    assert_int_equal(chmod(home->path, 0777), 0);
    assert_false(state_write(below(home, "file"), SPAN("bytes"), &error));
    assert_non_null(strstr(error.text, "chmod 700"));
}

static void directory_of_another_user_is_refused(void **state)
{
    struct home *home = *state;
    struct error error = {0};
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(home->path, 12345, (gid_t)-1), 0);
    assert_false(state_write(below(home, "file"), SPAN("bytes"), &error));
    assert_non_null(strstr(error.text, "id 12345"));
}

static void path_must_be_one(void **state)
{
    struct home *home = *state;
    char longest[300];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *const paths[] = {"file", "./file", "/tmp/", below(home, longest)};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct error error = {0};
        assert_false(state_write(paths[i], SPAN("bytes"), &error));
        assert_int_equal(error.class, ERROR_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(file_and_its_directories_are_made_for_the_owner_only, setup, teardown),
        cmocka_unit_test_setup_teardown(file_is_replaced_and_what_a_crash_left_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_replaced_stays_and_leaves_nothing_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(directory_of_everybody_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(directory_of_another_user_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(path_must_be_one, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
