#include "test.h"

#include "crossgate/websocket.h"

#include <stdio.h>

enum { FIELDS = 4 };

static const struct websocket_deflate_settings plain = {.max_window_bits = 15, .memory_level = 8};
static const struct websocket_deflate_settings small = {.max_window_bits = 11, .memory_level = 4};
static const struct websocket_deflate_settings asking = {
    .request_no_context_takeover = true, .request_max_window_bits = 12, .max_window_bits = 15, .memory_level = 8};
static const struct websocket_deflate_settings alone = {
    .no_context_takeover = true, .max_window_bits = 15, .memory_level = 8};

/* Values of the field, in as many fields, among others. */
static struct http_headers headers_of(struct http_header at[FIELDS + 1], const char *const values[FIELDS])
{
    struct http_headers headers = {.at = at, .count = 1};
    at[0] = (struct http_header){SPAN("Sec-WebSocket-Protocol"), SPAN("permessage-deflate, \"")};
    for (size_t i = 0; i < FIELDS && values[i]; i++)
        at[headers.count++] = (struct http_header){SPAN("sec-websocket-extensions"), span_string(values[i])};
    return headers;
}

static enum websocket_extensions choose(const struct websocket_deflate_settings *settings, const char *value,
                                        struct websocket_deflate *agreed, char answer[WEBSOCKET_DEFLATE_TEXT])
{
    struct http_header at[FIELDS + 1];
    struct http_headers headers = headers_of(at, (const char *const[FIELDS]){value});
    return websocket_deflate_choose(&headers, settings, agreed, answer);
}

static enum websocket_extensions check(const struct websocket_deflate_settings *settings, const char *value,
                                       struct websocket_deflate *agreed)
{
    struct http_header at[FIELDS + 1];
    struct http_headers headers = headers_of(at, (const char *const[FIELDS]){value});
    return websocket_deflate_check(&headers, settings, agreed);
}

/* "in 15 takeover, out 9 alone, level 8" */
static const char *show(const struct websocket_deflate *agreed, char text[80])
{
    snprintf(text, 80, "in %u %s, out %u %s, level %u", agreed->in.window_bits,
             agreed->in.takeover ? "takeover" : "alone", agreed->out.window_bits,
             agreed->out.takeover ? "takeover" : "alone", agreed->memory_level);
    return text;
}

/* ---- server */

