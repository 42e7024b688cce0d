/* Where things are in the text: every value that jansson sees is found again at its place. */
#include "text.h"

#include "place.h"

#include "../test.h"

#include <string.h>

static struct config_text *parse(const char *text, struct diagnostics *diagnostics)
{
    return config_text_new("f.json", span_string(text), diagnostics);
}

static size_t offset_of(struct span bytes, struct position position)
{
    for (size_t at = 0; at <= bytes.len; at++) {
        struct position here = text_position(bytes, at);
        if (here.line == position.line && here.column == position.column)
            return at;
    }
    return bytes.len;
}

/* The value at the place, parsed anew from where it is said to stand, is the value. Returns how many were looked at. */
static unsigned compare(const struct config_text *text, const struct config_place *place, json_t *value)
{
    size_t at = offset_of(text->bytes, place_locate(text, place, false));
    json_t *found =
        json_loadb((const char *)text->bytes.at + at, text_skip_value(text->bytes, at) - at, JSON_DECODE_ANY, NULL);
    unsigned compared = 1;
    const char *key;
    json_t *member;

    assert_non_null(found);
    assert_true(json_equal(found, value));
    json_decref(found);
    json_object_foreach(value, key, member)
    {
        const struct config_place below = {.up = place, .key = key};
        size_t name = offset_of(text->bytes, place_locate(text, &below, true));
        assert_true(text_key_is(text->bytes, name, key));
        compared += compare(text, &below, member);
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        compared += compare(text, &(struct config_place){.up = place, .index = i}, json_array_get(value, i));
    return compared;
}

static void every_value_is_found_again(void **state)
{
    static const struct {
        const char *text;
        unsigned values;
    } cases[] = {
        {"{}", 1},
        {" [ ] ", 1},
        {"[1,-2.5e3,true,null,\"x\",[],{}]", 8},
        {"{\"a\":{\"b\":[1,[2,{\"c\":3}]]},\n\t\"d\" : \"}]\\\"[{\" , \"e\":4}", 10},
        {"{\"\\u0061\\\"\":1,\"\\\\\":{\"\":2},\"äö\":\"ü\",\"z\":0}", 6},
        {"[\"\\\\\",\"\\\"\",\"\\\\\\\"\",{\"k\":\"\\\\\"},9]", 7},
        {"[[[[]]],[],[[]]]", 7},
    };
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config_text *text = parse(cases[i].text, diagnostics);
        assert_non_null(text);
        assert_int_equal(compare(text, &(struct config_place){0}, text->root), cases[i].values);
        config_text_free(text);
    }
    diagnostics_free(diagnostics);
}

static void a_place_that_is_not_there_is_found_at_what_holds_it(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config_text *text = parse("{\"a\":\n  [1, {\"b\": 2}]}", diagnostics);
    const struct config_place root = {0}, a = {.up = &root, .key = "a"}, second = {.up = &a, .index = 1},
                              missing = {.up = &second, .key = "x"}, below = {.up = &missing, .index = 3},
                              beyond = {.up = &a, .index = 2}, wrong = {.up = &a, .key = "k"};
    struct position position = place_locate(text, &missing, true);

    (void)state;
    assert_int_equal(position.line, 2);
    assert_int_equal(position.column, 7);
    position = place_locate(text, &below, false);
    assert_int_equal(position.column, 7);
    position = place_locate(text, &beyond, false);
    assert_int_equal(position.column, 3);
    position = place_locate(text, &wrong, false);
    assert_int_equal(position.column, 3);
    config_text_free(text);
    diagnostics_free(diagnostics);
}

static void paths_are_printed_so_that_they_can_be_read_back(void **state)
{
    struct arena *arena = arena_new();
    const struct config_place root = {0}, a = {.up = &root, .key = "workers"}, b = {.up = &a, .index = 12},
                              c = {.up = &b, .key = "/"}, d = {.up = &c, .key = "a\"b"},
                              e = {.up = &d, .key = "$schema"}, f = {.up = &e, .key = ""}, g = {.up = &f, .key = "x-y"},
                              h = {.up = &g, .key = "_1"};

    (void)state;
    assert_string_equal(place_print(arena, &root), "$");
    assert_string_equal(place_print(arena, &h), "$.workers[12][\"/\"][\"a\\\"b\"].$schema[\"\"][\"x-y\"]._1");
    arena_free(arena);
}

static void all_keys_that_occur_twice_are_named(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    assert_null(parse(
        "{\"a\": {\"b\": 1, \"b\": {\"c\": 1, \"c\": 2}},\n \"d\": [{}, {\"e\": 1, \"e\": 2, \"e\": 3}], \"a\": 1}",
        diagnostics));
    assert_int_equal(diagnostics_count(diagnostics, PROBLEM_ERROR), 5);
    assert_string_equal(diagnostics_at(diagnostics, 0)->path, "$.a.b");
    assert_string_equal(diagnostics_at(diagnostics, 1)->path, "$.a.b.c");
    assert_string_equal(diagnostics_at(diagnostics, 2)->path, "$.d[1].e");
    assert_string_equal(diagnostics_at(diagnostics, 3)->path, "$.d[1].e");
    assert_string_equal(diagnostics_at(diagnostics, 4)->path, "$.a");
    assert_int_equal(diagnostics_at(diagnostics, 4)->line, 2);
    diagnostics_free(diagnostics);
}

