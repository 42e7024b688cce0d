#include "test.h"

#include "../http/world.h"

#include "crossgate/services.h"

#include <sys/stat.h>
#include <uv.h>

/* The service on a real directory and a real loop. */
struct fixture {
    struct world world;
    uv_loop_t uv;
    struct arena *arena;
    struct static_settings settings;
    struct path_entry entries[2];
    struct path_settings paths;
    char root[64];
};

enum { BIG = 700001 };

static void write_file(const char *path, size_t length, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < length; i++)
        fputc(text[i % strlen(text)], file);
    fclose(file);
}

static void set_time(const char *path, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static const char *const files[] = {"web/index.html",
                                    "web/a.txt",
                                    "web/.hidden",
                                    "web/big.bin",
                                    "web/app.WASM",
                                    "web/x.own",
                                    "web/empty",
                                    "web/sub/index.htm",
                                    "web/noext",
                                    "web/a b.txt",
                                    "web/.well-known/acme",
                                    "web/.git/config",
                                    "web/.well-known/.secret",
                                    "web/listed/index",
                                    "web/bare/z&.txt",
                                    "web/bare/.hidden",
                                    "web/bare/deep/a",
                                    "web/app.css",
                                    "web/app.css.br",
                                    "web/app.css.gz",
                                    "web/old.css",
                                    "web/old.css.gz",
                                    "web/odd.css",
                                    "web/odd.css.gz",
                                    "outside"};
static const char *const folders[] = {"web",           "web/sub",       "web/bare",           "web/.well-known",
                                      "web/.git",      "web/odd",       "web/odd/index.html", "web/listed",
                                      "web/bare/deep", "web/odd.css.br"};

static const struct static_mime_type own_types[] = {{".own", "application/x-own"}, {".bad", "text/plain\r\nX: y"}};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    snprintf(f->root, sizeof f->root, "/tmp/crossgate-static-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    assert_int_equal(chdir(f->root), 0);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        assert_int_equal(mkdir(folders[i], 0755), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        write_file(files[i], 10, "0123456789");
    write_file("web/big.bin", BIG, "The quick brown fox. ");
    write_file("web/empty", 0, "x");
    write_file("web/app.css", 100, "plain ");
    write_file("web/app.css.br", 20, "brotli");
    write_file("web/app.css.gz", 40, "gzip");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        set_time(files[i], strcmp(files[i], "web/old.css.gz") == 0 ? 999999999 : 1000000000);
    assert_int_equal(symlink("../outside", "web/escape"), 0);
    assert_int_equal(mkfifo("web/fifo", 0644), 0);
    assert_int_equal(uv_loop_init(&f->uv), 0);
    f->arena = arena_new();
    f->settings = (struct static_settings){
        .directory = open("web", O_PATH | O_DIRECTORY | O_CLOEXEC),
        .cache_timeout = 43200,
        .mime_types = own_types,
        .mime_type_count = 2,
    };
    *state = f;
    return 0;
}

static struct fixture *begin(void **state, const char *default_file)
{
    struct fixture *f = *state;
    f->settings.default_file = default_file;
    const struct service *service = static_service_new(f->arena, &f->settings);
    f->entries[0] = (struct path_entry){SPAN(""), service};
    f->entries[1] = (struct path_entry){SPAN("web"), service};
    f->paths = (struct path_settings){f->entries, 2};
    world_init(&f->world, path_service_new(f->arena, &f->paths));
    f->world.loop.uv = &f->uv;
    world_open(&f->world);
    return f;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    world_close(&f->world);
    while (uv_loop_alive(&f->uv)) {
        uv_run(&f->uv, UV_RUN_ONCE);
        world_turn(&f->world);
    }
    world_deinit(&f->world);
    assert_int_equal(uv_loop_close(&f->uv), 0);
    arena_free(f->arena);
    close(f->settings.directory);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        remove(files[i]);
    remove("web/escape");
    remove("web/fifo");
    for (size_t i = sizeof folders / sizeof *folders; i > 0; i--)
        remove(folders[i - 1]);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(f->root), 0);
    free(f);
    return 0;
}

