/* Tables: every kind and every status of a row, on an object that is nobody's. */
#include "crossgate/config.h"

#include "../test.h"

#include <stdlib.h>
#include <string.h>

struct engine {
    int64_t power;
};

struct papers {
    bool scrapped;
};

struct car {
    struct papers *papers;
    bool open;
    bool open_given;
    int64_t doors;
    int64_t seats;
    int64_t mileage;
    const char *name;
    struct engine *engine;
    struct config_choice fuel;
    struct config_items wheels;
    struct config_items drivers;
    const struct config_json *notes;
    unsigned finished;
};

static bool fits_name(const char *text)
{
    return text[0] >= 'A' && text[0] <= 'Z';
}

static bool extends_name(const char *text)
{
    return text[0] == '_';
}

static void finish_car(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct car *car = settings;

    car->finished++;
    if (car->seats < car->doors)
        config_report(reader, PROBLEM_WARNING, config_place_key(reader, place, "seats"), NULL, "more doors than seats");
}

static const char *excuse(const struct config_reader *reader)
{
    return reader->user ? "somebody asked" : NULL;
}

static const struct config_row engine_rows[] = {
    {.key = "power",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct engine, power, int64_t),
     .required = true,
     .max = 500,
     .unit = "kW",
     .doc = "Power."},
};
static const struct config_object engine_object = {
    .name = "engine", CONFIG_ROWS(engine_rows), .size = sizeof(struct engine)};

static const struct config_row boiler_rows[] = {
    {.key = "pressure",
     .kind = CONFIG_INTEGER,
     .status = CONFIG_REFUSED,
     .required = true,
     .max = 9,
     .doc = "Pressure."},
};
static const struct config_object boiler_object = {.name = "boiler", CONFIG_ROWS(boiler_rows)};

static const struct config_variant fuels[] = {
    {.type = "petrol", .object = &engine_object},
    {.type = "battery", .status = CONFIG_EXTENSION, .object = &engine_object},
    {.type = "steam", .status = CONFIG_REFUSED, .object = &boiler_object, .why = "boilers burst"},
    {.type = "horses", .status = CONFIG_NODE, .why = "they feed themselves"},
    {.type = "coal", .status = CONFIG_WRONG, .why = "it is dirty"},
};
static const struct config_variants fuel_variants = {.name = "fuel", CONFIG_VARIANTS(fuels)};

static const struct config_row paper_rows[] = {
    {.key = "scrapped",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct papers, scrapped, bool),
     .environment = true,
     .doc = "Scrapped."},
};
static const struct config_object papers_object = {
    .name = "papers", CONFIG_ROWS(paper_rows), .size = sizeof(struct papers)};

static const struct config_row wheel_row = {.kind = CONFIG_INTEGER, .min = 1, .max = 30};
static const struct config_row driver_row = {.kind = CONFIG_BOOL};