static void offers_are_taken_under_the_settings(void **state)
{
    (void)state;
    const struct {
        const struct websocket_deflate_settings *settings;
        const char *offer, *answer, *agreed;
    } rows[] = {
        /* RFC 7692 section 7.1.3. */
        {&plain, "permessage-deflate", "permessage-deflate", "in 15 takeover, out 15 takeover, level 8"},
        {&plain, "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
         "permessage-deflate; server_max_window_bits=10", "in 15 takeover, out 10 takeover, level 8"},
        {&plain,
         "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; "
         "client_max_window_bits",
         "permessage-deflate; server_max_window_bits=10", "in 15 takeover, out 10 takeover, level 8"},
        /* Chrome. */
        {&plain, "permessage-deflate; client_max_window_bits", "permessage-deflate",
         "in 15 takeover, out 15 takeover, level 8"},
        /* Autobahn: it would, but it does not unless it is told. */
        {&plain, "permessage-deflate; client_no_context_takeover; client_max_window_bits", "permessage-deflate",
         "in 15 takeover, out 15 takeover, level 8"},
        /* What the client asks for is said, even if it is nothing. */
        {&plain, "permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover",
         "in 15 takeover, out 15 alone, level 8"},
        {&plain, "permessage-deflate; server_max_window_bits=15", "permessage-deflate; server_max_window_bits=15",
         "in 15 takeover, out 15 takeover, level 8"},
        /* What we do unasked is said. */
        {&alone, "permessage-deflate", "permessage-deflate; server_no_context_takeover",
         "in 15 takeover, out 15 alone, level 8"},
        {&small, "permessage-deflate", "permessage-deflate; server_max_window_bits=11",
         "in 15 takeover, out 11 takeover, level 4"},
        {&small, "permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=9",
         "in 15 takeover, out 9 takeover, level 4"},
        {&small, "permessage-deflate; server_max_window_bits=13", "permessage-deflate; server_max_window_bits=11",
         "in 15 takeover, out 11 takeover, level 4"},
        /* What we ask for. */
        {&asking, "permessage-deflate; client_max_window_bits",
         "permessage-deflate; client_no_context_takeover; client_max_window_bits=12",
         "in 12 alone, out 15 takeover, level 8"},
        {&asking, "permessage-deflate; client_max_window_bits=10; server_no_context_takeover; server_max_window_bits=9",
         "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_no_context_takeover; "
         "client_max_window_bits=10",
         "in 10 alone, out 9 alone, level 8"},
        {&asking, "permessage-deflate; client_max_window_bits=8",
         "permessage-deflate; client_no_context_takeover; client_max_window_bits=8",
         "in 8 alone, out 15 takeover, level 8"},
        {&asking, "permessage-deflate, permessage-deflate; client_max_window_bits",
         "permessage-deflate; client_no_context_takeover; client_max_window_bits=12",
         "in 12 alone, out 15 takeover, level 8"},
        /* Hints of a window are not relied on unless we ask for one. */
        {&plain, "permessage-deflate; client_max_window_bits=9", "permessage-deflate",
         "in 15 takeover, out 15 takeover, level 8"},
        /* How a list may be written. */
        {&plain, "PerMessage-Deflate;SERVER_MAX_WINDOW_BITS=\"10\"", "permessage-deflate; server_max_window_bits=10",
         "in 15 takeover, out 10 takeover, level 8"},
        {&plain, " ,, permessage-deflate \t;\t server_max_window_bits = \"\\1\\0\" ,",
         "permessage-deflate; server_max_window_bits=10", "in 15 takeover, out 10 takeover, level 8"},
        {&plain, "x-webkit-deflate-frame, foo; bar=\"baz\"; q, permessage-deflate, permessage-bzip2",
         "permessage-deflate", "in 15 takeover, out 15 takeover, level 8"},
        {&plain, "foo; bar; bar; server_max_window_bits=99, permessage-deflate", "permessage-deflate",
         "in 15 takeover, out 15 takeover, level 8"},
        /* The first one that is valid. */
        {&plain, "permessage-deflate; later, permessage-deflate; server_max_window_bits=8, permessage-deflate",
         "permessage-deflate", "in 15 takeover, out 15 takeover, level 8"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct websocket_deflate agreed;
        char answer[WEBSOCKET_DEFLATE_TEXT], text[80];
        assert_int_equal(choose(rows[i].settings, rows[i].offer, &agreed, answer), EXTENSIONS_DEFLATE);
        assert_string_equal(answer, rows[i].answer);
        assert_string_equal(show(&agreed, text), rows[i].agreed);
    }
}

static void offers_that_are_wrong_or_not_possible_are_declined(void **state)
{
    (void)state;
    const struct {
        const struct websocket_deflate_settings *settings;
        const char *offer;
    } rows[] = {
        {&plain, NULL},
        {&plain, ""},
        {&plain, " , ,"},
        {&plain, "permessage-bzip2"},
        {&plain, "permessage-deflate2"},
        {&plain, "permessage-deflate; foo"},
        {&plain, "permessage-deflate; foo=\"1\""},
        {&plain, "permessage-deflate; server_no_context_takeover=1"},
        {&plain, "permessage-deflate; client_no_context_takeover=true"},
        {&plain, "permessage-deflate; server_no_context_takeover; server_no_context_takeover"},
        {&plain, "permessage-deflate; client_max_window_bits; client_max_window_bits=10"},
        {&plain, "permessage-deflate; server_max_window_bits"},
        {&plain, "permessage-deflate; server_max_window_bits=7"},
        {&plain, "permessage-deflate; server_max_window_bits=16"},
        {&plain, "permessage-deflate; server_max_window_bits=09"},
        {&plain, "permessage-deflate; server_max_window_bits=010"},
        {&plain, "permessage-deflate; server_max_window_bits=100"},
        {&plain, "permessage-deflate; server_max_window_bits=1"},
        {&plain, "permessage-deflate; server_max_window_bits=+9"},
        {&plain, "permessage-deflate; server_max_window_bits=1x"},
        {&plain, "permessage-deflate; client_max_window_bits=0"},
        /* zlib cannot. */
        {&plain, "permessage-deflate; server_max_window_bits=8"},
        /* We must ask, and may not. */
        {&asking, "permessage-deflate"},
        {&asking, "permessage-deflate; server_max_window_bits=10"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct websocket_deflate agreed;
        char answer[WEBSOCKET_DEFLATE_TEXT];
        assert_int_equal(choose(rows[i].settings, rows[i].offer, &agreed, answer), EXTENSIONS_NONE);
    }
}

static const char *const no_lists[] = {
    "permessage-deflate server_no_context_takeover",
    "permessage-deflate;",
    "permessage-deflate; ;",
    "permessage-deflate; =9",
    "permessage-deflate; server_max_window_bits=",
    "permessage-deflate; server_max_window_bits=\"\"",
    "permessage-deflate; server_max_window_bits=\"9",
    "permessage-deflate; server_max_window_bits=\"9\\",
    "permessage-deflate; server_max_window_bits=\"1 0\"",
    "permessage-deflate; server_max_window_bits=\"9\"0",
    "permessage-deflate, foo; bar=\"a,b\"",
    "permessage-deflate, ;foo",
    "permessage-deflate, \"foo\"",
    "permessage-deflate, f\xC3\xBC",
    "=",
};

static void what_is_no_list_of_extensions_fails_the_handshake(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof no_lists / sizeof *no_lists; i++) {
        struct websocket_deflate agreed;
        char answer[WEBSOCKET_DEFLATE_TEXT];
        assert_int_equal(choose(&plain, no_lists[i], &agreed, answer), EXTENSIONS_BROKEN);
        assert_int_equal(check(&plain, no_lists[i], &agreed), EXTENSIONS_BROKEN);
    }
}

static void several_fields_are_one_list(void **state)
{
    (void)state;
    struct http_header at[FIELDS + 1];
    struct websocket_deflate agreed;
    char answer[WEBSOCKET_DEFLATE_TEXT];
    struct http_headers headers =
        headers_of(at, (const char *const[FIELDS]){"foo", "", "permessage-deflate; server_max_window_bits=9",
                                                   "permessage-deflate"});
    assert_int_equal(websocket_deflate_choose(&headers, &plain, &agreed, answer), EXTENSIONS_DEFLATE);
    assert_string_equal(answer, "permessage-deflate; server_max_window_bits=9");
    headers = headers_of(at, (const char *const[FIELDS]){"permessage-deflate", "foo;"});
    assert_int_equal(websocket_deflate_choose(&headers, &plain, &agreed, answer), EXTENSIONS_BROKEN);
    headers = headers_of(at, (const char *const[FIELDS]){"permessage-deflate", "permessage-deflate"});
    assert_int_equal(websocket_deflate_check(&headers, &plain, &agreed), EXTENSIONS_BROKEN);
    headers = headers_of(at, (const char *const[FIELDS]){"", "permessage-deflate"});
    assert_int_equal(websocket_deflate_check(&headers, &plain, &agreed), EXTENSIONS_DEFLATE);
}

/* ---- client */

static void the_offer_says_what_the_settings_say(void **state)
{
    (void)state;
    const struct websocket_deflate_settings all = {.request_no_context_takeover = true,
                                                   .request_max_window_bits = 15,
                                                   .no_context_takeover = true,
                                                   .max_window_bits = 14,
                                                   .memory_level = 1};
    char offer[WEBSOCKET_DEFLATE_TEXT];
    websocket_deflate_offer(&plain, offer);
    assert_string_equal(offer, "permessage-deflate; client_max_window_bits");
    websocket_deflate_offer(&small, offer);
    assert_string_equal(offer, "permessage-deflate; client_max_window_bits=11");
    websocket_deflate_offer(&asking, offer);
    assert_string_equal(
        offer, "permessage-deflate; server_no_context_takeover; server_max_window_bits=12; client_max_window_bits");
    websocket_deflate_offer(&all, offer);
    assert_string_equal(offer, "permessage-deflate; server_no_context_takeover; server_max_window_bits=15; "
                               "client_no_context_takeover; client_max_window_bits=14");
    assert_int_equal(strlen(offer), WEBSOCKET_DEFLATE_TEXT - 1);
}

static void good_answers_are_taken(void **state)
{
    (void)state;
    const struct {
        const struct websocket_deflate_settings *settings;
        const char *answer, *agreed;
    } rows[] = {
        {&plain, "permessage-deflate", "in 15 takeover, out 15 takeover, level 8"},
        {&plain, "permessage-deflate; server_no_context_takeover; server_max_window_bits=8",
         "in 8 alone, out 15 takeover, level 8"},
        {&plain, "permessage-deflate; client_no_context_takeover; client_max_window_bits=9",
         "in 15 takeover, out 9 alone, level 8"},
        {&small, "permessage-deflate", "in 15 takeover, out 11 takeover, level 4"},
        {&small, "permessage-deflate; client_max_window_bits=13", "in 15 takeover, out 11 takeover, level 4"},
        {&alone, "permessage-deflate", "in 15 takeover, out 15 alone, level 8"},
        {&asking, "permessage-deflate; server_no_context_takeover; server_max_window_bits=12",
         "in 12 alone, out 15 takeover, level 8"},
        {&asking, "permessage-deflate; server_max_window_bits=\"9\"; server_no_context_takeover",
         "in 9 alone, out 15 takeover, level 8"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct websocket_deflate agreed;
        char text[80];
        assert_int_equal(check(rows[i].settings, rows[i].answer, &agreed), EXTENSIONS_DEFLATE);
        assert_string_equal(show(&agreed, text), rows[i].agreed);
    }
}

static void other_answers_fail_the_handshake(void **state)
{
    (void)state;
    struct websocket_deflate agreed;
    const struct {
        const struct websocket_deflate_settings *settings;
        const char *answer;
    } rows[] = {
        {&plain, "permessage-bzip2"},
        {&plain, "permessage-deflate, permessage-deflate"},
        {&plain, "permessage-deflate, foo"},
        {&plain, "foo, permessage-deflate"},
        {&plain, "permessage-deflate; foo"},
        {&plain, "permessage-deflate; client_max_window_bits"},
        {&plain, "permessage-deflate; client_max_window_bits=8"},
        {&plain, "permessage-deflate; client_max_window_bits=16"},
        {&plain, "permessage-deflate; server_max_window_bits"},
        {&plain, "permessage-deflate; server_no_context_takeover=1"},
        {&plain, "permessage-deflate; client_no_context_takeover; client_no_context_takeover"},
        {&asking, "permessage-deflate"},
        {&asking, "permessage-deflate; server_no_context_takeover"},
        {&asking, "permessage-deflate; server_max_window_bits=12"},
        {&asking, "permessage-deflate; server_no_context_takeover; server_max_window_bits=13"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(check(rows[i].settings, rows[i].answer, &agreed), EXTENSIONS_BROKEN);
    assert_int_equal(check(&plain, NULL, &agreed), EXTENSIONS_NONE);
    assert_int_equal(check(&asking, NULL, &agreed), EXTENSIONS_NONE);
}

/* Whatever the two are told, what one compresses is what the other expects. */
static void two_of_us_understand_each_other(void **state)
{
    (void)state;
    unsigned int windows[] = {9, 11, 15};
    for (unsigned int i = 0; i < 4 * 4 * 4 * 3 * 3; i++) {
        unsigned int asked = i / 16 % 4, other = i / 64 % 4;
        const struct websocket_deflate_settings client = {.no_context_takeover = i & 1,
                                                          .request_no_context_takeover = i & 2,
                                                          .request_max_window_bits = asked < 3 ? windows[asked] : 0,
                                                          .max_window_bits = windows[i / 256],
                                                          .memory_level = 1};
        const struct websocket_deflate_settings server = {.no_context_takeover = i & 4,
                                                          .request_no_context_takeover = i & 8,
                                                          .request_max_window_bits = other < 3 ? windows[other] : 0,
                                                          .max_window_bits = windows[i % 3],
                                                          .memory_level = 9};
        char offer[WEBSOCKET_DEFLATE_TEXT], answer[WEBSOCKET_DEFLATE_TEXT];
        struct websocket_deflate front, back;
        websocket_deflate_offer(&client, offer);
        assert_int_equal(choose(&server, offer, &front, answer), EXTENSIONS_DEFLATE);
        assert_int_equal(check(&client, answer, &back), EXTENSIONS_DEFLATE);
        assert_int_equal(front.out.window_bits, back.in.window_bits);
        assert_int_equal(front.out.takeover, back.in.takeover);
        assert_true(back.out.window_bits <= front.in.window_bits);
        assert_true(back.out.takeover <= front.in.takeover);
    }
}

static void messages_may_pass_if_each_stands_alone_and_the_window_is_large_enough(void **state)
{
    (void)state;
    const struct {
        struct websocket_deflate_way from, to;
        bool fits;
    } rows[] = {
        {{15, false}, {15, false}, true}, {{9, false}, {15, false}, true},  {{15, false}, {14, false}, false},
        {{15, true}, {15, false}, false}, {{15, false}, {15, true}, false}, {{15, true}, {15, true}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct websocket_deflate from = {.in = rows[i].from, .out = {9, true}};
        struct websocket_deflate to = {.out = rows[i].to, .in = {9, true}};
        assert_int_equal(websocket_deflate_fits(&from, &to), rows[i].fits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_are_taken_under_the_settings),
        cmocka_unit_test(offers_that_are_wrong_or_not_possible_are_declined),
        cmocka_unit_test(what_is_no_list_of_extensions_fails_the_handshake),
        cmocka_unit_test(several_fields_are_one_list),
        cmocka_unit_test(the_offer_says_what_the_settings_say),
        cmocka_unit_test(good_answers_are_taken),
        cmocka_unit_test(other_answers_fail_the_handshake),
        cmocka_unit_test(two_of_us_understand_each_other),
        cmocka_unit_test(messages_may_pass_if_each_stands_alone_and_the_window_is_large_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