static void settle(struct fixture *f)
{
    world_turn(&f->world);
    while (uv_loop_alive(&f->uv)) {
        uv_run(&f->uv, UV_RUN_ONCE);
        world_turn(&f->world);
    }
}

static int ask_with(struct fixture *f, const char *method, const char *target, const char *fields)
{
    char text[1024];
    world_clear_output(&f->world);
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, target, fields);
    world_say(&f->world, text);
    settle(f);
    return world_status(&f->world);
}

static int ask(struct fixture *f, const char *target)
{
    return ask_with(f, "GET", target, "");
}

static struct span body_of(const struct fixture *f)
{
    const uint8_t *out = f->world.fake->out;
    const uint8_t *end = memmem(out, f->world.fake->out_length, "\r\n\r\n", 4);
    assert_non_null(end);
    return span_of(end + 4, f->world.fake->out_length - (size_t)(end + 4 - out));
}

static void a_file_comes_with_all_its_fields(void **state)
{
    struct fixture *f = begin(state, NULL);
    assert_int_equal(ask(f, "/a.txt"), 200);
    assert_true(span_equal(body_of(f), SPAN("0123456789")));
    static const char *const says[] = {"Content-Length: 10\r\n",
                                       "Content-Type: text/plain; charset=utf-8\r\n",
                                       "ETag: \"",
                                       "Last-Modified: ",
                                       "Accept-Ranges: bytes\r\n",
                                       "Cache-Control: max-age=43200\r\n",
                                       "X-Content-Type-Options: nosniff\r\n",
                                       "Access-Control-Allow-Origin: *\r\n"};
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        assert_true(world_said(&f->world, says[i]));
    assert_int_equal(ask_with(f, "HEAD", "/a.txt", ""), 200);
    assert_true(world_said(&f->world, "Content-Length: 10\r\n"));
    assert_int_equal(body_of(f).len, 0);
    assert_int_equal(ask(f, "/empty"), 200);
    assert_true(world_said(&f->world, "Content-Length: 0\r\n"));
    assert_int_equal(ask(f, "/a%20b.txt"), 200);
    assert_int_equal(ask_with(f, "POST", "/a.txt", ""), 405);
    assert_true(world_said(&f->world, "Allow: GET, HEAD\r\n"));
    assert_false(world_closed(&f->world));
}

static void types_follow_the_extension(void **state)
{
    struct fixture *f = begin(state, NULL);
    assert_int_equal(ask(f, "/app.WASM"), 200);
    assert_true(world_said(&f->world, "Content-Type: application/wasm\r\n"));
    assert_int_equal(ask(f, "/x.own"), 200);
    assert_true(world_said(&f->world, "Content-Type: application/x-own\r\n"));
    assert_int_equal(ask(f, "/noext"), 200);
    assert_true(world_said(&f->world, "Content-Type: application/octet-stream\r\n"));
}

static void directories_have_an_index_or_nothing(void **state)
{
    struct fixture *f = begin(state, NULL);
    assert_int_equal(ask(f, "/"), 200);
    assert_true(world_said(&f->world, "text/html"));
    assert_int_equal(ask(f, "/sub/"), 200);
    assert_int_equal(ask(f, "/sub?a=b"), 301);
    assert_true(world_said(&f->world, "Location: /sub/?a=b\r\n"));
    assert_int_equal(ask(f, "/web"), 301);
    assert_true(world_said(&f->world, "Location: /web/\r\n"));
    assert_int_equal(ask(f, "/web/"), 200);
    assert_int_equal(ask(f, "/web/a.txt"), 200);
    assert_int_equal(ask(f, "/bare/"), 404);
    assert_int_equal(ask(f, "/odd/"), 404);
    assert_int_equal(ask(f, "/a.txt/"), 404);
}

