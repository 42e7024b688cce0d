#include "test.h"

#include "../http/world.h"

#include "crossgate/services.h"

static const struct json_settings plain_json = {.body = {(const uint8_t *)"{\"a\":1}", 7}};
static const struct json_settings open_json = {
    .body = {(const uint8_t *)"[]", 2}, .allow_cross_origin = true, .discourage_caching = true};

struct fixture {
    struct world world;
    struct arena *arena;
    struct path_entry root[8], nested[2];
    struct path_settings root_settings, nested_settings;
};

/* "/": json, "/r": redirect, "/n": nodeinfo, "/d": path { "x": json }, "/.w/a" and "/.w": redirects, "/p.q/r/s": json,
 * "/k": a redirect that keeps the path. Without `whole` there is no "/". */
static struct fixture *begin(bool whole)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_new();
    const struct redirect_settings redirect = {.url = "https://b.example/\xc3\xa4 x?y\r\n", .status = 302};
    const struct redirect_settings outer = {.url = "outer", .status = 301}, inner = {.url = "inner", .status = 303};
    const struct redirect_settings keeping = {.url = "https://c.example/", .status = 308, .keep_path = true};
    f->nested[0] = (struct path_entry){SPAN("x"), json_service_new(f->arena, &open_json)};
    f->nested_settings = (struct path_settings){f->nested, 1};
    f->root[0] = (struct path_entry){SPAN("r"), redirect_service_new(f->arena, &redirect)};
    f->root[1] = (struct path_entry){SPAN("n"), nodeinfo_service_new(f->arena)};
    f->root[2] = (struct path_entry){SPAN("d"), path_service_new(f->arena, &f->nested_settings)};
    f->root[3] = (struct path_entry){SPAN(".w/a"), redirect_service_new(f->arena, &inner)};
    f->root[4] = (struct path_entry){SPAN(".w"), redirect_service_new(f->arena, &outer)};
    f->root[5] = (struct path_entry){SPAN("p.q/r/s"), json_service_new(f->arena, &open_json)};
    f->root[6] = (struct path_entry){SPAN("k"), redirect_service_new(f->arena, &keeping)};
    f->root[7] = (struct path_entry){SPAN(""), json_service_new(f->arena, &plain_json)};
    f->root_settings = (struct path_settings){f->root, whole ? 8 : 7};
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

