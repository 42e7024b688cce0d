#include "node_dir.h"
#include "shell.h"

#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char base[PATH_MAX];

static bool resolve(const char *cbdir, const char *config, struct node_dir *place)
{
    struct plan_request request = {.backends = "kept"};
    struct error error = {0};
    bool worked = node_dir_resolve(cbdir, config, place, &request, &error);

    assert_int_equal(worked, error.class == ERROR_NONE);
    if (worked) {
        assert_ptr_equal(request.config, place->config);
        assert_ptr_equal(request.node_dir, place->directory);
        assert_string_equal(request.backends, "kept");
    }
    return worked;
}

static void expect(const char *cbdir, const char *config, const char *directory, const char *file)
{
    struct node_dir place;
    char expected[PATH_MAX + 16];

    assert_true(resolve(cbdir, config, &place));
    snprintf(expected, sizeof expected, "%s%s", base, directory);
    assert_string_equal(place.directory, expected);
    if (file[0] == '+')
        snprintf(expected, sizeof expected, "%s%s", base, file + 1);
    assert_string_equal(place.config, file[0] == '+' ? expected : file);
}

static void the_order_is_that_of_crossbar(void **state)
{
    (void)state;
    expect("a", NULL, "/a", "+/a/config.json");
    expect("a/config.json", NULL, "/a", "+/a/config.json");
    expect(NULL, NULL, "/.crossbar", "+/.crossbar/config.json");
    setenv("CROSSBAR_DIR", "a", 1);
    expect(NULL, NULL, "/a", "+/a/config.json");
    expect(".", NULL, "", "+/config.json");
    unsetenv("CROSSBAR_DIR");
}

static void without_any_it_is_the_current_directory(void **state)
{
    (void)state;
    assert_int_equal(chdir("a"), 0);
    expect(NULL, NULL, "/a", "+/a/config.json");
    assert_int_equal(chdir(".."), 0);
}

static void a_named_file_is_relative_to_what_was_named_with_it(void **state)
{
    (void)state;
    expect("a", "x.json", "/a", "+/a/x.json");
    expect("a", "/etc/x.json", "/a", "/etc/x.json");
    expect(NULL, "a/x.json", "/a", "a/x.json");
    expect(NULL, "x.json", "", "x.json");
}

static void a_file_in_the_root_has_the_root_as_node(void **state)
{
    struct node_dir place;

    (void)state;
    assert_true(resolve(NULL, "/x.json", &place));
    assert_string_equal(place.directory, "/");
    assert_string_equal(place.config, "/x.json");
}

static void yaml_goes_before_json(void **state)
{
    struct node_dir place;

    (void)state;
    expect("y", NULL, "/y", "+/y/config.yaml");
    expect("both", NULL, "/both", "+/both/config.yaml");
    expect("both", "config.json", "/both", "+/both/config.json");
    expect("yml", NULL, "/yml", "+/yml/config.json"); /* as with Crossbar, config.yml is not looked for */
    expect("yml", "config.yml", "/yml", "+/yml/config.yml");
    expect(NULL, "y/config.yaml", "/y", "y/config.yaml");
    assert_true(resolve("both", NULL, &place) && place.both);
    assert_true(resolve("both", "config.yaml", &place) && !place.both);
    assert_true(resolve("y", NULL, &place) && !place.both);
    assert_true(resolve("a", NULL, &place) && !place.both);
}

static void the_file_that_is_not_read_is_named(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct node_dir place;

    (void)state;
    assert_true(resolve("y", NULL, &place));
    node_dir_report(&place, diagnostics);
    assert_int_equal(diagnostics_kept(diagnostics), 0);
    assert_true(resolve("both", NULL, &place));
    node_dir_report(&place, diagnostics);
    assert_int_equal(diagnostics_count(diagnostics, PROBLEM_NOTE), 1);
    assert_string_equal(diagnostics_at(diagnostics, 0)->file, place.config);
    assert_non_null(strstr(diagnostics_at(diagnostics, 0)->text, "config.json beside it is not read"));
    diagnostics_free(diagnostics);
}

static void what_is_not_there_is_an_error(void **state)
{
    struct node_dir place;
    char name[PATH_MAX + 1];

    (void)state;
    memset(name, 'x', PATH_MAX);
    name[PATH_MAX] = '\0';
    assert_false(resolve("none", NULL, &place));
    assert_false(resolve("", NULL, &place));
    assert_false(resolve(name, NULL, &place));
    assert_false(resolve("a", name, &place));
    assert_false(resolve(NULL, name, &place));
    assert_false(resolve(NULL, "none/x.json", &place));
}

static int make(void **state)
{
    char path[] = "/tmp/crossgate-node-XXXXXX";

    (void)state;
    unsetenv("CROSSBAR_DIR");
    return !mkdtemp(path) || chdir(path) || !realpath(path, base) ||
           !shell_run(".", "mkdir a y yml both .crossbar && touch a/config.json y/config.yaml yml/config.yml "
                           "both/config.yaml both/config.json");
}

static int clean(void **state)
{
    (void)state;
    return !shell_run(base, "rm -r a y yml both .crossbar") || rmdir(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_is_that_of_crossbar),
        cmocka_unit_test(without_any_it_is_the_current_directory),
        cmocka_unit_test(a_named_file_is_relative_to_what_was_named_with_it),
        cmocka_unit_test(a_file_in_the_root_has_the_root_as_node),
        cmocka_unit_test(yaml_goes_before_json),
        cmocka_unit_test(the_file_that_is_not_read_is_named),
        cmocka_unit_test(what_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests(tests, make, clean);
}