static void an_index_without_extension_is_a_page(void **state)
{
    struct fixture *f = begin(state, NULL);
    assert_int_equal(ask(f, "/listed/"), 200);
    assert_true(world_said(&f->world, "Content-Type: text/html; charset=utf-8\r\n"));
    assert_int_equal(ask(f, "/listed/index"), 200);
    assert_true(world_said(&f->world, "Content-Type: application/octet-stream\r\n"));
}

static void a_directory_without_index_is_listed_if_asked(void **state)
{
    struct fixture *f = *state;
    f->settings.directory_listing = true;
    f = begin(state, "index.html");
    assert_int_equal(ask(f, "/bare/"), 200);
    assert_true(world_said(&f->world, "Content-Type: text/html; charset=utf-8\r\n"));
    assert_true(world_said(&f->world, "Transfer-Encoding: chunked\r\n"));
    assert_true(world_said(&f->world, "Cache-Control: no-cache\r\n"));
    assert_false(world_said(&f->world, "Access-Control"));
    assert_true(world_said(&f->world, "<h1>Index of /bare/</h1>"));
    assert_true(world_said(&f->world, "<a href=\"../\">"));
    assert_true(world_said(&f->world, "<a href=\"deep/\">deep/</a>"));
    assert_true(world_said(&f->world, "<a href=\"z%26.txt\">z&amp;.txt</a></td><td>10</td><td>2001-09-09 01:46</td>"));
    assert_false(world_said(&f->world, "hidden"));
    assert_true(world_said(&f->world, "</html>\n\r\n0\r\n\r\n"));
    assert_int_equal(ask_with(f, "HEAD", "/bare/", ""), 200);
    assert_int_equal(body_of(f).len, 0);
    assert_int_equal(ask(f, "/bare"), 301);
    assert_int_equal(ask(f, "/sub/"), 200);
    assert_false(world_said(&f->world, "Index of"));
    assert_int_equal(ask(f, "/.git/"), 404);
    assert_int_equal(ask(f, "/none/"), 200); /* the default file */
    assert_true(world_said(&f->world, "0123456789"));
    assert_int_equal(ask(f, "/a.txt/"), 200);
    assert_true(world_said(&f->world, "0123456789"));
    assert_int_equal(ask(f, "/web/odd/"), 200); /* its index.html is a directory */
    assert_true(world_said(&f->world, "<a href=\"index.html/\">"));
    assert_false(world_closed(&f->world));
}

static void the_root_of_a_listing_has_no_way_up(void **state)
{
    struct fixture *f = *state;
    f->settings.directory_listing = true;
    remove("web/index.html");
    f = begin(state, NULL);
    assert_int_equal(ask(f, "/web/"), 200);
    assert_true(world_said(&f->world, "<h1>Index of /web/</h1>"));
    assert_false(world_said(&f->world, "../"));
    assert_true(world_said(&f->world, "a b.txt"));
    assert_false(world_said(&f->world, "escape"));
    assert_false(world_said(&f->world, "fifo"));
}

static void a_listing_waits_for_a_slow_visitor(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 800 };
    char name[256];
    f->settings.directory_listing = true;
    f = begin(state, NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "web/bare/deep/%0200d", i);
        write_file(name, 0, "x");
    }
    f->world.fake->clogged = true;
    assert_int_equal(ask(f, "/bare/deep/"), 200);
    assert_true(f->world.fake->queued > STREAM_HIGH && f->world.fake->queued < STREAM_HIGH + 20000);
    for (int i = 0; i < 10; i++) {
        world_drain(&f->world);
        settle(f);
    }
    assert_int_equal(world_count(&f->world, "<tr><td><a"), MANY + 2);
    assert_int_equal(world_count(&f->world, "\r\n0\r\n\r\n"), 1);
    f->world.fake->clogged = true;
    assert_int_equal(ask(f, "/bare/deep/"), 200);
    stream_abort(&f->world.fake->stream, ENDING_PEER_RESET);
    settle(f);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "web/bare/deep/%0200d", i);
        remove(name);
    }
}

