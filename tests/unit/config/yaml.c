/* YAML becomes the values that JSON would have been, each with its place; what has no place in a configuration is
 * named. */
#include "text.h"

#include "place.h"

#include "../test.h"

#include <stdlib.h>
#include <string.h>

static struct config_text *parse(const char *text, struct diagnostics *diagnostics)
{
    return config_text_new("f.yaml", span_string(text), diagnostics);
}

static void yaml_is_the_same_as_json(void **state)
{
    static const struct {
        const char *yaml;
        const char *json;
    } cases[] = {
        {"version: 2\nworkers:\n- type: router\n  id: 'r1'\n- {type: proxy}\n",
         "{\"version\": 2, \"workers\": [{\"type\": \"router\", \"id\": \"r1\"}, {\"type\": \"proxy\"}]}"},
        {"{\"version\": 2,\t\"a\":[1,2.5,null,true]}\n", "{\"version\": 2, \"a\": [1, 2.5, null, true]}"},
        {"%YAML 1.1\n---\na: !!str 5\nb: !!int \"5\"\nc: !!float 5\nd: \"5\"\ne: !!null ''\n...\n",
         "{\"a\": \"5\", \"b\": 5, \"c\": 5.0, \"d\": \"5\", \"e\": null}"},
        {"a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{\"a\": \"x\\ny\\n\", \"b\": \"x y\"}"},
        {"&k a: 1\nb: *k\n", "{\"a\": 1, \"b\": \"a\"}"},
        {"a: &k x\n*k : 1\n", "{\"a\": \"x\", \"x\": 1}"},
        {"a: &a {x: 1, y: [2]}\nb: *a\nc: [*a, &n 7, *n]\n",
         "{\"a\": {\"x\": 1, \"y\": [2]}, \"b\": {\"x\": 1, \"y\": [2]}, \"c\": [{\"x\": 1, \"y\": [2]}, 7, 7]}"},
        {"a: &a {x: 1, y: 2}\nb: &b {x: 3, z: 4}\nc:\n  <<: *a\n  y: 5\nd: {z: 6, <<: [*a, *b]}\ne: {<<: {q: 7}}\n",
         "{\"a\": {\"x\": 1, \"y\": 2}, \"b\": {\"x\": 3, \"z\": 4}, \"c\": {\"x\": 1, \"y\": 5}, \"d\": {\"z\": 6, "
         "\"x\": 1, "
         "\"y\": 2}, \"e\": {\"q\": 7}}"},
        {"'<<': 1\n=: 2\n", "{\"<<\": 1, \"=\": 2}"},
        {"---\n", "null"},
        {"\xef\xbb\xbf"
         "a: 1\r\nb: \xc3\xa4\r\n",
         "{\"a\": 1, \"b\": \"\xc3\xa4\"}"},
        {"a: # comment\n  - b # another\n", "{\"a\": [\"b\"]}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct diagnostics *diagnostics = diagnostics_new();
        struct config_text *text = parse(cases[i].yaml, diagnostics);
        json_t *wanted = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        assert_non_null(wanted);
        if (!text || !json_equal(text->root, wanted)) {
            print_error("%s\n", cases[i].yaml);
            diagnostics_print(diagnostics, PROBLEM_NOTE, stderr, false);
        }
        assert_non_null(text);
        assert_true(json_equal(text->root, wanted));
        json_decref(wanted);
        config_text_free(text);
        diagnostics_free(diagnostics);
    }
}

static void expect_at(const struct config_text *text, const struct config_place *place, bool name, unsigned line,
                      unsigned column)
{
    struct position position = place_locate(text, place, name);

    assert_int_equal(position.line, line);
    assert_int_equal(position.column, column);
}

static void every_value_has_its_place(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config_text *text = parse("base: &base\n"
                                     "  x: 1\n"
                                     "list:\n"
                                     "  - ä: [7, 8]\n"
                                     "  - *base\n"
                                     "more: {<<: *base, y: 2}\n",
                                     diagnostics);
    const struct config_place root = {0}, list = {.up = &root, .key = "list"}, first = {.up = &list, .index = 0},
                              key = {.up = &first, .key = "ä"}, eight = {.up = &key, .index = 1},
                              alias = {.up = &list, .index = 1}, below = {.up = &alias, .key = "x"},
                              more = {.up = &root, .key = "more"}, merged = {.up = &more, .key = "x"},
                              own = {.up = &more, .key = "y"}, missing = {.up = &first, .key = "z"},
                              deeper = {.up = &missing, .index = 0}, beyond = {.up = &list, .index = 2},
                              wrong = {.up = &list, .key = "x"};

    (void)state;
    assert_non_null(text);
    expect_at(text, &root, false, 1, 1);
    expect_at(text, &list, true, 3, 1);
    expect_at(text, &list, false, 4, 3);
    expect_at(text, &key, true, 4, 5);
    expect_at(text, &key, false, 4, 8);
    expect_at(text, &eight, false, 4, 12);
    expect_at(text, &alias, false, 5, 5);
    expect_at(text, &below, false, 2, 6);
    expect_at(text, &merged, true, 2, 3);
    expect_at(text, &own, true, 6, 19);
    expect_at(text, &missing, true, 4, 5);
    expect_at(text, &deeper, false, 4, 5);
    expect_at(text, &beyond, false, 4, 3);
    expect_at(text, &wrong, false, 4, 3);
    config_text_free(text);
    diagnostics_free(diagnostics);
}

/* What is wrong is named where it stands: line, column, path, and words of the message or its remedy. */
static const struct wrong {
    const char *text;
    unsigned line, column;
    const char *path;
    const char *phrase;
    const char *also;
} wrongs[] = {
    {"", 1, 1, "$", "the file is empty", NULL},
    {"# nothing\n", 1, 1, "$", "the file is empty", NULL},
    {"a: 1\nb: 2\na: 3\n", 3, 1, "$.a", "key occurs twice in its object; the first time in line 1, column 1",
     "keep one"},
    {"a: {x: 1, \"x\": 2}\n", 1, 11, "$.a.x", "key occurs twice", NULL},
    {"a:\n  - yes: 1\n", 2, 5, "$.a[0]", "a key must be a string, but yes is a boolean in YAML", "\"yes\""},
    {"paths:\n  8080: x\n", 2, 3, "$.paths", "8080 is an integer", "\"8080\""},
    {"~: x\n", 1, 1, "$", "~ is null", NULL},
    {"?\n: x\n", 1, 2, "$", "nothing is null", NULL},
    {"a: &n 7\n*n : 1\n", 2, 1, "$", "a key must be a string", NULL},
    {"? [a]\n: x\n", 1, 3, "$", "a key must be a string", NULL},
    {"2026-11-26: x\n", 1, 1, "$", "is a date", NULL},
    {"a: 2026-11-26\n", 1, 4, "$.a", "2026-11-26 is a date in YAML", "in quotes"},
    {"auth: {ticket: 2026-11-26}\n", 1, 16, "$.auth.ticket", "the value is a date in YAML", NULL},
    {"a: .inf\n", 1, 4, "$.a", ".inf is a number that is too large", NULL},
    {"a: <<\n", 1, 4, "$.a", "<< is a sign of its own", NULL},
    {"a: =\n", 1, 4, "$.a", "= is a sign of its own", NULL},
    {"a: \"x\\0y\"\n", 1, 4, "$.a", "zero byte", NULL},
    {"a: !!binary aGk=\n", 1, 4, "$.a", "the tag binary is not possible here", "remove the tag"},
    {"a: !!timestamp 2026-11-26\n", 1, 4, "$.a", "the tag timestamp", NULL},
    {"a: !!int x\n", 1, 4, "$.a", "the tag int", NULL},
    {"a: !!python/object:os.system {}\n", 1, 4, "$.a", "the tag python/object:os.system", NULL},
    {"a: ! 5\n", 1, 4, "$.a", "the tag ! is", NULL},
    {"a: !mine [1]\n", 1, 4, "$.a", "the tag !mine", NULL},
    {"a: !!set {x, y}\n", 1, 4, "$.a", "the tag set", NULL},
    {"a: !!seq {}\n", 1, 4, "$.a", "the tag seq", NULL},
    {"a: *x\n", 1, 4, "$.a", "the alias *x stands for nothing", "&name"},
    {"a: &x [*x]\n", 1, 8, "$.a[0]", "the alias *x stands within what it stands for", NULL},
    {"a: &x 1\nb: &x 2\n", 2, 4, "$.b", "there is an anchor x already", NULL},
    {"a: {<<: 1}\n", 1, 9, "$.a", "<< takes an object", NULL},
    {"a: {<<: [{}, 1]}\n", 1, 9, "$.a", "<< takes an object", NULL},
    {"a: {<<: {}, <<: {}}\n", 1, 13, "$.a", "<< occurs twice", NULL},
    {"a: 1\n---\nb: 2\n", 2, 1, "$", "a second document begins here", NULL},
    /* Syntax. */
    {"a: 1\n\tb: 2\n", 2, 1, "$", "not YAML", "not with tabs"},
    {"a:\n\t- b\n", 2, 1, "$", "not YAML", "not with tabs"},
    {"a:\n  b: 1\n c: 2\n", 3, 2, "$", "block mapping that begins in line 1",
     "the keys of an object begin in one column"},
    {"a:\n  - b\n - c\n", 3, 2, "$", "not YAML", "indentation"},
    {"a: b: c\n", 1, 5, "$", "mapping values are not allowed", "stands in quotes"},
    {"a: [1, 2\nb: 3\n", 2, 2, "$", "not YAML", "a comma or a bracket is missing"},
    {"a: {x: 1\n", 2, 1, "$", "not YAML", "a comma or a bracket is missing"},
    {"a: \"x\n", 2, 1, "$", "not YAML", "quotation mark"},
    {"a: @x\n", 1, 4, "$", "not YAML", "in quotes"},
    {"a: \"\\d\"\n", 1, 5, "$", "unknown escape", "single quotes"},
    {"a\nb: 1\n", 2, 2, "$", "not YAML", NULL},
    {"a: \x01\n", 1, 4, "$", "control characters", NULL},
    {"ä: \xff\n", 1, 4, "$", "UTF-8", "save the file as UTF-8"},
};

static bool says(const struct diagnostic *diagnostic, const char *phrase)
{
    return !phrase || strstr(diagnostic->text, phrase) || (diagnostic->remedy && strstr(diagnostic->remedy, phrase));
}

static bool is_as_expected(const struct wrong *wrong)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config_text *text = parse(wrong->text, diagnostics);
    const struct diagnostic *first = diagnostics_kept(diagnostics) > 0 ? diagnostics_at(diagnostics, 0) : NULL;
    bool fits = !text && first && diagnostics_count(diagnostics, PROBLEM_ERROR) == 1 && first->line == wrong->line &&
                first->column == wrong->column && strcmp(first->path, wrong->path) == 0 && says(first, wrong->phrase) &&
                says(first, wrong->also);

    if (!fits) {
        print_error("%s\nexpected %u:%u %s: %s … %s\n", wrong->text, wrong->line, wrong->column, wrong->path,
                    wrong->phrase, wrong->also ? wrong->also : "");
        diagnostics_print(diagnostics, PROBLEM_NOTE, stderr, false);
    }
    config_text_free(text);
    diagnostics_free(diagnostics);
    return fits;
}

