/* No documented key is unknown: each word of documented.txt has a row, or is below one that is not read as a whole. */
#include "settings.h"

#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words that are unknown still. Who makes one known takes it out of here: that is checked. */
static const char *const missing[] = {
    "workers[router].transports[web].paths: [pairme]",
    NULL,
};

/* Where a path leads to: one of the two; neither: below what is not read. */
struct place {
    const struct config_object *object;
    const struct config_variants *variants;
    bool typed; /* the object is one of several types */
};

static const struct config_row *find_row(const struct config_object *object, const char *key)
{
    for (size_t i = 0; i < object->count; i++) {
        if (strcmp(object->rows[i].key, key) == 0)
            return &object->rows[i];
    }
    return NULL;
}

static const struct config_variant *find_type(const struct config_variants *variants, const char *type)
{
    for (size_t i = 0; i < variants->count; i++) {
        if (strcmp(variants->at[i].type, type) == 0)
            return &variants->at[i];
    }
    return NULL;
}

static bool is_read(enum config_status status)
{
    return status == CONFIG_SERVED || status == CONFIG_EXTENSION;
}

/* From an object to the value of a key of it, and to the type if one is named. False: there is no such key or type. */
static bool step(struct place *place, const char *key, const char *type)
{
    if (!place->object)
        return !place->variants;
    const struct config_row *row = find_row(place->object, key);
    if (!row)
        return false;
    *place = (struct place){0};
    if (!is_read(row->status))
        return true;
    while (row->item)
        row = row->item;
    if (row->kind == CONFIG_OBJECT)
        place->object = row->object;
    if (row->kind == CONFIG_CHOICE && !*type && row->variants->standard)
        type = row->variants->standard;
    if (row->kind == CONFIG_CHOICE && !*type)
        place->variants = row->variants;
    if (row->kind == CONFIG_CHOICE && *type) {
        const struct config_variant *variant = find_type(row->variants, type);
        place->object = variant ? variant->object : NULL;
        place->typed = place->object != NULL;
        return variant != NULL;
    }
    return row->kind == CONFIG_OBJECT || row->kind == CONFIG_CHOICE || row->kind == CONFIG_ANY;
}

/* Follows "a.b[type].c" from the root. */
static bool walk(const char *path, struct place *place)
{
    char key[64], type[64];

    *place = (struct place){.object = &node_object};
    while (*path) {
        size_t length = strcspn(path, ".[");
        assert_true(length < sizeof key);
        snprintf(key, sizeof key, "%.*s", (int)length, path);
        path += length;
        type[0] = '\0';
        if (*path == '[') {
            length = strcspn(++path, "]");
            assert_true(length < sizeof type && path[length] == ']');
            snprintf(type, sizeof type, "%.*s", (int)length, path);
            path += length + 1;
        }
        path += *path == '.';
        if (!step(place, key, type))
            return false;
    }
    return true;
}

static bool is_known(const char *path, const char *word)
{
    struct place place;
    char type[64];

    if (!walk(path, &place))
        return false;
    if (*word == '[') {
        snprintf(type, sizeof type, "%.*s", (int)strlen(word) - 2, word + 1);
        /* An object may have one type only, and a row for it. */
        return place.variants ? find_type(place.variants, type) != NULL
                              : !place.object || find_row(place.object, "type") != NULL;
    }
    if (place.variants)
        return false;
    return !place.object || (place.typed && strcmp(word, "type") == 0) || find_row(place.object, word) != NULL;
}

static bool is_missing(const char *path, const char *word)
{
    char line[1200];

    snprintf(line, sizeof line, "%s: %s", path, word);
    for (size_t i = 0; missing[i]; i++) {
        if (strcmp(missing[i], line) == 0)
            return true;
    }
    return false;
}

/* Returns the number of words that are not as they should be. */
static unsigned check_line(char *line, unsigned *words)
{
    char *rest = strstr(line, ": "), *path = line;
    unsigned wrong = 0;

    assert_non_null(rest);
    *rest++ = '\0';
    for (char *word; (word = strsep(&rest, " ")); *words += *word != '\0') {
        if (!*word || is_known(path, word) != is_missing(path, word))
            continue;
        print_error("%s: %s %s\n", path, word,
                    is_known(path, word) ? "is known: take it out of `missing`" : "is unknown");
        wrong++;
    }
    return wrong;
}

static void every_documented_key_is_known(void **state)
{
    FILE *file = fopen(SOURCE_DIR "/tests/unit/plan/documented.txt", "r");
    unsigned wrong = 0, words = 0;
    char line[512];

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] && line[0] != '#')
            wrong += check_line(line, &words);
    }
    fclose(file);
    assert_int_equal(wrong, 0);
    assert_true(words > 400);
}

static void the_walk_tells_known_from_unknown(void **state)
{
    (void)state;
    assert_true(is_known("", "version"));
    assert_false(is_known("", "type"));
    assert_false(is_known("nothing", "x"));
    assert_true(is_known("controller", "anything"));
    assert_true(is_known("workers", "[router]"));
    assert_false(is_known("workers", "[nothing]"));
    assert_false(is_known("workers", "id"));
    assert_false(is_known("workers[nothing]", "id"));
    assert_true(is_known("workers[container]", "anything"));
    assert_true(is_known("workers[router].transports[websocket.testee]", "type"));
    assert_false(is_known("workers[router].transports[websocket.testee]", "auth"));
    assert_true(is_known("workers[router].transports[web].endpoint[tcp].tls", "key"));
    assert_false(is_known("workers[router].transports[web].endpoint[tcp].tls", "type"));
    assert_false(is_known("version", "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_documented_key_is_known),
        cmocka_unit_test(the_walk_tells_known_from_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