#define ALL "Accept-Encoding: gzip, deflate, br\r\n"

static void an_encoded_form_is_sent_to_who_accepts_it(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *target, *fields, *encoding, *length;
    } rows[] = {
        {"/app.css", "", NULL, "100"},
        {"/app.css", ALL, "br", "20"},
        {"/app.css", "Accept-Encoding: gzip\r\n", "gzip", "40"},
        {"/app.css", "Accept-Encoding: br;q=0.1, gzip;q=0.2\r\n", "gzip", "40"},
        {"/app.css", "Accept-Encoding: zstd\r\n", NULL, "100"},
        {"/old.css", ALL, NULL, "10"},    /* the .gz is older than the file */
        {"/odd.css", ALL, "gzip", "10"},  /* the .br is a directory */
        {"/a.txt", ALL, NULL, "10"},      /* there is none */
        {"/app.css.gz", ALL, NULL, "40"}, /* asked for by its own name */
    };
    f->settings.precompressed = true;
    f = begin(state, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char field[64];
        assert_int_equal(ask_with(f, "GET", rows[i].target, rows[i].fields), 200);
        snprintf(field, sizeof field, "Content-Length: %s\r\n", rows[i].length);
        if (!world_said(&f->world, field))
            fail_msg("row %zu", i);
        snprintf(field, sizeof field, "Content-Encoding: %s\r\n", rows[i].encoding ? rows[i].encoding : "");
        assert_true(world_said(&f->world, rows[i].encoding ? field : "Vary: "));
        assert_true(rows[i].encoding || !world_said(&f->world, "Content-Encoding"));
        assert_true(world_said(&f->world, "Vary: Accept-Encoding\r\n"));
    }
    assert_int_equal(ask_with(f, "GET", "/app.css", ALL), 200);
    assert_true(world_said(&f->world, "Content-Type: text/css; charset=utf-8\r\n"));
    assert_true(span_equal(body_of(f), SPAN("brotlibrotlibrotlibr")));
    assert_int_equal(ask_with(f, "HEAD", "/app.css", ALL), 200);
    assert_true(world_said(&f->world, "Content-Length: 20\r\n"));
    assert_false(world_closed(&f->world));
}

/* Each form has a tag of its own; ranges are ranges of what is sent. */
static void conditions_and_ranges_are_of_the_form_that_is_sent(void **state)
{
    struct fixture *f = *state;
    char fields[256], tag[2][64];
    static const char *const accept[] = {"", "Accept-Encoding: gzip\r\n"};
    f->settings.precompressed = true;
    f = begin(state, NULL);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ask_with(f, "GET", "/app.css", accept[i]), 200);
        const char *at = strstr((const char *)f->world.fake->out, "ETag: ") + 6;
        snprintf(tag[i], sizeof tag[i], "%.*s", (int)strcspn(at, "\r"), at);
    }
    assert_string_not_equal(tag[0], tag[1]);
    snprintf(fields, sizeof fields, "%sIf-None-Match: %s\r\n", accept[1], tag[1]);
    assert_int_equal(ask_with(f, "GET", "/app.css", fields), 304);
    assert_true(world_said(&f->world, "Vary: Accept-Encoding\r\n"));
    snprintf(fields, sizeof fields, "%sIf-None-Match: %s\r\n", accept[1], tag[0]);
    assert_int_equal(ask_with(f, "GET", "/app.css", fields), 200);
    snprintf(fields, sizeof fields, "%sRange: bytes=38-\r\nIf-Range: %s\r\n", accept[1], tag[1]);
    assert_int_equal(ask_with(f, "GET", "/app.css", fields), 206);
    assert_true(world_said(&f->world, "Content-Range: bytes 38-39/40\r\n"));
    assert_true(world_said(&f->world, "Content-Encoding: gzip\r\n"));
    assert_true(span_equal(body_of(f), SPAN("ip")));
    snprintf(fields, sizeof fields, "%sRange: bytes=38-\r\nIf-Range: %s\r\n", accept[1], tag[0]);
    assert_int_equal(ask_with(f, "GET", "/app.css", fields), 200);
}