static const struct config_row car_rows[] = {
    {.key = "papers",
     .kind = CONFIG_OBJECT,
     .at = CONFIG_AT(struct car, papers, struct papers *),
     .object = &papers_object,
     .doc = "Papers."},
    {.key = "open",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct car, open, bool),
     .given = CONFIG_AT(struct car, open_given, bool),
     .standard = true,
     .doc = "Roof."},
    {.key = "doors",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct car, doors, int64_t),
     .min = 2,
     .max = 5,
     .zero_too = true,
     .environment = true,
     .standard = 4,
     .doc = "Doors."},
    {.key = "seats",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct car, seats, int64_t),
     .nullable = true,
     .null = 9,
     .min = 1,
     .max = 9,
     .standard = 5,
     .doc = "Seats | places."},
    {.key = "mileage",
     .kind = CONFIG_INTEGER,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct car, mileage, int64_t),
     .max = INT64_MAX,
     .doc = "Mileage."},
    {.key = "name",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct car, name, const char *),
     .fits = fits_name,
     .allowed = "a capitalised name",
     .doc = "Name."},
    {.key = "engine",
     .kind = CONFIG_OBJECT,
     .at = CONFIG_AT(struct car, engine, struct engine *),
     .object = &engine_object,
     .doc = "Engine."},
    {.key = "fuel",
     .kind = CONFIG_CHOICE,
     .at = CONFIG_AT(struct car, fuel, struct config_choice),
     .variants = &fuel_variants,
     .doc = "Fuel."},
    {.key = "wheels",
     .kind = CONFIG_LIST,
     .at = CONFIG_AT(struct car, wheels, struct config_items),
     .item = &wheel_row,
     .min = 1,
     .max = 4,
     .doc = "Wheels."},
    {.key = "drivers",
     .kind = CONFIG_MAP,
     .at = CONFIG_AT(struct car, drivers, struct config_items),
     .item = &driver_row,
     .fits = fits_name,
     .extends = extends_name,
     .allowed = "names",
     .doc = "Drivers."},
    {.key = "notes",
     .kind = CONFIG_ANY,
     .at = CONFIG_AT(struct car, notes, const struct config_json *),
     .doc = "Notes."},
    {.key = "radio", .kind = CONFIG_BOOL, .status = CONFIG_REFUSED, .accepted = "[false]", .doc = "Radio."},
    {.key = "towbar", .kind = CONFIG_OBJECT, .status = CONFIG_REFUSED, .excuse = excuse, .doc = "Towbar."},
    {.key = "secret", .kind = CONFIG_STRING, .status = CONFIG_NODE, .why = "it is not ours", .doc = "Secret."},
    {.key = "choke", .kind = CONFIG_BOOL, .status = CONFIG_IDLE, .why = "it is automatic", .doc = "Choke."},
    {.key = "wings", .status = CONFIG_WRONG, .why = "this is no plane", .remedy = "walk"},
};
static const struct config_object car_object = {
    .name = "car",
    CONFIG_ROWS(car_rows),
    .size = sizeof(struct car),
    .finish = finish_car,
    .off = {"papers", "scrapped"},
};

struct reading {
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct config_text *text;
    struct car car;
    bool worked;
};

