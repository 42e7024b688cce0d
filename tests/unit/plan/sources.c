#include "node.h"

#include "../test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct sources *disk(void)
{
    const struct plan_request request = {"config.json", node_path(), "ws://x", true};
    struct sources *sources = sources_new_disk(&request);

    assert_non_null(sources);
    return sources;
}

static const char *in_node(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", node_path(), name);
    return path;
}

/* Asks for a file, a directory and a variable. */
static void ask(struct sources *sources, struct source_file *file)
{
    struct error error = {0};

    assert_true(sources_file(sources, in_node("server.pem"), file, &error));
    assert_true(sources_directory(sources, in_node("web"), &error) >= 0);
    assert_string_equal(sources_variable(sources, "CROSSGATE_TEST_PORT"), "8443");
}

/* As a worker receives it. */
static struct sources *unpack(const struct sources *sources, int packed, struct error *error)
{
    const int *directories;
    int copies[8];
    size_t count = sources_directories(sources, &directories);

    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++)
        copies[i] = fcntl(directories[i], F_DUPFD_CLOEXEC, 0);
    return sources_new_packed(packed, copies, count, error);
}

static void a_worker_gets_the_same_answers(void **state)
{
    struct sources *sources = disk(), *worker;
    struct source_file asked, received;
    struct error error = {0};

    (void)state;
    ask(sources, &asked);
    assert_true(asked.bytes.len > 0);
    assert_int_equal(asked.mode & 077, 0);
    int packed = sources_pack(sources, &error);
    assert_true(packed >= 0);
    worker = unpack(sources, packed, &error);
    assert_non_null(worker);
    close(packed);
    sources_free(sources);
    ask(worker, &received);
    assert_int_equal(received.mode, 0);
    assert_string_equal(sources_request(worker)->config, "config.json");
    assert_string_equal(sources_request(worker)->node_dir, node_path());
    assert_string_equal(sources_request(worker)->backends, "ws://x");
    assert_true(sources_request(worker)->strict);
    sources_free(worker);
}

static void a_worker_reads_nothing_from_the_disk(void **state)
{
    struct sources *sources = disk();
    struct source_file file;
    struct error error = {0};
    int packed = sources_pack(sources, &error);
    struct sources *worker = unpack(sources, packed, &error);

    (void)state;
    assert_non_null(worker);
    assert_false(sources_file(worker, in_node("server.pem"), &file, &error));
    assert_int_equal(error.class, ERROR_INPUT);
    assert_int_equal(sources_directory(worker, in_node("web"), &error), -1);
    assert_null(sources_variable(worker, "CROSSGATE_TEST_PORT"));
    close(packed);
    sources_free(worker);
    sources_free(sources);
}

static void several_workers_may_read_one_descriptor(void **state)
{
    struct sources *sources = disk();
    struct source_file file;
    struct error error = {0};

    (void)state;
    ask(sources, &file);
    int packed = sources_pack(sources, &error);
    for (int i = 0; i < 3; i++) {
        struct sources *worker = unpack(sources, packed, &error);
        assert_non_null(worker);
        ask(worker, &file);
        sources_free(worker);
    }
    close(packed);
    sources_free(sources);
}

static void a_packed_plan_cannot_be_changed(void **state)
{
    struct sources *sources = disk();
    struct error error = {0};
    int packed = sources_pack(sources, &error);

    (void)state;
    assert_int_equal(write(packed, "x", 1), -1);
    assert_int_equal(ftruncate(packed, 0), -1);
    assert_int_equal(fcntl(packed, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(packed);
    sources_free(sources);
}

static int memory_file(const uint8_t *bytes, size_t length)
{
    int descriptor = memfd_create("test", MFD_CLOEXEC);

    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes, length), length);
    return descriptor;
}

/* No length in it is trusted. What is cut is refused, save for one cut: where the last answer, the variable, begins. */
static void a_damaged_plan_is_refused(void **state)
{
    struct sources *sources = disk();
    struct source_file file;
    struct error error = {0};
    uint8_t bytes[8192];
    unsigned accepted = 0;

    (void)state;
    ask(sources, &file);
    int packed = sources_pack(sources, &error);
    ssize_t length = pread(packed, bytes, sizeof bytes, 0);
    assert_true(length > 0 && (size_t)length < sizeof bytes);
    close(packed);
    for (size_t cut = 0; cut < (size_t)length; cut++) {
        int damaged = memory_file(bytes, cut);
        struct sources *worker = unpack(sources, damaged, &error);
        accepted += worker != NULL;
        sources_free(worker);
        close(damaged);
    }
    assert_int_equal(accepted, 1);
    for (size_t at = 0; at < (size_t)length && at < 200; at++) {
        bytes[at] ^= 0xff;
        int damaged = memory_file(bytes, (size_t)length);
        struct sources *worker = unpack(sources, damaged, &error);
        sources_free(worker);
        close(damaged);
        bytes[at] ^= 0xff;
    }
    bytes[0] ^= 1;
    int damaged = memory_file(bytes, (size_t)length);
    assert_null(unpack(sources, damaged, &error));
    close(damaged);
    sources_free(sources);
}

