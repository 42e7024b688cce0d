#include "test.h"

#include "crossgate/file.h"

#include "list.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

/* A real loop and a real directory: <root>/outside, and <root>/web, which is what is served. */
struct fixture {
    uv_loop_t uv;
    struct loop loop;
    struct log log;
    struct counters counters;
    char root[64];
    int directory;
};

static void write_file(const char *path, const void *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    close(fd);
}

enum { BIG = 3 * POOL_BLOCK_BYTES + 17 };

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 37 + (i >> 9));
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_int_equal(uv_loop_init(&f->uv), 0);
    log_init(&f->log, STDERR_FILENO, LOG_ERROR, "test");
    assert_true(loop_init(&f->loop, &f->uv, &f->log, &f->counters));
    snprintf(f->root, sizeof f->root, "/tmp/crossgate-file-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    assert_int_equal(chdir(f->root), 0);
    assert_int_equal(mkdir("web", 0755), 0);
    assert_int_equal(mkdir("web/sub", 0755), 0);
    write_file("outside", "secret", 6);
    write_file("web/a.txt", "hello", 5);
    write_file("web/empty", "", 0);
    uint8_t *big = malloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        big[i] = pattern(i);
    write_file("web/big", big, BIG);
    free(big);
    assert_int_equal(symlink("../a.txt", "web/sub/inside"), 0);
    assert_int_equal(symlink("../outside", "web/escape"), 0);
    assert_int_equal(symlink("/etc/passwd", "web/absolute"), 0);
    assert_int_equal(symlink("/proc/self/cwd/outside", "web/magic"), 0);
    assert_int_equal(symlink("loop", "web/loop"), 0);
    assert_int_equal(mkfifo("web/fifo", 0644), 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "web/socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    close(fd);
    f->directory = open("web", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->directory >= 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"web/a.txt",    "web/empty",    "web/big",    "web/sub/inside", "web/escape",
                                        "web/absolute", "web/magic",    "web/loop",   "web/fifo",       "web/socket",
                                        "outside",      "web/none-yet", "web/secret", "web/sub",        "web"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove(names[i]);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(f->root), 0);
    close(f->directory);
    loop_deinit(&f->loop);
    assert_int_equal(uv_loop_close(&f->uv), 0);
    free(f);
    return 0;
}

struct seen {
    struct file *file;
    bool told;
    enum file_result result;
    struct file_facts facts;
    bool close_when_open;
    bool read_whole;
    bool close_in_read;
    bool list;
    uv_loop_t *hurry; /* the listing fails, and before on_open returns */
    const struct file_listing *listing;
    size_t step;
    unsigned reads;
    unsigned depth, deepest;
    size_t length;
    bool finished;
};

static void post(uv_work_t *work)
{
    uv_sem_post(work->data);
}

static void ignore(uv_work_t *work, int status)
{
    (void)status;
    free(work);
}

/* The pool has one thread (see main): it has done then what it was given before. */
static void await_pool(uv_loop_t *uv)
{
    uv_work_t *work = calloc(1, sizeof *work);
    uv_sem_t done;
    assert_int_equal(uv_sem_init(&done, 0), 0);
    work->data = &done;
    assert_int_equal(uv_queue_work(uv, work, post, ignore), 0);
    uv_sem_wait(&done);
    uv_sem_destroy(&done);
}

static void list_without_descriptors(const struct seen *seen)
{
    struct rlimit usual, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_true(file_list(seen->file));
    await_pool(seen->hurry);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
}

static void on_open(void *user, enum file_result result, const struct file_facts *facts)
{
    struct seen *seen = user;
    assert_false(seen->told);
    seen->told = true;
    seen->result = result;
    if (result == FILE_OK)
        seen->facts = *facts;
    if (seen->close_when_open)
        file_close(seen->file);
    else if (result == FILE_OK && seen->read_whole)
        file_read(seen->file, 0, seen->step);
    else if (result == FILE_OK && seen->hurry)
        list_without_descriptors(seen);
    else if (result == FILE_OK && seen->list)
        assert_true(file_list(seen->file));
}

static void on_read(void *user, enum file_result result, struct span bytes)
{
    struct seen *seen = user;
    assert_int_equal(result, FILE_OK);
    seen->reads++;
    seen->depth++;
    seen->deepest = seen->depth > seen->deepest ? seen->depth : seen->deepest;
    for (size_t i = 0; i < bytes.len; i++)
        assert_int_equal(bytes.at[i], pattern(seen->length + i));
    seen->length += bytes.len;
    if (bytes.len == 0 || seen->close_in_read) {
        seen->finished = true;
        file_close(seen->file);
    } else {
        file_read(seen->file, seen->length, seen->step);
    }
    seen->depth--;
}

static void on_list(void *user, enum file_result result, const struct file_listing *listing)
{
    struct seen *seen = user;
    seen->finished = true;
    seen->result = result;
    seen->listing = listing;
}

static const struct file_user user = {on_open, on_read, on_list};

static void turn(struct fixture *f)
{
    loop_settle(&f->loop);
    loop_bury(&f->loop);
    while (uv_loop_alive(&f->uv)) {
        uv_run(&f->uv, UV_RUN_ONCE);
        loop_bury(&f->loop);
    }
    loop_settle(&f->loop);
    loop_bury(&f->loop);
}

static struct seen opened(struct fixture *f, const char *path)
{
    struct seen seen = {.close_when_open = true};
    seen.file = file_open(&f->loop, f->directory, path, &user, &seen);
    assert_non_null(seen.file);
    assert_false(seen.told);
    turn(f);
    assert_true(seen.told);
    return seen;
}

static void files_and_directories_are_told_apart(void **state)
{
    struct fixture *f = *state;
    struct seen seen = opened(f, "a.txt");
    struct stat facts;
    assert_int_equal(stat("web/a.txt", &facts), 0);
    assert_int_equal(seen.result, FILE_OK);
    assert_false(seen.facts.is_directory);
    assert_int_equal(seen.facts.size, 5);
    assert_int_equal(seen.facts.inode, facts.st_ino);
    assert_int_equal(seen.facts.modified_seconds, facts.st_mtim.tv_sec);
    seen = opened(f, "sub");
    assert_int_equal(seen.result, FILE_OK);
    assert_true(seen.facts.is_directory);
    seen = opened(f, ".");
    assert_true(seen.result == FILE_OK && seen.facts.is_directory);
}

static void nothing_leads_outside(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {
        "../outside", "sub/../../outside", "escape", "absolute", "magic", "/etc/passwd", "loop", "none", "a.txt/b", ""};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(opened(f, paths[i]).result, FILE_NONE);
    assert_int_equal(opened(f, "sub/inside").result, FILE_OK);
}

static void what_is_no_file_is_broken_and_never_blocks(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(opened(f, "fifo").result, FILE_BROKEN);
    assert_int_equal(opened(f, "socket").result, FILE_BROKEN);
}

static void permissions_are_said(void **state)
{
    struct fixture *f = *state;
    write_file("web/secret", "x", 1);
    assert_int_equal(chmod("web/secret", 0), 0);
    /* root may read it all the same */
    assert_int_equal(opened(f, "secret").result, geteuid() == 0 ? FILE_OK : FILE_DENIED);
}

static void a_file_is_read_to_its_end_without_deepening_the_stack(void **state)
{
    struct fixture *f = *state;
    static const size_t steps[] = {1000, 16384, POOL_BLOCK_BYTES, 10 * POOL_BLOCK_BYTES};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct seen seen = {.read_whole = true, .step = steps[i]};
        seen.file = file_open(&f->loop, f->directory, "big", &user, &seen);
        turn(f);
        assert_true(seen.finished);
        assert_int_equal(seen.length, BIG);
        assert_int_equal(seen.deepest, 1);
        assert_int_equal(f->loop.pool.lent, 0);
    }
}