static const char *variable(void *user, const char *name)
{
    (void)user;
    return strcmp(name, "DOORS") == 0 ? "3" : strcmp(name, "MANY") == 0 ? "6" : strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static void start_file(struct reading *reading, const char *file, const char *text, bool strict, void *user)
{
    *reading = (struct reading){.arena = arena_new(), .diagnostics = diagnostics_new()};
    reading->text = config_text_new(file, span_string(text), reading->diagnostics);
    assert_non_null(reading->text);
    struct config_reader reader = {
        .arena = reading->arena,
        .text = reading->text,
        .diagnostics = reading->diagnostics,
        .strict = strict,
        .variable = variable,
        .user = user,
    };
    reading->worked = config_read(&reader, &car_object, &reading->car);
}

static void start(struct reading *reading, const char *text, bool strict, void *user)
{
    start_file(reading, "car.json", text, strict, user);
}

static void stop(struct reading *reading)
{
    config_text_free(reading->text);
    diagnostics_free(reading->diagnostics);
    arena_free(reading->arena);
}

static void absent_keys_have_their_standard(void **state)
{
    struct reading reading;

    (void)state;
    start(&reading, "{}", false, NULL);
    assert_true(reading.worked);
    assert_true(reading.car.open);
    assert_false(reading.car.open_given);
    assert_int_equal(reading.car.doors, 4);
    assert_int_equal(reading.car.seats, 5);
    assert_null(reading.car.name);
    assert_null(reading.car.engine);
    assert_null(reading.car.fuel.variant);
    assert_false(reading.car.wheels.given);
    assert_int_equal(reading.car.finished, 1);
    stop(&reading);
}

static void each_kind_is_stored(void **state)
{
    struct reading reading;
    const struct car *car = &reading.car;

    (void)state;
    start(&reading,
          "{\"open\": false, \"doors\": 0, \"seats\": null, \"mileage\": 9223372036854775807, \"name\": \"A\\u00e4\","
          " \"notes\": {\"b\": 1, \"a\": [2.5]}, \"engine\": {\"power\": 90}, \"wheels\": [15, 16],"
          " \"drivers\": {\"Zoe\": true, \"Ann\": false, \"_x\": true}, \"fuel\": {\"type\": \"petrol\", \"power\": "
          "7}, \"radio\": "
          "false}",
          false, NULL);
    assert_true(reading.worked);
    assert_int_equal(diagnostics_kept(reading.diagnostics), 0);
    assert_false(car->open);
    assert_true(car->open_given);
    assert_int_equal(car->doors, 0);
    assert_int_equal(car->seats, 9);
    assert_true(car->mileage == INT64_MAX);
    assert_string_equal(car->name, "Aä");
    assert_int_equal(car->engine->power, 90);
    assert_true(car->wheels.given);
    assert_int_equal(car->wheels.count, 2);
    assert_int_equal(car->wheels.at[1].integer, 16);
    assert_int_equal(car->drivers.count, 3);
    assert_string_equal(car->drivers.at[0].key, "Zoe"); /* in the order of the file */
    assert_true(car->drivers.at[0].boolean);
    assert_false(car->drivers.at[1].boolean);
    assert_string_equal(car->fuel.variant->type, "petrol");
    assert_int_equal(((struct engine *)car->fuel.settings)->power, 7);
    assert_string_equal(config_json_print(reading.arena, car->notes, false), "{\"b\":1,\"a\":[2.5]}");
    assert_string_equal(config_json_print(reading.arena, car->notes, true),
                        "{\n   \"a\": [\n      2.5\n   ],\n   \"b\": 1\n}");
    stop(&reading);
}

static void integers_may_come_from_the_environment(void **state)
{
    struct reading reading;

    (void)state;
    start(&reading, "{\"doors\": \"$DOORS\"}", false, NULL);
    assert_int_equal(reading.car.doors, 3);
    stop(&reading);
    static const char *const wrong[] = {"{\"doors\": \"$MANY\"}",   "{\"doors\": \"$NONE\"}",
                                        "{\"doors\": \"$DOORS \"}", "{\"doors\": \"${DOORS}\"}",
                                        "{\"seats\": \"$DOORS\"}",  "{\"doors\": \"$\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        start(&reading, wrong[i], false, NULL);
        assert_false(reading.worked);
        stop(&reading);
    }
}

static void booleans_may_come_from_the_environment(void **state)
{
    static const struct {
        const char *text;
        bool value;
        size_t warnings;
    } rows[] = {
        {"{\"papers\": {\"scrapped\": \"${DOORS}\"}}", true, 0},
        {"{\"papers\": {\"scrapped\": \"${EMPTY}\"}}", false, 0},
        {"{\"papers\": {\"scrapped\": \"${NONE}\"}}", false, 1},
        {"{\"papers\": {\"scrapped\": \"\"}}", false, 0},
        {"{\"papers\": {\"scrapped\": \"false\"}}", true, 1},
        {"{\"papers\": {\"scrapped\": \"$NONE\"}}", true, 1},
        {"{\"papers\": {\"scrapped\": \"${}\"}}", true, 1},
        {"{\"papers\": {\"scrapped\": \"${A}b\"}}", true, 1},
        {"{\"papers\": {\"scrapped\": \"${\"}}", true, 1},
        {"{\"papers\": {\"scrapped\": \"${1A}\"}}", true, 1},
    };
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start(&reading, rows[i].text, false, NULL);
        if (reading.car.papers->scrapped != rows[i].value)
            fail_msg("%s", rows[i].text);
        assert_true(reading.worked);
        assert_int_equal(diagnostics_count(reading.diagnostics, PROBLEM_WARNING), rows[i].warnings);
        assert_int_equal(diagnostics_kept(reading.diagnostics), rows[i].warnings);
        stop(&reading);
    }
}

/* Unknown keys are named even then. */
static void what_is_switched_off_is_not_read(void **state)
{
    struct reading reading;

    (void)state;
    start(&reading, "{\"papers\": {\"scrapped\": true}, \"open\": 1, \"wheels\": 7}", false, NULL);
    assert_true(reading.worked);
    assert_int_equal(reading.car.finished, 1);
    assert_int_equal(reading.car.doors, 0);
    stop(&reading);
    start(&reading, "{\"papers\": {\"scrapped\": \"${DOORS}\"}, \"engine\": {}}", false, NULL);
    assert_true(reading.worked);
    assert_null(reading.car.engine);
    stop(&reading);
    start(&reading, "{\"papers\": {\"scrapped\": \"${EMPTY}\"}, \"engine\": {}}", false, NULL);
    assert_false(reading.worked);
    stop(&reading);
    start(&reading, "{\"papers\": {\"scrapped\": true}, \"opne\": 1}", false, NULL);
    assert_false(reading.worked);
    stop(&reading);
}