static void what_is_wrong_is_named_at_its_place(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++)
        wrong += !is_as_expected(&wrongs[i]);
    assert_int_equal(wrong, 0);
}

static void all_that_is_wrong_is_named_at_once(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    assert_null(parse("a: 1\na: &x {b: 2026-01-01, b: 3}\nc: !x 1\nyes: *x\nd: *y\n", diagnostics));
    assert_int_equal(diagnostics_count(diagnostics, PROBLEM_ERROR), 6);
    assert_int_equal(diagnostics_at(diagnostics, 5)->line, 5);
    diagnostics_free(diagnostics);
}

/* A text of `count` lines, each made by the format from its number and the one before. */
static char *lines(const char *first, const char *format, unsigned count)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    fputs(first, out);
    for (unsigned i = 1; i <= count; i++)
        fprintf(out, format, i, i, i - 1);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void few_lines_cannot_become_many_values(void **state)
{
    static const struct {
        const char *first;
        const char *format;
        unsigned count;
        bool good;
    } cases[] = {
        {"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n", "a%1$u: &a%2$u [*a%3$u, *a%3$u, *a%3$u, *a%3$u, *a%3$u, *a%3$u]\n",
         4, true},
        {"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n", "a%1$u: &a%2$u [*a%3$u, *a%3$u, *a%3$u, *a%3$u, *a%3$u, *a%3$u]\n",
         10, false},
        {"a0: &a0 {x: 1}\n", "a%1$u: &a%2$u {k: *a%3$u}\n", 98, true},
        {"a0: &a0 {x: 1}\n", "a%1$u: &a%2$u {k: *a%3$u}\n", 120, false},
        {"", "a%1$u: &a%2$u x # %3$u\n", 256, true},
        {"", "a%1$u: &a%2$u x # %3$u\n", 257, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct diagnostics *diagnostics = diagnostics_new();
        char *yaml = lines(cases[i].first, cases[i].format, cases[i].count);
        struct config_text *text = parse(yaml, diagnostics);
        if ((text != NULL) != cases[i].good)
            print_error("case %zu\n", i);
        assert_int_equal(text != NULL, cases[i].good);
        config_text_free(text);
        free(yaml);
        diagnostics_free(diagnostics);
    }
}

static void depth_is_bounded(void **state)
{
    static char deep[100000];
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    memset(deep, '[', sizeof deep);
    assert_null(config_text_new("f.yml", span_of(deep, sizeof deep), diagnostics));
    assert_non_null(strstr(diagnostics_at(diagnostics, 0)->text, "nested more than 100 deep"));
    diagnostics_free(diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_is_the_same_as_json),
        cmocka_unit_test(every_value_has_its_place),
        cmocka_unit_test(what_is_wrong_is_named_at_its_place),
        cmocka_unit_test(all_that_is_wrong_is_named_at_once),
        cmocka_unit_test(few_lines_cannot_become_many_values),
        cmocka_unit_test(depth_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
