#include "test.h"

#include "cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

/* The clock of the wall, which the cache asks how long ago a file was changed. */
static time_t ahead = CACHE_SETTLED;

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += ahead;
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

/* A real loop and a real directory: <root>/outside, and <root>/web, which is what is served. */
struct fixture {
    uv_loop_t uv;
    struct loop loop;
    struct log log;
    struct counters counters;
    char root[64];
    int directory;
};

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_int_equal(uv_loop_init(&f->uv), 0);
    log_init(&f->log, STDERR_FILENO, LOG_ERROR, "test");
    assert_true(loop_init(&f->loop, &f->uv, &f->log, &f->counters));
    f->loop.files = file_cache_new();
    assert_non_null(f->loop.files);
    snprintf(f->root, sizeof f->root, "/tmp/crossgate-cache-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    assert_int_equal(chdir(f->root), 0);
    assert_int_equal(mkdir("web", 0755), 0);
    assert_int_equal(mkdir("other", 0755), 0);
    write_file("outside", "secret");
    write_file("web/a", "hello");
    write_file("other/a", "other");
    f->directory = open("web", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->directory >= 0);
    ahead = CACHE_SETTLED;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    assert_int_equal(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf %s", f->root);
    assert_int_equal(system(command), 0);
    close(f->directory);
    file_cache_free(f->loop.files);
    loop_deinit(&f->loop);
    assert_int_equal(uv_loop_close(&f->uv), 0);
    free(f);
    return 0;
}

struct seen {
    struct file *file;
    enum file_result result;
    uint64_t from;
    size_t length;
    char text[CACHE_FILE_MAX + 1];
};

static void on_open(void *user, enum file_result result, const struct file_facts *facts)
{
    struct seen *seen = user;
    (void)facts;
    seen->result = result;
    if (result == FILE_OK)
        file_read(seen->file, seen->from, sizeof seen->text);
}

static void on_read(void *user, enum file_result result, struct span bytes)
{
    struct seen *seen = user;
    seen->result = result;
    seen->length = bytes.len;
    if (bytes.len > 0)
        memcpy(seen->text, bytes.at, bytes.len);
    file_close(seen->file);
}

static void end_turn(struct fixture *f)
{
    loop_settle(&f->loop);
    loop_bury(&f->loop);
    while (uv_loop_alive(&f->uv)) {
        uv_run(&f->uv, UV_RUN_ONCE);
        loop_bury(&f->loop);
    }
}

/* What a visitor is sent; "" if there is nothing. */
static const char *sent_from(struct fixture *f, const char *path, uint64_t from)
{
    static const struct file_user user = {.on_open = on_open, .on_read = on_read};
    static struct seen seen;
    seen = (struct seen){.from = from};
    seen.file = file_open(&f->loop, f->directory, path, &user, &seen);
    end_turn(f);
    return seen.text;
}

static const char *sent(struct fixture *f, const char *path)
{
    return sent_from(f, path, 0);
}

static bool is_kept(struct fixture *f, const char *path)
{
    struct file_copy *copy = cache_find(&f->loop, f->directory, path);
    file_copy_unref(copy);
    end_turn(f);
    return copy != NULL;
}

/* Afterwards the kernel's clock of files has made a step, as it has in truth when a file is settled. */
static void keep(struct fixture *f, const char *path, const char *text)
{
    assert_string_equal(sent(f, path), text);
    assert_true(is_kept(f, path));
    usleep(20000);
}

static void a_copy_is_what_was_read(void **state)
{
    struct fixture *f = *state;
    assert_false(is_kept(f, "a"));
    keep(f, "a", "hello");
    assert_string_equal(sent(f, "a"), "hello");
    assert_string_equal(sent_from(f, "a", 2), "llo");
    assert_string_equal(sent_from(f, "a", 5), "");
    assert_string_equal(sent_from(f, "a", 500), "");
    /* A part of a file is none. */
    write_file("web/b", "hello");
    assert_string_equal(sent_from(f, "b", 1), "ello");
    assert_false(is_kept(f, "b"));
}

/* Each is seen by whoever asks next. */
static void no_change_is_missed(void **state)
{
    struct fixture *f = *state;
    keep(f, "a", "hello");
    write_file("web/a", "jello"); /* as long as before */
    assert_string_equal(sent(f, "a"), "jello");
    write_file("web/a", "longer than that");
    assert_string_equal(sent(f, "a"), "longer than that");
    assert_int_equal(truncate("web/a", 6), 0);
    assert_string_equal(sent(f, "a"), "longer");
    write_file("web/new", "new");
    assert_int_equal(rename("web/new", "web/a"), 0);
    assert_string_equal(sent(f, "a"), "new");
    assert_int_equal(unlink("web/a"), 0);
    assert_string_equal(sent(f, "a"), "");
    assert_int_equal(symlink("../outside", "web/a"), 0);
    assert_string_equal(sent(f, "a"), "");
    assert_int_equal(unlink("web/a"), 0);
    write_file("web/a", "back");
    assert_string_equal(sent(f, "a"), "back");
}

/* The same times as before say nothing: the kernel's own time of the change does. */
static void a_change_cannot_be_hidden_by_setting_times(void **state)
{
    struct fixture *f = *state;
    struct stat facts;
    keep(f, "a", "hello");
    assert_int_equal(stat("web/a", &facts), 0);
    write_file("web/a", "jello");
    assert_int_equal(utimensat(AT_FDCWD, "web/a", (struct timespec[]){facts.st_atim, facts.st_mtim}, 0), 0);
    assert_string_equal(sent(f, "a"), "jello");
}

static void permission_that_is_taken_away_is_gone(void **state)
{
    struct fixture *f = *state;
    keep(f, "a", "hello");
    assert_int_equal(chmod("web/a", 0), 0);
    /* root may read it all the same, so it is looked whether it would be asked for */
    assert_false(is_kept(f, "a"));
}

/* A link that was followed before: the kernel notes when, and does so without the file's disk only if it need not. */
static void make_link(const char *to, const char *path)
{
    struct stat facts;
    assert_int_equal(symlink(to, path), 0);
    usleep(20000);
    assert_int_equal(stat(path, &facts), 0);
}

static void a_link_may_come_to_lead_elsewhere(void **state)
{
    struct fixture *f = *state;
    write_file("web/b", "second");
    make_link("a", "web/link");
    keep(f, "link", "hello");
    assert_int_equal(symlink("b", "web/link.new"), 0);
    assert_int_equal(rename("web/link.new", "web/link"), 0);
    assert_string_equal(sent(f, "link"), "second");
    assert_int_equal(symlink("/etc/hostname", "web/link.new"), 0);
    assert_int_equal(rename("web/link.new", "web/link"), 0);
    assert_string_equal(sent(f, "link"), "");
    /* A directory on the way, too. */
    assert_int_equal(mkdir("web/one", 0755), 0);
    write_file("web/one/page", "inside");
    keep(f, "one/page", "inside");
    assert_int_equal(rename("web/one", "web/two"), 0);
    assert_int_equal(symlink("../other", "web/one"), 0);
    write_file("other/page", "out");
    assert_string_equal(sent(f, "one/page"), "");
}

/* That it is the very file which was read before does not matter. */
static void a_link_to_the_same_file_may_not_lead_outside(void **state)
{
    struct fixture *f = *state;
    char outside[96];
    assert_int_equal(link("outside", "web/b"), 0);
    make_link("b", "web/link");
    keep(f, "link", "secret");
    snprintf(outside, sizeof outside, "%s/outside", f->root);
    assert_int_equal(symlink(outside, "web/link.new"), 0);
    assert_int_equal(rename("web/link.new", "web/link"), 0);
    assert_false(is_kept(f, "link"));
    assert_string_equal(sent(f, "link"), "");
    /* By a directory on the way, too. */
    assert_int_equal(mkdir("web/one", 0755), 0);
    assert_int_equal(link("outside", "web/one/page"), 0);
    assert_int_equal(link("outside", "other/page"), 0);
    usleep(20000);
    keep(f, "one/page", "secret");
    assert_int_equal(rename("web/one", "web/two"), 0);
    assert_int_equal(symlink("../other", "web/one"), 0);
    assert_false(is_kept(f, "one/page"));
    assert_string_equal(sent(f, "one/page"), "");
}

/* What was changed a moment ago may be changed again without that its time moves on. */
static void what_is_not_settled_is_not_kept(void **state)
{
    struct fixture *f = *state;
    ahead = 0;
    assert_string_equal(sent(f, "a"), "hello");
    assert_false(is_kept(f, "a"));
    ahead = -1000; /* the clock was set back */
    assert_string_equal(sent(f, "a"), "hello");
    assert_false(is_kept(f, "a"));
}

static void a_copy_has_an_end(void **state)
{
    struct fixture *f = *state;
    keep(f, "a", "hello");
    f->loop.now += CACHE_LIFE - 1;
    assert_true(is_kept(f, "a"));
    f->loop.now += 1;
    assert_false(is_kept(f, "a"));
}

/* A reload closes directories and opens others under their numbers. */
static void a_descriptor_may_come_to_mean_another_directory(void **state)
{
    struct fixture *f = *state;
    keep(f, "a", "hello");
    int other = open("other", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(dup2(other, f->directory), f->directory);
    close(other);
    assert_string_equal(sent(f, "a"), "other");
}

static void a_copy_lives_as_long_as_it_is_sent(void **state)
{
    struct fixture *f = *state;
    keep(f, "a", "hello");
    struct file_copy *copy = cache_find(&f->loop, f->directory, "a");
    write_file("web/a", "jello");
    end_turn(f);
    assert_false(is_kept(f, "a"));
    assert_memory_equal(copy->content, "hello", 5);
    file_copy_unref(copy);
}

static void long_and_empty_files_are_not_kept(void **state)
{
    struct fixture *f = *state;
    write_file("web/a", "");
    assert_string_equal(sent(f, "a"), "");
    assert_false(is_kept(f, "a"));
    assert_int_equal(truncate("web/a", CACHE_FILE_MAX + 1), 0);
    assert_int_equal(strlen(sent(f, "a")), 0); /* of zeros */
    assert_false(is_kept(f, "a"));
    assert_int_equal(truncate("web/a", CACHE_FILE_MAX), 0);
    sent(f, "a");
    assert_true(is_kept(f, "a"));
}

/* Many long files: who came first makes room, and what is kept is right. */
static void the_whole_is_bounded(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 600 };
    char name[16], path[32], text[32];
    unsigned kept = 0;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "f%d", i);
        snprintf(path, sizeof path, "web/%s", name);
        write_file(path, name);
        assert_int_equal(truncate(path, CACHE_FILE_MAX), 0);
        assert_string_equal(sent(f, name), name);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "f%d", i);
        kept += is_kept(f, text);
        assert_string_equal(sent(f, text), text);
    }
    assert_true(kept > 50 && kept <= CACHE_BYTES / CACHE_FILE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_copy_is_what_was_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_change_is_missed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_change_cannot_be_hidden_by_setting_times, set_up, tear_down),
        cmocka_unit_test_setup_teardown(permission_that_is_taken_away_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_link_may_come_to_lead_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_link_to_the_same_file_may_not_lead_outside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_settled_is_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_has_an_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_descriptor_may_come_to_mean_another_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_lives_as_long_as_it_is_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_and_empty_files_are_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_whole_is_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