/* What is said of one key, as "severity text -> remedy". */
static void expect(const char *text, bool strict, void *user, enum problem_severity severity, const char *phrase,
                   const char *remedy)
{
    struct reading reading;

    start(&reading, text, strict, user);
    if (diagnostics_kept(reading.diagnostics) != 1)
        diagnostics_print(reading.diagnostics, PROBLEM_NOTE, stderr, false);
    assert_int_equal(diagnostics_kept(reading.diagnostics), 1);
    const struct diagnostic *said = diagnostics_at(reading.diagnostics, 0);
    assert_int_equal(said->severity, severity);
    if (!strstr(said->text, phrase))
        print_error("%s\n", said->text);
    assert_non_null(strstr(said->text, phrase));
    if (remedy)
        assert_non_null(strstr(said->remedy, remedy));
    assert_int_equal(reading.worked, severity != PROBLEM_ERROR);
    /* Rules between keys are asked only when the keys are right. */
    assert_int_equal(reading.car.finished, reading.worked);
    stop(&reading);
}

static void each_status_says_what_it_is(void **state)
{
    (void)state;
    expect("{\"radio\": true}", false, NULL, PROBLEM_ERROR, "not served here with another value than false, found true",
           "write false");
    expect("{\"radio\": 0}", false, NULL, PROBLEM_ERROR, "must be true or false", NULL);
    expect("{\"towbar\": {}}", false, NULL, PROBLEM_ERROR, "not served here", NULL);
    expect("{\"towbar\": {}}", false, &(int){0}, PROBLEM_NOTE, "somebody asked", NULL);
    expect("{\"towbar\": 1}", false, &(int){0}, PROBLEM_ERROR, "must be an object", NULL);
    expect("{\"secret\": \"hunter2\"}", false, NULL, PROBLEM_NOTE, "it is not ours", NULL);
    expect("{\"choke\": true}", false, NULL, PROBLEM_NOTE, "it is automatic", NULL);
    expect("{\"wings\": 2}", false, NULL, PROBLEM_ERROR, "this is no plane", "walk");
    expect("{\"mileage\": 1}", true, NULL, PROBLEM_ERROR, "is an extension", "portable");
    expect("{\"fuel\": {\"type\": \"battery\", \"power\": 1}}", true, NULL, PROBLEM_ERROR, "is an extension", NULL);
    expect("{\"fuel\": {\"type\": \"steam\"}}", false, NULL, PROBLEM_ERROR, "not served here: boilers burst", NULL);
    expect("{\"fuel\": {\"type\": \"steam\", \"pressure\": -1}}", false, NULL, PROBLEM_ERROR, "boilers burst", NULL);
    expect("{\"drivers\": {\"_zoe\": true}}", true, NULL, PROBLEM_ERROR, "the key \"_zoe\" of drivers is an extension",
           "portable");
    expect("{\"fuel\": {\"type\": \"horses\"}}", false, NULL, PROBLEM_NOTE, "they feed themselves", NULL);
    expect("{\"fuel\": {\"type\": \"coal\"}}", false, NULL, PROBLEM_ERROR, "it is dirty", NULL);
    expect("{\"fuel\": {\"type\": \"diesel\"}}", false, NULL, PROBLEM_ERROR, "no fuel of type \"diesel\"",
           "petrol, battery, horses");
    expect("{\"fuel\": {\"type\": \"petrol\", \"power\": 1, \"type2\": 1}}", false, NULL, PROBLEM_ERROR, "\"type2\"",
           "did you mean \"type\"");
    expect("{\"seats\": 3}", false, NULL, PROBLEM_WARNING, "more doors than seats", NULL);
}