/* A form that was never looked for, and each listing, is looked for in the pool; the visitor does not wait for it. */
static void a_visitor_may_leave_while_the_pool_looks(void **state)
{
    struct fixture *f = *state;
    static const char *const targets[] = {"/a.txt", "/bare/"};
    f->settings.precompressed = f->settings.directory_listing = true;
    f = begin(state, NULL);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char text[128];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n" ALL "\r\n", targets[i]);
        if (i > 0)
            world_open(&f->world);
        world_say(&f->world, text);
        assert_int_equal(f->world.fake->out_length, 0);
        stream_abort(&f->world.fake->stream, ENDING_PEER_RESET);
        settle(f);
        if (i + 1 < sizeof targets / sizeof *targets)
            world_close(&f->world);
    }
}

static void encoded_forms_may_be_switched_off(void **state)
{
    struct fixture *f = begin(state, NULL);
    assert_int_equal(ask_with(f, "GET", "/app.css", ALL), 200);
    assert_true(world_said(&f->world, "Content-Length: 100\r\n"));
    assert_false(world_said(&f->world, "Vary"));
}

static void nothing_outside_and_nothing_hidden_is_served(void **state)
{
    struct fixture *f = begin(state, NULL);
    assert_int_equal(ask(f, "/escape"), 404);
    assert_int_equal(ask(f, "/.hidden"), 404);
    assert_int_equal(ask(f, "/.git/config"), 404);
    assert_int_equal(ask(f, "/sub/.x"), 404);
    assert_int_equal(ask(f, "/.well-known/.secret"), 404);
    assert_int_equal(ask(f, "/.well-knownx/acme"), 404);
    assert_int_equal(ask(f, "/.well-known/acme"), 200);
    assert_int_equal(ask(f, "/fifo"), 500);
    assert_int_equal(ask(f, "/none"), 404);
    assert_false(world_closed(&f->world));
}

static void the_default_file_stands_in_for_what_is_missing(void **state)
{
    struct fixture *f = begin(state, "index.html");
    assert_int_equal(ask(f, "/some/route"), 200);
    assert_true(world_said(&f->world, "text/html"));
    assert_int_equal(ask(f, "/some/route/"), 200);
    assert_int_equal(ask(f, "/.hidden"), 404);
    assert_int_equal(ask(f, "/sub"), 301);
}

static void a_missing_default_file_is_missing(void **state)
{
    struct fixture *f = begin(state, "nowhere.html");
    assert_int_equal(ask(f, "/some/route"), 404);
}

static void conditions_and_ranges_are_answered(void **state)
{
    struct fixture *f = begin(state, NULL);
    char field[128];
    assert_int_equal(ask(f, "/a.txt"), 200);
    const char *tag = strstr((const char *)f->world.fake->out, "ETag: ");
    snprintf(field, sizeof field, "If-None-Match: %.*s\r\n", (int)strcspn(tag + 6, "\r"), tag + 6);
    assert_int_equal(ask_with(f, "GET", "/a.txt", field), 304);
    assert_int_equal(body_of(f).len, 0);
    assert_true(world_said(&f->world, "ETag: "));
    assert_false(world_said(&f->world, "Content-Length"));
    assert_int_equal(ask_with(f, "GET", "/a.txt", "If-Match: \"x\"\r\n"), 412);
    assert_int_equal(ask_with(f, "GET", "/a.txt", "Range: bytes=2-4\r\n"), 206);
    assert_true(world_said(&f->world, "Content-Range: bytes 2-4/10\r\n"));
    assert_true(span_equal(body_of(f), SPAN("234")));
    assert_int_equal(ask_with(f, "GET", "/a.txt", "Range: bytes=10-\r\n"), 416);
    assert_true(world_said(&f->world, "Content-Range: bytes */10\r\n"));
    assert_int_equal(ask_with(f, "GET", "/big.bin", "Range: bytes=-5\r\n"), 206);
    assert_int_equal(body_of(f).len, 5);
    assert_false(world_closed(&f->world));
}