static void directories_must_be_as_many_as_were_packed(void **state)
{
    struct sources *sources = disk();
    struct source_file file;
    struct error error = {0};

    (void)state;
    ask(sources, &file);
    int packed = sources_pack(sources, &error);
    assert_null(sources_new_packed(packed, NULL, 0, &error));
    int surplus[2] = {open("/", O_PATH | O_CLOEXEC), open("/", O_PATH | O_CLOEXEC)};
    assert_null(sources_new_packed(packed, surplus, 2, &error));
    /* They were taken over, also on failure. */
    assert_int_equal(fcntl(surplus[0], F_GETFD), -1);
    assert_int_equal(fcntl(surplus[1], F_GETFD), -1);
    close(packed);
    sources_free(sources);
}

static ino_t inode_of(int descriptor)
{
    struct stat facts;

    assert_int_equal(fstat(descriptor, &facts), 0);
    return facts.st_ino;
}

/* Descriptors travel beside the plan: each has to come to its own name again. */
static void each_directory_stays_itself(void **state)
{
    const char *const paths[] = {"/", "/proc", node_path()};
    struct sources *sources = disk(), *others[2];
    struct error error = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_true(sources_directory(sources, paths[i], &error) >= 0);
    int packed = sources_pack(sources, &error);
    others[0] = unpack(sources, packed, &error);
    others[1] = sources_new_renewed(sources, NULL);
    for (size_t i = 0; i < 6; i++) {
        struct sources *other = others[i / 3];
        int here = sources_directory(sources, paths[i % 3], &error), there;
        assert_non_null(other);
        assert_string_equal(sources_directory_name(other, i % 3), paths[i % 3]);
        there = sources_directory(other, paths[i % 3], &error);
        assert_int_not_equal(here, there);
        assert_int_equal(inode_of(here), inode_of(there));
    }
    sources_free(others[0]);
    sources_free(others[1]);
    close(packed);
    sources_free(sources);
}

static void a_file_is_read_once(void **state)
{
    struct sources *sources = disk();
    struct source_file first, second;
    struct error error = {0};

    (void)state;
    assert_true(sources_file(sources, in_node("server.pem"), &first, &error));
    assert_true(sources_file(sources, in_node("server.pem"), &second, &error));
    assert_ptr_equal(first.bytes.at, second.bytes.at);
    assert_int_equal(sources_directory(sources, in_node("web"), &error),
                     sources_directory(sources, in_node("web"), &error));
    sources_free(sources);
}

static void what_is_no_readable_file_is_an_error_with_its_path(void **state)
{
    static const char *const names[] = {"none", "web", "pipe", "huge.pem"};
    struct sources *sources = disk();

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct source_file file;
        struct error error = {0};
        assert_false(sources_file(sources, in_node(names[i]), &file, &error));
        assert_non_null(strstr(error.text, names[i]));
    }
    struct error error = {0};
    assert_int_equal(sources_directory(sources, in_node("server.pem"), &error), -1);
    assert_non_null(strstr(error.text, "server.pem"));
    sources_free(sources);
}

static void what_the_master_has_made_is_the_same_in_a_worker_and_after_a_reload(void **state)
{
    struct error error = {0};
    const struct plan_request request = {"config.json", "/", NULL, false};
    struct sources *sources = sources_new_disk(&request), *next = sources_new_disk(&request);
    struct span bytes;

    (void)state;
    assert_false(sources_made(sources, "a thing", &bytes));
    assert_true(sources_keep_made(sources, "a thing", SPAN("something else")));
    assert_true(sources_keep_made(sources, "a thing", SPAN("with a \0 in it")));
    assert_true(sources_made(sources, "a thing", &bytes));
    int packed = sources_pack(sources, &error);
    struct sources *worker = unpack(sources, packed, &error);
    assert_non_null(worker);
    assert_true(sources_made(worker, "a thing", &bytes));
    assert_true(span_equal(bytes, SPAN("with a \0 in it")));
    assert_false(sources_made(worker, "another thing", &bytes));
    close(packed);
    sources_free(worker);
    assert_true(sources_inherit_made(next, sources));
    sources_free(sources);
    assert_true(sources_made(next, "a thing", &bytes));
    assert_true(span_equal(bytes, SPAN("with a \0 in it")));
    sources_free(next);
}