static void each_kind_says_what_it_wants(void **state)
{
    (void)state;
    expect("{\"open\": 1}", false, NULL, PROBLEM_ERROR, "open must be true or false, found 1", NULL);
    expect("{\"papers\": {\"scrapped\": 1}}", false, NULL, PROBLEM_ERROR, "true or false, or \"${NAME}\"", NULL);
    expect("{\"open\": \"${DOORS}\"}", false, NULL, PROBLEM_ERROR, "open must be true or false", NULL);
    expect("{\"doors\": 1}", false, NULL, PROBLEM_ERROR, "from 2 to 5, or 0, or \"$NAME\"", NULL);
    expect("{\"doors\": null}", false, NULL, PROBLEM_ERROR, "found null", NULL);
    expect("{\"seats\": 0}", false, NULL, PROBLEM_ERROR, "from 1 to 9, or null, found 0", NULL);
    expect("{\"mileage\": -1}", false, NULL, PROBLEM_ERROR, "of at least 0", NULL);
    expect("{\"name\": \"x\"}", false, NULL, PROBLEM_ERROR, "a capitalised name, found \"x\"", NULL);
    expect("{\"engine\": {}}", false, NULL, PROBLEM_ERROR, "power is missing", NULL);
    expect("{\"engine\": {\"power\": 501}}", false, NULL, PROBLEM_ERROR, "from 0 to 500 (kW)", NULL);
    expect("{\"wheels\": []}", false, NULL, PROBLEM_ERROR, "a list of 1 to 4", NULL);
    expect("{\"wheels\": [1,2,3,4,5]}", false, NULL, PROBLEM_ERROR, "found a list of 5", NULL);
    expect("{\"wheels\": [1,31]}", false, NULL, PROBLEM_ERROR, "element 1 must be", NULL);
    expect("{\"drivers\": {\"zoe\": true}}", false, NULL, PROBLEM_ERROR, "a key of drivers must be names", NULL);
    expect("{\"drivers\": {\"Zoe\": 1}}", false, NULL, PROBLEM_ERROR, "Zoe must be true or false", NULL);
    expect("{\"secret\": 1}", false, NULL, PROBLEM_ERROR, "must be a string", NULL);
}

static void values_are_shown_cut_and_secrets_not_at_all(void **state)
{
    struct reading reading;

    (void)state;
    start(&reading,
          "{\"name\": "
          "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\","
          " \"auth\": \"hunter2\", \"open\": \"-----BEGIN PRIVATE KEY-----\"}",
          false, NULL);
    assert_int_equal(diagnostics_count(reading.diagnostics, PROBLEM_ERROR), 3);
    assert_non_null(strstr(diagnostics_at(reading.diagnostics, 0)->text, "… (73 bytes)"));
    for (size_t i = 0; i < 3; i++) {
        assert_null(strstr(diagnostics_at(reading.diagnostics, i)->text, "hunter2"));
        assert_null(strstr(diagnostics_at(reading.diagnostics, i)->text, "PRIVATE"));
    }
    stop(&reading);
}

static void problems_of_other_rooms_are_put_on_their_keys(void **state)
{
    struct reading reading;
    struct config_problems problems;

    (void)state;
    start(&reading, "{\"wheels\": [15,\n 16]}", false, NULL);
    struct config_reader reader = {
        .arena = reading.arena, .text = reading.text, .diagnostics = reading.diagnostics, .variable = variable};
    config_problems_init(&problems, &reader, &(struct config_place){0});
    problem_report(&problems.problems, PROBLEM_ERROR, "wheels", 1, "blow", "flat: %d", 0);
    problem_report(&problems.problems, PROBLEM_WARNING, "wheels", PROBLEM_WHOLE, NULL, "few");
    problem_report(&problems.problems, PROBLEM_NOTE, NULL, PROBLEM_WHOLE, NULL, "old");
    assert_int_equal(problems.problems.errors, 1);
    assert_string_equal(diagnostics_at(reading.diagnostics, 0)->text, "old");
    assert_string_equal(diagnostics_at(reading.diagnostics, 1)->path, "$.wheels");
    const struct diagnostic *last = diagnostics_at(reading.diagnostics, 2);
    assert_string_equal(last->path, "$.wheels[1]");
    assert_string_equal(last->text, "flat: 0");
    assert_string_equal(last->remedy, "blow");
    assert_int_equal(last->line, 2);
    assert_int_equal(last->column, 2);
    stop(&reading);
}