static void a_big_file_is_sent_as_the_visitor_reads(void **state)
{
    struct fixture *f = begin(state, NULL);
    f->world.fake->clogged = true;
    assert_int_equal(ask(f, "/big.bin"), 200);
    assert_true(f->world.fake->queued > STREAM_HIGH && f->world.fake->queued < STREAM_HIGH + 20000);
    for (int i = 0; i < 10; i++) {
        world_drain(&f->world);
        settle(f);
    }
    struct span body = body_of(f);
    assert_int_equal(body.len, BIG);
    for (size_t i = 0; i < BIG; i++)
        assert_int_equal(body.at[i], "The quick brown fox. "[i % 21]);
    f->world.fake->clogged = false;
    assert_int_equal(ask(f, "/a.txt"), 200);
}

static void a_file_that_shrinks_aborts_the_connection(void **state)
{
    struct fixture *f = begin(state, NULL);
    f->world.fake->clogged = true;
    assert_int_equal(ask(f, "/big.bin"), 200);
    assert_int_equal(truncate("web/big.bin", 1000), 0);
    world_drain(&f->world);
    settle(f);
    assert_true(f->world.fake->aborted);
    assert_int_equal(f->world.fake->why, ENDING_FILE_UNREADABLE);
}

static void a_visitor_that_leaves_in_the_midst_leaves_nothing_open(void **state)
{
    struct fixture *f = begin(state, NULL);
    f->world.fake->clogged = true;
    assert_int_equal(ask(f, "/big.bin"), 200);
    int before = dup(0);
    close(before);
    stream_abort(&f->world.fake->stream, ENDING_PEER_RESET);
    settle(f);
    int after = dup(0);
    close(after);
    assert_true(after <= before - 1); /* the file's descriptor is free again */
}

static void pipelined_requests_for_files_are_answered_in_order(void **state)
{
    struct fixture *f = begin(state, NULL);
    char text[4096];
    size_t used = 0;
    for (int i = 0; i < 20; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n",
                                 i % 2 ? "a.txt" : "none");
    world_feed(&f->world, text, used, 0);
    settle(f);
    assert_int_equal(world_count(&f->world, "HTTP/1.1 200 OK"), 10);
    assert_int_equal(world_count(&f->world, "HTTP/1.1 404 Not Found"), 10);
    assert_int_equal(f->world.counters.requests, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_comes_with_all_its_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(types_follow_the_extension, set_up, tear_down),
        cmocka_unit_test_setup_teardown(directories_have_an_index_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_index_without_extension_is_a_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_without_index_is_listed_if_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_root_of_a_listing_has_no_way_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_listing_waits_for_a_slow_visitor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_encoded_form_is_sent_to_who_accepts_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(conditions_and_ranges_are_of_the_form_that_is_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_visitor_may_leave_while_the_pool_looks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(encoded_forms_may_be_switched_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_outside_and_nothing_hidden_is_served, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_default_file_stands_in_for_what_is_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_default_file_is_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(conditions_and_ranges_are_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_big_file_is_sent_as_the_visitor_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_shrinks_aborts_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_visitor_that_leaves_in_the_midst_leaves_nothing_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pipelined_requests_for_files_are_answered_in_order, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