/* The same plan from the disk and from what was packed. */
static void a_plan_is_the_same_in_master_and_worker(void **state)
{
    struct loaded loaded;
    struct error error = {0};

    (void)state;
    node_load(
        &loaded,
        "{'version': 2, 'workers': [{'type': 'router', 'transports': [{'type': 'web', 'endpoint': {'type': 'tcp', "
        "'port': '$CROSSGATE_TEST_PORT', 'tls': {'key': 'server.key', 'certificate': 'server.pem'}}, 'paths': {'/': "
        "{'type': 'static', 'directory': 'web'}}}, {'type': 'websocket', 'endpoint': {'type': 'unix', 'path': "
        "'$CROSSGATE_TEST_PORT.sock'}}]}]}",
        "ws://127.0.0.1:8080", false);
    assert_non_null(loaded.plan);
    int packed = sources_pack(loaded.sources, &error);
    struct sources *sources = unpack(loaded.sources, packed, &error);
    assert_non_null(sources);
    close(packed);
    unsetenv("CROSSGATE_TEST_PORT");
    struct diagnostics *diagnostics = diagnostics_new();
    struct plan *plan = plan_load(sources, NULL, diagnostics);
    assert_non_null(plan);
    sources_free(sources);
    assert_int_equal(plan->transport_count, 2);
    assert_int_equal(plan->transports[0].where.port, 8443);
    assert_string_equal(plan->transports[1].where.path, loaded.plan->transports[1].where.path);
    counted_unref(&plan->counted);
    diagnostics_free(diagnostics);
    node_unload(&loaded);
    setenv("CROSSGATE_TEST_PORT", "8443", 1);
}

static int make(void **state)
{
    setenv("CROSSGATE_TEST_PORT", "8443", 1);
    return node_make(state);
}

/* ---- files read again */

