/* Tables: maps of maps, lists that may be one element, types that may be left out, and what comes before an object's keys. */
#include "crossgate/config.h"

#include "../test.h"

#include <stdlib.h>
#include <string.h>

struct farm {
    struct config_items fields; /* by name: by crop: one place, or several */
    struct config_choice barn;
    unsigned begun;
};

struct barn {
    int64_t doors;
    unsigned fields_known;
};

static void begin_farm(struct config_reader *reader, void *settings)
{
    struct farm *farm = settings;

    assert_false(farm->fields.given);
    farm->begun++;
    reader->user = farm;
}

static void finish_barn(struct config_reader *reader, const struct config_place *place, void *settings)
{
    const struct farm *farm = reader->user;

    (void)place;
    ((struct barn *)settings)->fields_known = (unsigned)farm->fields.count;
}

static bool fits_place(const char *text)
{
    return *text != '\0';
}

static const struct config_row barn_rows[] = {
    {.key = "doors", .kind = CONFIG_INTEGER, .at = CONFIG_AT(struct barn, doors, int64_t), .max = 9, .doc = "Doors."},
};
static const struct config_object barn_object = {
    .name = "barn", CONFIG_ROWS(barn_rows), .size = sizeof(struct barn), .finish = finish_barn};
static const struct config_variant barns[] = {
    {.type = "wood", .object = &barn_object},
    {.type = "stone", .status = CONFIG_EXTENSION, .object = &barn_object},
};
static const struct config_variants barn_variants = {.name = "barn", .standard = "wood", CONFIG_VARIANTS(barns)};

static const struct config_row place_row = {.kind = CONFIG_STRING, .fits = fits_place, .allowed = "a place"};
static const struct config_row places_row = {.kind = CONFIG_LIST, .item = &place_row, .single_too = true, .min = 1};
static const struct config_row crops_row = {
    .kind = CONFIG_MAP, .item = &places_row, .fits = fits_place, .allowed = "crops", .min = 1};
static const struct config_row farm_rows[] = {
    {.key = "fields",
     .kind = CONFIG_MAP,
     .at = CONFIG_AT(struct farm, fields, struct config_items),
     .item = &crops_row,
     .fits = fits_place,
     .allowed = "names",
     .doc = "Fields."},
    {.key = "barn",
     .kind = CONFIG_CHOICE,
     .at = CONFIG_AT(struct farm, barn, struct config_choice),
     .variants = &barn_variants,
     .doc = "Barn."},
};
static const struct config_object farm_object = {
    .name = "farm", CONFIG_ROWS(farm_rows), .size = sizeof(struct farm), .begin = begin_farm};

struct reading {
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct config_text *text;
    struct farm farm;
    bool read;
};

static void start(struct reading *reading, const char *text, bool strict)
{
    *reading = (struct reading){.arena = arena_new(), .diagnostics = diagnostics_new()};
    reading->text = config_text_new("farm.json", span_string(text), reading->diagnostics);
    assert_non_null(reading->text);
    struct config_reader reader = {
        .arena = reading->arena, .text = reading->text, .diagnostics = reading->diagnostics, .strict = strict};
    reading->read = config_read(&reader, &farm_object, &reading->farm);
}

static void stop(struct reading *reading)
{
    config_text_free(reading->text);
    diagnostics_free(reading->diagnostics);
    arena_free(reading->arena);
}

static void maps_of_maps_of_lists_are_stored(void **state)
{
    struct reading reading;

    (void)state;
    start(&reading,
          "{\"fields\": {\"north\": {\"rye\": \"a\", \"oat\": [\"b\", \"c\"]}, \"south\": {\"rye\": [\"d\"]}}}", false);
    assert_true(reading.read);
    assert_int_equal(reading.farm.begun, 1);
    const struct config_items *fields = &reading.farm.fields;
    assert_int_equal(fields->count, 2);
    assert_string_equal(fields->at[0].key, "north");
    const struct config_items *north = &fields->at[0].items;
    assert_int_equal(north->count, 2);
    assert_string_equal(north->at[0].key, "rye");
    assert_int_equal(north->at[0].items.count, 1);
    assert_string_equal(north->at[0].items.at[0].string, "a");
    assert_int_equal(north->at[1].items.count, 2);
    assert_string_equal(north->at[1].items.at[1].string, "c");
    assert_string_equal(fields->at[1].items.at[0].items.at[0].string, "d");
    stop(&reading);
}

static void what_is_wrong_in_them_has_its_place(void **state)
{
    static const struct {
        const char *text, *path, *phrase;
    } rows[] = {
        {"{\"fields\": {\"n\": {}}}", "$.fields.n", "at least 1"},
        {"{\"fields\": {\"n\": \"rye\"}}", "$.fields.n", "must be an object"},
        {"{\"fields\": {\"n\": {\"rye\": []}}}", "$.fields.n.rye", "at least 1"},
        {"{\"fields\": {\"n\": {\"rye\": 5}}}", "$.fields.n.rye", "must be a place, found 5"},
        {"{\"fields\": {\"n\": {\"rye\": \"\"}}}", "$.fields.n.rye", "must be a place"},
        {"{\"fields\": {\"n\": {\"rye\": [\"a\", {}]}}}", "$.fields.n.rye[1]", "must be a place, found an object"},
        {"{\"fields\": {\"n\": {\"\": \"a\"}}}", "$.fields.n[\"\"]", "must be crops"},
        {"{\"barn\": {\"type\": 5}}", "$.barn.type", "must be a string"},
        {"{\"barn\": {\"type\": \"straw\"}}", "$.barn.type", "no barn of type"},
        {"{\"barn\": {\"doors\": 10}}", "$.barn.doors", "from 0 to 9"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reading reading;
        start(&reading, rows[i].text, false);
        assert_false(reading.read);
        assert_int_equal(diagnostics_kept(reading.diagnostics), 1);
        assert_string_equal(diagnostics_at(reading.diagnostics, 0)->path, rows[i].path);
        if (!strstr(diagnostics_at(reading.diagnostics, 0)->text, rows[i].phrase))
            print_error("%s\n", diagnostics_at(reading.diagnostics, 0)->text);
        assert_non_null(strstr(diagnostics_at(reading.diagnostics, 0)->text, rows[i].phrase));
        stop(&reading);
    }
}

/* Rows are read in their order, whatever the order of the file. */
static void a_type_may_be_left_out(void **state)
{
    static const char *const texts[] = {
        "{\"barn\": {\"doors\": 2}, \"fields\": {\"n\": {\"rye\": \"a\"}}}",
        "{\"barn\": {\"type\": \"wood\", \"doors\": 2}, \"fields\": {\"n\": {\"rye\": \"a\"}}}"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct reading reading;
        start(&reading, texts[i], true);
        assert_true(reading.read);
        assert_string_equal(reading.farm.barn.variant->type, "wood");
        const struct barn *barn = reading.farm.barn.settings;
        assert_int_equal(barn->doors, 2);
        assert_int_equal(barn->fields_known, 1);
        stop(&reading);
    }
    struct reading reading;
    start(&reading, "{\"barn\": {\"type\": \"stone\"}}", true);
    assert_false(reading.read);
    stop(&reading);
}

static void the_reference_tells_of_them(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    config_reference_print(&farm_object, out);
    fclose(out);
    assert_non_null(strstr(text, "| `type` | `\"wood\"` | `\"wood\"` | served |"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_of_maps_of_lists_are_stored),
        cmocka_unit_test(what_is_wrong_in_them_has_its_place),
        cmocka_unit_test(a_type_may_be_left_out),
        cmocka_unit_test(the_reference_tells_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
