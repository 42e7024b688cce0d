#include "crossgate/config.h"

#include "../test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void add(struct diagnostics *diagnostics, enum problem_severity severity, unsigned line, unsigned column,
                const char *text)
{
    diagnostics_add(
        diagnostics,
        &(struct diagnostic){
            .severity = severity, .file = "f.json", .line = line, .column = column, .path = "$.a", .text = text});
}

/* What is printed, as people or programs (json) read it. The caller frees it. */
static char *print(const struct diagnostics *diagnostics, bool json)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    if (json)
        diagnostics_print_json(diagnostics, out);
    else
        diagnostics_print(diagnostics, PROBLEM_NOTE, out, false);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void they_are_ordered_by_position_and_then_by_time(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    static const char *const order[] = {"file", "first", "second", "third", "last"};

    (void)state;
    add(diagnostics, PROBLEM_ERROR, 9, 1, "last");
    add(diagnostics, PROBLEM_NOTE, 2, 5, "second");
    add(diagnostics, PROBLEM_ERROR, 2, 5, "third");
    add(diagnostics, PROBLEM_WARNING, 2, 4, "first");
    add(diagnostics, PROBLEM_ERROR, 0, 0, "file");
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(diagnostics_at(diagnostics, i)->text, order[i]);
    assert_int_equal(diagnostics_count(diagnostics, PROBLEM_ERROR), 3);
    assert_int_equal(diagnostics_count(diagnostics, PROBLEM_WARNING), 1);
    assert_int_equal(diagnostics_count(diagnostics, PROBLEM_NOTE), 1);
    diagnostics_free(diagnostics);
}

static void strings_are_copied(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char text[] = "before";

    (void)state;
    add(diagnostics, PROBLEM_ERROR, 1, 1, text);
    memcpy(text, "after!", 6);
    assert_string_equal(diagnostics_at(diagnostics, 0)->text, "before");
    diagnostics_free(diagnostics);
}

static void a_file_cannot_send_escapes_to_the_terminal(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    add(diagnostics, PROBLEM_ERROR, 1, 1, "a\033[2Jb\r\nc\x7f\xc2\x9bü");
    char *text = print(diagnostics, false);
    assert_string_equal(text, "f.json:1:1: error: a\\x1b[2Jb\\x0d\\x0ac\\x7f\\xc2\x9bü\n    at $.a\n");
    free(text);
    diagnostics_free(diagnostics);
}

static void what_has_no_line_is_printed_without_a_place(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    add(diagnostics, PROBLEM_ERROR, 0, 0, "not there");
    char *text = print(diagnostics, false);
    assert_string_equal(text, "f.json: error: not there\n");
    free(text);
    diagnostics_free(diagnostics);
}

static void what_is_less_than_asked_for_is_not_printed(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    for (unsigned i = 0; i < DIAGNOSTICS_KEPT + 1; i++)
        add(diagnostics, PROBLEM_NOTE, 1, 1, "a note");
    add(diagnostics, PROBLEM_WARNING, 2, 1, "a warning");
    diagnostics_print(diagnostics, PROBLEM_WARNING, out, false);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "f.json:2:1: warning: a warning\n    at $.a\n");
    free(text);
    diagnostics_free(diagnostics);
}

static void the_json_form_is_json_whatever_is_in_it(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    diagnostics_add(diagnostics, &(struct diagnostic){.severity = PROBLEM_WARNING,
                                                      .file = "bad\xff.json",
                                                      .line = 3,
                                                      .column = 4,
                                                      .path = "$[\"\\\"\"]",
                                                      .text = "\"quoted\"\n\xc3",
                                                      .remedy = "do"});
    diagnostics_add_memory(diagnostics);
    char *text = print(diagnostics, true);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_array_size(json), 2);
    json_t *first = json_array_get(json, 0);
    assert_string_equal(json_string_value(json_object_get(first, "severity")), "warning");
    assert_string_equal(json_string_value(json_object_get(first, "file")), "bad?.json");
    assert_string_equal(json_string_value(json_object_get(first, "text")), "\"quoted\"\n?");
    assert_string_equal(json_string_value(json_object_get(first, "remedy")), "do");
    assert_int_equal(json_integer_value(json_object_get(first, "line")), 3);
    json_decref(json);
    free(text);
    diagnostics_free(diagnostics);
}

static void nothing_is_an_empty_list(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char *text = print(diagnostics, true);

    (void)state;
    assert_string_equal(text, "[]");
    free(text);
    diagnostics_free(diagnostics);
}

static void many_are_counted_but_not_all_kept(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    for (unsigned i = 0; i < DIAGNOSTICS_KEPT + 7; i++)
        add(diagnostics, PROBLEM_NOTE, i + 1, 1, "n");
    add(diagnostics, PROBLEM_ERROR, 1, 1, "e");
    assert_int_equal(diagnostics_count(diagnostics, PROBLEM_NOTE), DIAGNOSTICS_KEPT + 7);
    assert_int_equal(diagnostics_kept(diagnostics), DIAGNOSTICS_KEPT + 1);
    char *text = print(diagnostics, false);
    assert_non_null(strstr(text, "and 7 more of severity note"));
    free(text);
    diagnostics_free(diagnostics);
}

static void memory_that_was_out_is_one_error(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    diagnostics_add_memory(diagnostics);
    diagnostics_add_memory(diagnostics);
    assert_int_equal(diagnostics_count(diagnostics, PROBLEM_ERROR), 1);
    diagnostics_free(diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_ordered_by_position_and_then_by_time),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(a_file_cannot_send_escapes_to_the_terminal),
        cmocka_unit_test(what_has_no_line_is_printed_without_a_place),
        cmocka_unit_test(what_is_less_than_asked_for_is_not_printed),
        cmocka_unit_test(the_json_form_is_json_whatever_is_in_it),
        cmocka_unit_test(nothing_is_an_empty_list),
        cmocka_unit_test(many_are_counted_but_not_all_kept),
        cmocka_unit_test(memory_that_was_out_is_one_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