static void put(const char *name, const char *text)
{
    FILE *file = fopen(in_node(name), "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void expect_file(struct sources *sources, const char *name, const char *text)
{
    struct source_file file;
    struct error error = {0};

    assert_true(sources_file_if_any(sources, in_node(name), &file, &error));
    if (text)
        assert_true(span_equal(file.bytes, span_string(text)));
    else
        assert_null(file.bytes.at);
}

static struct sources *asked(void)
{
    struct plan_request request = {in_node("config.json"), node_path(), NULL, false};
    struct sources *sources = sources_new_disk(&request);
    struct source_file file;

    put("config.json", "config");
    put("one", "1");
    put("two", "2");
    unlink(in_node("three"));
    expect_file(sources, "config.json", "config");
    expect_file(sources, "one", "1");
    expect_file(sources, "two", "2");
    expect_file(sources, "three", NULL);
    ask(sources, &file);
    assert_true(sources_note_place(sources, in_node("one"), "$.a.tls.key"));
    assert_true(sources_note_place(sources, in_node("two"), "$.a.tls2[0]"));
    assert_true(sources_note_place(sources, in_node("three"), "$.b"));
    return sources;
}

static void remove_asked(void)
{
    put("config.json", "");
    unlink(in_node("one"));
    unlink(in_node("two"));
    unlink(in_node("three"));
}

static void a_renewal_reads_files_again_and_nothing_else(void **state)
{
    struct sources *sources = asked(), *renewed;
    struct error error = {0};
    const char *first;

    (void)state;
    setenv("CROSSGATE_TEST_PORT", "1", 1);
    put("config.json", "other");
    put("one", "11");
    put("three", "3");
    expect_file(sources, "three", NULL); /* asked twice, the same answer */
    renewed = sources_new_renewed(sources, NULL);
    assert_non_null(renewed);
    setenv("CROSSGATE_TEST_PORT", "8443", 1);
    assert_string_equal(sources_request(renewed)->config, in_node("config.json"));
    expect_file(renewed, "config.json", "config");
    expect_file(renewed, "one", "11");
    expect_file(renewed, "two", "2");
    expect_file(renewed, "three", "3");
    assert_string_equal(sources_variable(renewed, "CROSSGATE_TEST_PORT"), "8443");
    assert_true(sources_directory(renewed, in_node("web"), &error) >= 0);
    assert_int_not_equal(sources_directory(renewed, in_node("web"), &error),
                         sources_directory(sources, in_node("web"), &error));
    assert_int_equal(sources_differ(sources, renewed, &first), 2);
    assert_string_equal(first, in_node("one"));
    assert_int_equal(sources_differ(renewed, renewed, &first), 0);
    assert_null(first);
    sources_free(renewed);
    sources_free(sources);
    remove_asked();
}

static void what_is_gone_is_missed_only_by_who_needs_it(void **state)
{
    struct sources *sources = asked(), *renewed, *again;
    struct source_file file;
    struct error error = {0};
    const char *first;

    (void)state;
    unlink(in_node("one"));
    unlink(in_node("two"));
    assert_int_equal(mkdir(in_node("two"), 0700), 0);
    renewed = sources_new_renewed(sources, NULL);
    assert_non_null(renewed);
    expect_file(renewed, "one", NULL);
    assert_false(sources_file(renewed, in_node("one"), &file, &error));
    error = (struct error){0};
    assert_false(sources_file_if_any(renewed, in_node("two"), &file, &error)); /* something is there */
    assert_int_equal(sources_differ(sources, renewed, &first), 2);
    again = sources_new_renewed(sources, NULL);
    assert_int_equal(sources_differ(renewed, again, &first), 0);
    sources_free(again);
    rmdir(in_node("two"));
    put("two", "22");
    again = sources_new_renewed(renewed, NULL);
    assert_int_equal(sources_differ(renewed, again, &first), 1);
    expect_file(again, "two", "22");
    sources_free(again);
    sources_free(renewed);
    sources_free(sources);
    remove_asked();
}

static void a_renewal_may_be_of_one_directory_only(void **state)
{
    struct sources *sources = asked(), *renewed;
    char beneath[256];

    (void)state;
    put("one", "11");
    snprintf(beneath, sizeof beneath, "%s", node_path());
    beneath[strlen(beneath) - 1] = '\0'; /* another directory, whose name begins the same */
    renewed = sources_new_renewed(sources, beneath);
    expect_file(renewed, "one", "1");
    sources_free(renewed);
    renewed = sources_new_renewed(sources, node_path());
    expect_file(renewed, "one", "11");
    sources_free(renewed);
    sources_free(sources);
    remove_asked();
}

static void what_is_distrusted_stays_as_it_was(void **state)
{
    struct sources *sources = asked(), *renewed, *trusted;

    (void)state;
    put("one", "11");
    put("two", "22");
    put("three", "3");
    renewed = sources_new_renewed(sources, NULL);
    assert_true(sources_note_place(renewed, in_node("one"), "$.a.tls.key"));
    assert_true(sources_note_place(renewed, in_node("two"), "$.a.tls2[0]"));
    assert_true(sources_note_place(renewed, in_node("three"), "$.b"));
    sources_distrust(renewed, "$.a.tls");
    trusted = sources_new_trusted(sources, renewed);
    expect_file(trusted, "one", "1");
    expect_file(trusted, "two", "22");
    expect_file(trusted, "three", "3");
    expect_file(trusted, "config.json", "config");
    sources_free(trusted);
    sources_distrust(renewed, "$");
    trusted = sources_new_trusted(sources, renewed);
    expect_file(trusted, "two", "2");
    expect_file(trusted, "three", NULL);
    sources_free(trusted);
    sources_free(renewed);
    sources_free(sources);
    remove_asked();
}

static void all_files_but_the_configuration_have_names(void **state)
{
    struct sources *sources = asked();
    const char **names;
    size_t count;

    (void)state;
    assert_true(sources_names(sources, &names, &count));
    assert_int_equal(count, 4);
    assert_string_equal(names[0], in_node("one"));
    assert_string_equal(names[2], in_node("three"));
    assert_string_equal(names[3], in_node("server.pem"));
    free(names);
    sources_free(sources);
    remove_asked();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_gets_the_same_answers),
        cmocka_unit_test(a_worker_reads_nothing_from_the_disk),
        cmocka_unit_test(several_workers_may_read_one_descriptor),
        cmocka_unit_test(a_packed_plan_cannot_be_changed),
        cmocka_unit_test(a_damaged_plan_is_refused),
        cmocka_unit_test(directories_must_be_as_many_as_were_packed),
        cmocka_unit_test(each_directory_stays_itself),
        cmocka_unit_test(a_file_is_read_once),
        cmocka_unit_test(what_is_no_readable_file_is_an_error_with_its_path),
        cmocka_unit_test(what_the_master_has_made_is_the_same_in_a_worker_and_after_a_reload),
        cmocka_unit_test(a_plan_is_the_same_in_master_and_worker),
        cmocka_unit_test(a_renewal_reads_files_again_and_nothing_else),
        cmocka_unit_test(what_is_gone_is_missed_only_by_who_needs_it),
        cmocka_unit_test(a_renewal_may_be_of_one_directory_only),
        cmocka_unit_test(what_is_distrusted_stays_as_it_was),
        cmocka_unit_test(all_files_but_the_configuration_have_names),
    };

    return cmocka_run_group_tests(tests, make, node_remove);
}