static void the_reference_names_every_key_but_mistakes(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    config_reference_print(&car_object, out);
    fclose(out);
    for (size_t i = 0; i < sizeof car_rows / sizeof car_rows[0]; i++) {
        char cell[64];
        snprintf(cell, sizeof cell, "| `%s` |", car_rows[i].key);
        if (car_rows[i].status == CONFIG_WRONG)
            assert_null(strstr(text, cell));
        else
            assert_non_null(strstr(text, cell));
    }
    assert_non_null(strstr(text, "Seats \\| places."));
    assert_non_null(strstr(text,
                           "| `doors` | an integer from 2 to 5, or 0, or \"$NAME\" for the environment variable NAME "
                           "| 4 | served |"));
    assert_non_null(strstr(text, "## engine"));
    assert_non_null(strstr(text, "## boiler"));
    assert_non_null(strstr(text, "| `type` | `\"steam\"` | required | refused |"));
    assert_non_null(strstr(text, "| `pressure` | an integer from 0 to 9 | required | refused |"));
    /* Mistakes are counted in the coverage only. */
    const char *coverage = strstr(text, "## Coverage");
    assert_non_null(coverage);
    assert_true(strstr(text, "coal") > coverage && strstr(text, "`wings`") > coverage);
    assert_non_null(strstr(coverage, "| types of fuel | `petrol` | `battery` | `horses` |  | `steam`, `coal` |"));
    free(text);
}

/* Without spaces and line ends, ' for ". The caller frees it. */
static char *compact(char *text)
{
    size_t length = 0;

    for (const char *at = text; *at; at++) {
        if (*at != ' ' && *at != '\n')
            text[length++] = *at == '"' ? '\'' : *at;
    }
    text[length] = '\0';
    return text;
}

static char *print_resolved(const struct reading *reading, bool strict)
{
    struct config_reader reader = {.arena = reading->arena,
                                   .text = reading->text,
                                   .diagnostics = reading->diagnostics,
                                   .strict = strict,
                                   .variable = variable};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_true(config_print_resolved(&reader, &car_object, out));
    fclose(out);
    return compact(text);
}

static void what_was_read_is_printed_in_the_order_of_the_table(void **state)
{
    struct reading reading;
    char *text;

    (void)state;
    start(&reading,
          "{\"drivers\": {\"Zoe\": true, \"Ann\": false}, \"fuel\": {\"power\": 7, \"type\": \"petrol\"}, \"choke\": "
          "true,"
          " \"radio\": false, \"secret\": \"geheim\", \"wheels\": [15], \"doors\": \"$DOORS\", \"seats\": null,"
          " \"notes\": {\"b\": 1}}",
          false, NULL);
    text = print_resolved(&reading, false);
    assert_string_equal(text, "{'open':true,'doors':3,'seats':null,'mileage':0,'fuel':{'type':'petrol','power':7},"
                              "'wheels':[15],'drivers':{'Zoe':true,'Ann':false},'notes':{'b':1},'radio':false}");
    free(text);
    text = print_resolved(&reading, true);
    assert_null(strstr(text, "mileage"));
    free(text);
    stop(&reading);
    start(&reading, "{\"papers\": {\"scrapped\": \"${DOORS}\"}, \"name\": 5, \"wheels\": 7}", false, NULL);
    text = print_resolved(&reading, false);
    assert_string_equal(text, "{'papers':{'scrapped':true}}");
    free(text);
    stop(&reading);
    start(&reading, "{\"fuel\": {\"type\": \"horses\", \"oats\": 1}}", false, NULL);
    text = print_resolved(&reading, true);
    assert_string_equal(text, "{'open':true,'doors':4,'seats':5,'fuel':{'type':'horses'}}");
    free(text);
    stop(&reading);
}

static const char *pattern(bool (*fits)(const char *text))
{
    return fits == fits_name ? "^[A-Z]" : fits == extends_name ? "^_" : NULL;
}

static char *print_schema(bool strict)
{
    const struct config_schema settings = {.strict = strict, .pattern = pattern};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_true(config_schema_print(&car_object, &settings, out));
    fclose(out);
    return compact(text);
}