static void what_is_not_json_is_one_error_at_its_place(void **state)
{
    static const struct {
        const char *text;
        unsigned line, column;
    } cases[] = {
        {"{\"a\" 1}", 1, 6},    {"{\"a\": }", 1, 7},    {"[1 2]", 1, 4},      {"{\"a\": 01}", 1, 7},
        {"{'a': 1}", 1, 2},     {"[\n1,\n]", 3, 1},     {"{} {}", 1, 4},      {"{\"a\": tru}", 1, 7},
        {"{\"ä\": nil}", 1, 7}, {"[1, // x\n2]", 1, 5}, {"{\"a\"; 1}", 1, 5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct diagnostics *diagnostics = diagnostics_new();
        assert_null(parse(cases[i].text, diagnostics));
        assert_int_equal(diagnostics_kept(diagnostics), 1);
        const struct diagnostic *diagnostic = diagnostics_at(diagnostics, 0);
        if (diagnostic->line != cases[i].line || diagnostic->column != cases[i].column)
            print_error("%s: %u:%u %s\n", cases[i].text, diagnostic->line, diagnostic->column, diagnostic->text);
        assert_int_equal(diagnostic->line, cases[i].line);
        assert_int_equal(diagnostic->column, cases[i].column);
        diagnostics_free(diagnostics);
    }
}

static void the_remedy_fits_the_mistake(void **state)
{
    static const struct {
        const char *text;
        const char *remedy;
    } cases[] = {
        {"{\"a\": 1\n\"b\": 2}", "a comma or a colon is missing"},
        {"{\"a\" {}}", "a comma or a colon is missing"},
        {"[1, 2,]", "remove the comma"},
        {"{\"a\": [1}", "brackets do not match"},
        {"{\"a\": [}", "brackets do not match"},
        {"{'a': 1}", "double quotes"},
        {"{\xe2\x80\x9c\x61\xe2\x80\x9d: 1}", "straight double quotes"},
        {"{\"a\": False}", "write false"},
        {"{\"a\": None}", "write null"},
        {"{\"a\": 1", "is not closed"},
        {"[1, // x\n2]", "no comments"},
        {"\nversion: 2\nworkers: []\n", "name the file config.yaml"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct diagnostics *diagnostics = diagnostics_new();
        assert_null(parse(cases[i].text, diagnostics));
        const char *remedy = diagnostics_at(diagnostics, 0)->remedy;
        if (!remedy || !strstr(remedy, cases[i].remedy))
            print_error("%s: %s: %s\n", cases[i].text, diagnostics_at(diagnostics, 0)->text, remedy ? remedy : "");
        assert_true(remedy && strstr(remedy, cases[i].remedy));
        diagnostics_free(diagnostics);
    }
}

static void strange_bytes_are_refused(void **state)
{
    static const struct span texts[] = {
        {(const uint8_t *)"{\"a\": \"\xff\"}", 10},
        {(const uint8_t *)"{\"a\": \"\\u0000\"}", 15},
        {(const uint8_t *)"{\"a\0b\": 1}", 10},
        {(const uint8_t *)"{}\0", 3},
        {(const uint8_t *)"\0", 1},
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"{\"\\u0000\": 1}", 13},
        {(const uint8_t *)"{\"a\": 1e999}", 12},
        {(const uint8_t *)"{\"a\": \"\xc3", 8},
        {(const uint8_t *)"{\"a\": 99999999999999999999}", 27},
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct diagnostics *diagnostics = diagnostics_new();
        assert_null(config_text_new("f", texts[i], diagnostics));
        assert_int_equal(diagnostics_count(diagnostics, PROBLEM_ERROR), 1);
        diagnostics_free(diagnostics);
    }
}

static void depth_is_bounded(void **state)
{
    static char deep[100000];
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    memset(deep, '[', sizeof deep);
    assert_null(config_text_new("f", span_of(deep, sizeof deep), diagnostics));
    assert_int_equal(diagnostics_count(diagnostics, PROBLEM_ERROR), 1);
    diagnostics_free(diagnostics);
}

static void secrets_are_known_by_their_keys(void **state)
{
    const struct config_place root = {0}, auth = {.up = &root, .key = "auth"}, below = {.up = &auth, .key = "x"},
                              key = {.up = &root, .key = "key"};

    (void)state;
    assert_true(place_is_secret(&below));
    assert_true(place_is_secret(&auth));
    assert_false(place_is_secret(&key)); /* a path, in endpoint.tls */
    assert_false(place_is_secret(&root));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_found_again),
        cmocka_unit_test(a_place_that_is_not_there_is_found_at_what_holds_it),
        cmocka_unit_test(paths_are_printed_so_that_they_can_be_read_back),
        cmocka_unit_test(all_keys_that_occur_twice_are_named),
        cmocka_unit_test(what_is_not_json_is_one_error_at_its_place),
        cmocka_unit_test(the_remedy_fits_the_mistake),
        cmocka_unit_test(strange_bytes_are_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(secrets_are_known_by_their_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