static void the_longest_path_of_whole_segments_wins(void **state)
{
    (void)state;
    struct fixture *f = begin(true);
    static const struct {
        const char *target;
        const char *said;
    } rows[] = {
        {"/.w", "Location: outer\r\n"},
        {"/.w/", "Location: outer\r\n"},
        {"/.w/ab", "Location: outer\r\n"},
        {"/.w/b/a", "Location: outer\r\n"},
        {"/.w/a", "Location: inner\r\n"},
        {"/.w/a/b", "Location: inner\r\n"},
        {"/%2ew/%61", "Location: inner\r\n"},
        {"/p.q/r/s", "\r\n\r\n[]"},
        {"/p.q/r/s/t", "\r\n\r\n[]"},
        {"/p.q/r", "{\"a\":1}"},
        {"/p.q/r/", "{\"a\":1}"},
        {"/p.q/r/st", "{\"a\":1}"},
        {"/p", "{\"a\":1}"},
        {"/w", "{\"a\":1}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ask(f, "GET", rows[i].target);
        if (!world_said(&f->world, rows[i].said))
            fail_msg("%s", rows[i].target);
    }
    end(f);
    f = begin(false);
    assert_int_equal(ask(f, "GET", "/p.q/r"), 404);
    end(f);
}

static void a_redirect_keeps_path_and_query_as_they_were_sent(void **state)
{
    (void)state;
    struct fixture *f = begin(true);
    static const char *const rows[][2] = {
        {"/k", "Location: https://c.example/\r\n"},
        {"/k/", "Location: https://c.example/\r\n"},
        {"/k?", "Location: https://c.example/\r\n"},
        {"/k?a=/b?c", "Location: https://c.example/?a=/b?c\r\n"},
        {"/k/a%20b/%c3%A4?x=%0d%0a", "Location: https://c.example/a%20b/%c3%A4?x=%0d%0a\r\n"},
        {"/%6b/a", "Location: https://c.example/a\r\n"},
        {"http://a/k/l/", "Location: https://c.example/l/\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(ask(f, "GET", rows[i][0]), 308);
        if (!world_said(&f->world, rows[i][1]))
            fail_msg("%s", rows[i][0]);
    }
    end(f);
}

static void a_status_that_keeps_the_method_is_for_all_methods(void **state)
{
    (void)state;
    struct fixture *f = begin(true);
    assert_int_equal(ask(f, "PUT", "/k/a"), 308);
    assert_int_equal(ask(f, "DELETE", "/.w/a"), 303);
    assert_int_equal(ask(f, "DELETE", "/.w"), 405);
    assert_int_equal(ask(f, "HEAD", "/.w"), 301);
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

/* A service that takes bodies on paths that end with "take". */
static bool takes(const struct service *service, struct exchange *exchange)
{
    (void)service;
    return span_equal(exchange_tail(exchange), SPAN("/take"));
}

static void say_what_is_left(const struct service *service, struct exchange *exchange)
{
    (void)service;
    assert_true(takes(service, exchange) == (exchange_body_length(exchange) > 0));
    exchange_answer(exchange, &(struct http_answer){.status = 200}, exchange_tail(exchange));
}

static void who_takes_bodies_is_asked_through_paths(void **state)
{
    (void)state;
    static const struct service_ops ops = {"taker", say_what_is_left, takes};
    static const struct service taker = {&ops};
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_new();
    f->nested[0] = (struct path_entry){SPAN("x"), &taker};
    f->nested_settings = (struct path_settings){f->nested, 1};
    f->root[0] = (struct path_entry){SPAN("d"), path_service_new(f->arena, &f->nested_settings)};
    f->root_settings = (struct path_settings){f->root, 1};
    world_init(&f->world, path_service_new(f->arena, &f->root_settings));
    world_open(&f->world);
    assert_int_equal(ask(f, "GET", "/d/x/drop"), 200);
    assert_true(world_said(&f->world, "\r\n\r\n/drop"));
    world_clear_output(&f->world);
    /* Waiting with the visitor, it is the service's: this one answers without it, and the connection ends. */
    world_say(&f->world, "POST /d/x/take HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    assert_true(world_said(&f->world, "\r\n\r\n/take"));
    assert_true(world_said(&f->world, "Connection: close"));
    end(f);
}

static void ask_for_proof(struct fixture *f, const char *method, const char *target, const char *proof)
{
    assert_int_equal(ask(f, method, target), proof ? 200 : 302);
    if (proof)
        assert_true(world_said(&f->world, "Content-Type: text/plain\r\n"));
}

/* Only for a token that is known, and only while it is; all else is what it was. */
static void challenges_are_answered_before_anybody_is_asked(void **state)
{
    (void)state;
    struct fixture *f = calloc(1, sizeof *f);
    struct challenge challenge;
    const char *target = "/.well-known/acme-challenge/to-ken";
    const struct redirect_settings redirect = {.url = "https://b.example/", .status = 302};
    f->arena = arena_new();
    world_init(&f->world, challenge_service_new(f->arena, redirect_service_new(f->arena, &redirect)));
    world_open(&f->world);
    ask_for_proof(f, "GET", target, NULL);
    assert_true(challenge_parse(SPAN("http-01 a.example to-ken to-ken.thumb"), &challenge));
    assert_true(challenges_add(&f->world.loop.challenges, &challenge));
    ask_for_proof(f, "GET", target, "to-ken.thumb");
    assert_true(world_said(&f->world, "Content-Length: 12\r\n") && world_said(&f->world, "\r\n\r\nto-ken.thumb"));
    ask_for_proof(f, "HEAD", target, "");
    assert_true(world_said(&f->world, "Content-Length: 12\r\n") && !world_said(&f->world, "to-ken.thumb"));
    ask_for_proof(f, "GET", "/.well-known/acme-challenge/to-ken?query", "to-ken.thumb");
    ask_for_proof(f, "GET", "/.well-known/acme-challenge/to-ke", NULL);
    ask_for_proof(f, "GET", "/.well-known/acme-challenge/to-ken/", NULL);
    ask_for_proof(f, "GET", "/.well-known/acme-challenge/", NULL);
    ask_for_proof(f, "GET", "/.well-known/acme-challenge", NULL);
    ask_for_proof(f, "GET", "/to-ken", NULL);
    assert_int_equal(ask(f, "POST", target), 405); /* the redirect's own answer */
    assert_true(challenge_parse(SPAN("tls-alpn-01 a.example other other.thumb"), &challenge));
    assert_true(challenges_add(&f->world.loop.challenges, &challenge));
    ask_for_proof(f, "GET", "/.well-known/acme-challenge/other", NULL);
    challenges_deinit(&f->world.loop.challenges);
    ask_for_proof(f, "GET", target, NULL);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_segment_selects_and_the_root_takes_the_rest),
        cmocka_unit_test(the_longest_path_of_whole_segments_wins),
        cmocka_unit_test(a_redirect_names_its_url_as_a_uri),
        cmocka_unit_test(a_redirect_keeps_path_and_query_as_they_were_sent),
        cmocka_unit_test(a_status_that_keeps_the_method_is_for_all_methods),
        cmocka_unit_test(json_says_what_its_options_say),
        cmocka_unit_test(nodeinfo_is_a_page_or_json),
        cmocka_unit_test(who_takes_bodies_is_asked_through_paths),
        cmocka_unit_test(challenges_are_answered_before_anybody_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