/* tests/integration/test_schema.py has it read by a validator. */
static void the_schema_says_what_each_row_allows(void **state)
{
    static const char *const parts[] = {
        "'open':{'type':'boolean','description':'Roof.','default':true}",
        "'doors':{'anyOf':[{'type':'integer','minimum':2,'maximum':5},{'const':0},{'type':'string','pattern':"
        "'^[$][A-Za-z_][A-Za-z0-9_]*$'}],'description':'Doors.','default':4}",
        "'seats':{'anyOf':[{'type':'integer','minimum':1,'maximum':9},{'type':'null'}],",
        "'mileage':{'type':'integer','minimum':0,'description':'Extension.Mileage.','default':0}",
        "'name':{'type':'string','pattern':'^[A-Z]',",
        "'engine':{'$ref':'#/$defs/engine',",
        "'wheels':{'type':'array','items':{'type':'integer','minimum':1,'maximum':30},'minItems':1,'maxItems':4,",
        "'drivers':{'type':'object','additionalProperties':{'type':'boolean'},'propertyNames':{'anyOf':[{'pattern':"
        "'^[A-Z]'},{'pattern':'^_'}]},",
        "'scrapped':{'anyOf':[{'type':'boolean'},{'type':'string'}],",
        "'notes':{'description':'Notes.'}",
        "'radio':{'enum':[false],",
        "'towbar':{'type':'object',",
        "'secret':{'type':'string','description':'Notreadhere.Secret.'}",
        "'type':{'description':'Sayswhichitis.','enum':['petrol','battery','horses']}",
        "'fuel-petrol':{'title':'engine','type':'object','properties':{'type':{'const':'petrol'},",
        "'required':['type','power'],'additionalProperties':false}",
    };
    char *text = print_schema(false);

    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!strstr(text, parts[i]))
            print_error("%s\n%s\n", parts[i], text);
        assert_non_null(strstr(text, parts[i]));
    }
    assert_null(strstr(text, "wings"));
    assert_null(strstr(text, "coal"));
    free(text);
    text = print_schema(true);
    assert_non_null(strstr(text, "'propertyNames':{'pattern':'^[A-Z]'}"));
    assert_null(strstr(text, "mileage"));
    assert_null(strstr(text, "battery"));
    free(text);
}

static void what_people_mean_is_guessed(void **state)
{
    static const struct {
        const char *file;
        const char *text;
        const char *remedy;
    } cases[] = {
        {"car.json", "{\"doors\": \"3\"}", "write the number without quotes"},
        {"car.json", "{\"fuel\": \"petrol\"}", "write {\"type\": \"petrol\"}"},
        {"car.json", "{\"wheels\": {}}", "put it in brackets: [{…}]"},
        {"car.yaml", "wheels:\n  a: 1\n", "begin each element with a dash"},
        {"car.yaml", "wheels:\n", "lines that belong to a key are indented deeper than it; for none write []"},
        {"car.yaml", "engine:\npower: 1\n",
         "lines that belong to a key are indented deeper than it; for none write {}"},
        {"car.json", "{\"engine\": null}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reading reading;
        start_file(&reading, cases[i].file, cases[i].text, false, NULL);
        assert_false(reading.worked);
        const struct diagnostic *first = diagnostics_at(reading.diagnostics, 0);
        assert_true(cases[i].remedy ? first->remedy && strcmp(first->remedy, cases[i].remedy) == 0 : !first->remedy);
        stop(&reading);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_keys_have_their_standard),
        cmocka_unit_test(each_kind_is_stored),
        cmocka_unit_test(integers_may_come_from_the_environment),
        cmocka_unit_test(booleans_may_come_from_the_environment),
        cmocka_unit_test(what_is_switched_off_is_not_read),
        cmocka_unit_test(each_status_says_what_it_is),
        cmocka_unit_test(each_kind_says_what_it_wants),
        cmocka_unit_test(values_are_shown_cut_and_secrets_not_at_all),
        cmocka_unit_test(problems_of_other_rooms_are_put_on_their_keys),
        cmocka_unit_test(the_reference_names_every_key_but_mistakes),
        cmocka_unit_test(what_was_read_is_printed_in_the_order_of_the_table),
        cmocka_unit_test(the_schema_says_what_each_row_allows),
        cmocka_unit_test(what_people_mean_is_guessed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