static void what_is_not_cached_comes_from_the_pool(void **state)
{
    struct fixture *f = *state;
    int fd = open("web/big", O_RDONLY | O_CLOEXEC);
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    struct seen seen = {.read_whole = true, .step = 16384};
    seen.file = file_open(&f->loop, f->directory, "big", &user, &seen);
    turn(f);
    assert_int_equal(seen.length, BIG);
    assert_true(list_is_empty(&f->loop.guests));
}

static void closing_at_any_time_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.read_whole = true, .step = 100};
    seen.file = file_open(&f->loop, f->directory, "big", &user, &seen);
    file_close(seen.file);
    file_close(seen.file);
    turn(f);
    assert_false(seen.told);
    seen.close_in_read = true;
    seen.file = file_open(&f->loop, f->directory, "big", &user, &seen);
    turn(f);
    assert_int_equal(seen.reads, 1);
    assert_int_equal(opened(f, "none").result, FILE_NONE);
}

/* The same paths, in the pool: nothing is cached under a name that was never looked up. */
static void many_at_once_in_the_pool(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 40 };
    struct seen seen[MANY] = {0};
    for (int i = 0; i < MANY; i++) {
        char name[32];
        snprintf(name, sizeof name, "sub/never-%d", i);
        seen[i].file = file_open(&f->loop, f->directory, name, &user, &seen[i]);
        if (i % 2)
            file_close(seen[i].file);
    }
    turn(f);
    for (int i = 0; i < MANY; i++) {
        assert_true(seen[i].told == (i % 2 == 0));
        assert_true(i % 2 || seen[i].result == FILE_NONE);
    }
    assert_true(list_is_empty(&f->loop.guests));
}

