#include "test.h"

#include "../http/world.h"

#include "crossgate/services.h"

static const struct json_settings plain_json = {.body = {(const uint8_t *)"{\"a\":1}", 7}};
static const struct json_settings open_json = {
    .body = {(const uint8_t *)"[]", 2}, .allow_cross_origin = true, .discourage_caching = true};

struct fixture {
    struct world world;
    struct arena *arena;
    struct path_entry root[4], nested[2];
    struct path_settings root_settings, nested_settings;
};

/* "/": json, "/r": redirect, "/n": nodeinfo, "/d": path { "x": json }. Without `whole` there is no "/". */
static struct fixture *begin(bool whole)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_new();
    const struct redirect_settings redirect = {.url = "https://b.example/\xc3\xa4 x?y\r\n"};
    f->nested[0] = (struct path_entry){SPAN("x"), json_service_new(f->arena, &open_json)};
    f->nested_settings = (struct path_settings){f->nested, 1};
    f->root[0] = (struct path_entry){SPAN("r"), redirect_service_new(f->arena, &redirect)};
    f->root[1] = (struct path_entry){SPAN("n"), nodeinfo_service_new(f->arena)};
    f->root[2] = (struct path_entry){SPAN("d"), path_service_new(f->arena, &f->nested_settings)};
    f->root[3] = (struct path_entry){SPAN(""), json_service_new(f->arena, &plain_json)};
    f->root_settings = (struct path_settings){f->root, whole ? 4 : 3};
    world_init(&f->world, path_service_new(f->arena, &f->root_settings));
    world_open(&f->world);
    return f;
}

static void end(struct fixture *f)
{
    world_close(&f->world);
    world_deinit(&f->world);
    arena_free(f->arena);
    free(f);
}

static int ask(struct fixture *f, const char *method, const char *target)
{
    char text[512];
    world_clear_output(&f->world);
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method, target);
    world_say(&f->world, text);
    assert_false(world_closed(&f->world));
    return world_status(&f->world);
}

static void the_first_segment_selects_and_the_root_takes_the_rest(void **state)
{
    (void)state;
    struct fixture *f = begin(true);
    assert_int_equal(ask(f, "GET", "/"), 200);
    assert_true(world_said(&f->world, "{\"a\":1}"));
    assert_int_equal(ask(f, "GET", "/unknown/x"), 200);
    assert_true(world_said(&f->world, "{\"a\":1}"));
    assert_int_equal(ask(f, "GET", "/r"), 302);
    assert_int_equal(ask(f, "GET", "/r/deeper?q"), 302);
    assert_int_equal(ask(f, "GET", "/rr"), 200);
    assert_int_equal(ask(f, "GET", "/d/x"), 200);
    assert_true(world_said(&f->world, "\r\n\r\n[]"));
    assert_int_equal(ask(f, "GET", "/d/x/y"), 200);
    assert_int_equal(ask(f, "GET", "/d"), 404);
    assert_int_equal(ask(f, "GET", "/d/"), 404);
    assert_int_equal(ask(f, "GET", "/d/y"), 404);
    end(f);
    f = begin(false);
    assert_int_equal(ask(f, "GET", "/"), 404);
    assert_int_equal(ask(f, "GET", "/unknown"), 404);
    assert_int_equal(ask(f, "GET", "/r"), 302);
    end(f);
}

static void a_redirect_names_its_url_as_a_uri(void **state)
{
    (void)state;
    struct fixture *f = begin(true);
    assert_int_equal(ask(f, "HEAD", "/r"), 302);
    assert_true(world_said(&f->world, "Location: https://b.example/%C3%A4%20x?y%0D%0A\r\n"));
    assert_int_equal(ask(f, "POST", "/r"), 405);
    assert_true(world_said(&f->world, "Allow: GET, HEAD\r\n"));
    end(f);
}

static void json_says_what_its_options_say(void **state)
{
    (void)state;
    struct fixture *f = begin(true);
    assert_int_equal(ask(f, "GET", "/"), 200);
    assert_true(world_said(&f->world, "Content-Type: application/json\r\n"));
    assert_false(world_said(&f->world, "Access-Control"));
    assert_false(world_said(&f->world, "Cache-Control"));
    assert_int_equal(ask(f, "GET", "/d/x"), 200);
    assert_true(world_said(&f->world, "Access-Control-Allow-Origin: *\r\n"));
    assert_true(world_said(&f->world, "Cache-Control: no-store\r\n"));
    assert_int_equal(ask(f, "DELETE", "/d/x"), 405);
    end(f);
}

static void nodeinfo_is_a_page_or_json(void **state)
{
    (void)state;
    struct fixture *f = begin(true);
    f->world.counters.messages_in = 4711;
    assert_int_equal(ask(f, "GET", "/n"), 200);
    assert_true(world_said(&f->world, "<h1>Crossgate "));
    assert_true(world_said(&f->world, "<td>4711</td>"));
    assert_true(world_said(&f->world, "</html>"));
    world_clear_output(&f->world);
    world_say(&f->world, "GET /n HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n");
    assert_true(world_said(&f->world, "\"messages_in\":4711"));
    assert_true(world_said(&f->world, "}}\n"));
    assert_int_equal(ask(f, "PUT", "/n"), 405);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_segment_selects_and_the_root_takes_the_rest),
        cmocka_unit_test(a_redirect_names_its_url_as_a_uri),
        cmocka_unit_test(json_says_what_its_options_say),
        cmocka_unit_test(nodeinfo_is_a_page_or_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