static void an_empty_file_ends_at_once(void **state)
{
    struct fixture *f = *state;
    write_file("web/none-yet", "", 0);
    struct seen seen = {.read_whole = true, .step = 100};
    seen.file = file_open(&f->loop, f->directory, "none-yet", &user, &seen);
    turn(f);
    assert_true(seen.finished);
    assert_int_equal(seen.length, 0);
}

static void a_directory_is_listed_in_order_as_far_as_it_is_served(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        bool is_directory;
        uint64_t size;
    } wanted[] = {{"sub", true, 0}, {"a.txt", false, 5}, {"big", false, BIG}, {"empty", false, 0}};
    struct seen seen = {.list = true};
    seen.file = file_open(&f->loop, f->directory, ".", &user, &seen);
    turn(f);
    assert_true(seen.finished && seen.result == FILE_OK);
    assert_int_equal(seen.listing->count, sizeof wanted / sizeof *wanted);
    assert_false(seen.listing->cut);
    for (size_t i = 0; i < seen.listing->count; i++) {
        const struct file_entry *entry = &seen.listing->at[i];
        assert_string_equal(entry->name, wanted[i].name);
        assert_true(entry->is_directory == wanted[i].is_directory);
        assert_true(entry->is_directory || entry->size == wanted[i].size);
        assert_true(entry->modified_seconds > 1000000000);
    }
    file_close(seen.file);
    turn(f);
    /* A link that stays beneath shows what it leads to. */
    seen = (struct seen){.list = true};
    seen.file = file_open(&f->loop, f->directory, "sub", &user, &seen);
    turn(f);
    assert_int_equal(seen.listing->count, 1);
    assert_string_equal(seen.listing->at[0].name, "inside");
    assert_int_equal(seen.listing->at[0].size, 5);
    file_close(seen.file);
    turn(f);
}

static void a_long_listing_is_cut(void **state)
{
    struct fixture *f = *state;
    int descriptor = open("web", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t most = 3; most <= 4; most++) { /* there are four */
        struct arena *arena = arena_new();
        struct file_listing listing = {.count = 0};
        assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
        assert_int_equal(list_directory(f->directory, descriptor, ".", most, arena, &listing), FILE_OK);
        assert_int_equal(listing.count, most);
        assert_true(listing.cut == (most == 3));
        arena_free(arena);
    }
    close(descriptor);
}

static void a_listing_that_nobody_waits_for_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.close_when_open = false};
    seen.file = file_open(&f->loop, f->directory, ".", &user, &seen);
    loop_settle(&f->loop);
    while (!seen.told)
        uv_run(&f->uv, UV_RUN_ONCE);
    assert_true(file_list(seen.file));
    file_close(seen.file);
    turn(f);
    assert_false(seen.finished);
    assert_true(list_is_empty(&f->loop.guests));
}

/* The pool may be faster than whoever is told that the directory is open. */
static void a_listing_that_fails_at_once_is_told(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.hurry = &f->uv};
    seen.file = file_open(&f->loop, f->directory, ".", &user, &seen);
    turn(f);
    assert_true(seen.finished);
    assert_int_equal(seen.result, FILE_RESOURCES);
    file_close(seen.file);
    turn(f);
}

static void a_loop_has_so_many_listings_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct seen listed[FILE_LISTINGS_MAX] = {0}, late = {0};
    for (size_t i = 0; i < FILE_LISTINGS_MAX; i++) {
        listed[i].list = true;
        listed[i].file = file_open(&f->loop, f->directory, ".", &user, &listed[i]);
    }
    late.file = file_open(&f->loop, f->directory, ".", &user, &late);
    turn(f);
    assert_false(file_list(late.file));
    /* Those that have come count, too. */
    assert_true(listed[0].finished);
    file_close(listed[0].file);
    turn(f);
    assert_true(file_list(late.file));
    turn(f);
    assert_true(late.finished && late.listing->count > 0);
    file_close(late.file);
    for (size_t i = 1; i < FILE_LISTINGS_MAX; i++)
        file_close(listed[i].file);
    turn(f);
    assert_int_equal(f->loop.listings, 0);
}

int main(void)
{
    setenv("UV_THREADPOOL_SIZE", "1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_and_directories_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_leads_outside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_broken_and_never_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(permissions_are_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_read_to_its_end_without_deepening_the_stack, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_cached_comes_from_the_pool, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_at_any_time_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_at_once_in_the_pool, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_file_ends_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_is_listed_in_order_as_far_as_it_is_served, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_listing_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_listing_that_nobody_waits_for_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_listing_that_fails_at_once_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_loop_has_so_many_listings_at_a_time, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
