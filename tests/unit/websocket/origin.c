/* Origins of pages: how they are read, what patterns match, and what is said of patterns. */
#include "test.h"

#include "crossgate/websocket.h"

#include <stdlib.h>

static bool matches(const char *pattern, const char *origin)
{
    struct arena *arena = arena_new();
    struct origin_pattern made;
    assert_true(origin_pattern_init(&made, arena, span_string(pattern)));
    bool found = origin_pattern_matches(&made, span_string(origin));
    arena_free(arena);
    return found;
}

static void a_pattern_matches_all_of_an_origin(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *origin;
        bool matches;
    } rows[] = {
        {"*", "https://shop.example:443", true},
        {"**", "https://shop.example:443", true},
        {"*", "", true},
        {"", "", true},
        {"", "https://shop.example:443", false},
        {"https://shop.example:443", "https://shop.example:443", true},
        {"https://shop.example:443", "https://shop.example:4430", false},
        {"https://shop.example:443", "xhttps://shop.example:443", false},
        {"https://shop.example", "https://shop.example:443", false},
        {"https://shop.example*", "https://shop.example:443", true},
        {"https://shop.example*", "https://shop.example.evil.example:443", true},
        {"https://shop.example:*", "https://shop.example:8443", true},
        {"https://shop.example:*", "https://shop.example.evil.example:443", false},
        {"https://*.shop.example:443", "https://www.shop.example:443", true},
        {"https://*.shop.example:443", "https://a.b.shop.example:443", true},
        {"https://*.shop.example:443", "https://shop.example:443", false},
        {"https://*.shop.example:443", "https://www.shop.example:443.evil.example:443", false},
        {"https://*.shop.example:443", "https://wwwxshopxexample:443", false},
        {"*shop.example:*", "http://evilshop.example:80", true},
        {"https://a*b*c:443", "https://axxbxxc:443", true},
        {"https://a*b*c:443", "https://acb:443", false},
        {"https://a**c:443", "https://ac:443", true},
        {"*:443", "https://a:443", true},
        {"*:443", ":443", true},
        {"a*a", "a", false},
        {"a*a", "aa", true},
        {"*a*a*", "a", false},
        {"ab*ab*ab", "abab", false},
        {"ab*ab*ab", "ababab", true},
        {"https://[::1]:*", "https://[::1]:8443", true},
        /* Signs that are special in regular expressions are not. */
        {"https://a.b:443", "https://axb:443", false},
        {"https://a+:443", "https://aa:443", false},
        {"https://(a|b):443", "https://a:443", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (matches(rows[i].pattern, rows[i].origin) != rows[i].matches)
            fail_msg("\"%s\" against \"%s\"", rows[i].pattern, rows[i].origin);
    }
}

/* Backtracking would take longer than the world has been there. */
static void many_stars_take_no_longer(void **state)
{
    (void)state;
    char pattern[2 * 100 + 2], origin[ORIGIN_TEXT];
    for (size_t i = 0; i < 100; i++)
        memcpy(pattern + 2 * i, "a*", 2);
    memcpy(pattern + 200, "b", 2);
    memset(origin, 'a', sizeof origin - 1);
    origin[sizeof origin - 1] = '\0';
    assert_false(matches(pattern, origin));
    origin[sizeof origin - 2] = 'b';
    assert_true(matches(pattern, origin));
}

static void origins_get_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *text, *form; /* NULL: no origin */
    } rows[] = {
        {"https://shop.example", "https://shop.example:443"},
        {"http://shop.example", "http://shop.example:80"},
        {"https://shop.example:8443", "https://shop.example:8443"},
        {"http://shop.example:443", "http://shop.example:443"},
        {"https://shop.example:", "https://shop.example:443"},
        {"https://shop.example:0443", "https://shop.example:443"},
        {"HTTPS://Shop.EXAMPLE", "https://shop.example:443"},
        {"https://shop.example/a?b#c", "https://shop.example:443"},
        {"https://shop.example?b:1", "https://shop.example:443"},
        {"https://[2001:DB8::1]", "https://[2001:db8::1]:443"},
        {"http://[::1]:8080", "http://[::1]:8080"},
        {"https://xn--mller-kva.example", "https://xn--mller-kva.example:443"},
        {"chrome-extension://abcdef", "chrome-extension://abcdef"},
        {"capacitor://localhost", "capacitor://localhost"},
        {"app://localhost:1", "app://localhost:1"},
        {"", NULL},
        {"https", NULL},
        {"https:", NULL},
        {"https://", NULL},
        {"https:///a", NULL},
        {"https://:443", NULL},
        {"://shop.example", NULL},
        {"//shop.example", NULL},
        {"shop.example", NULL},
        {"shop.example:443", NULL},
        {"1http://shop.example", NULL},
        {"ht tp://shop.example", NULL},
        {"https://shop.example:x", NULL},
        {"https://shop.example:65536", NULL},
        {"https://shop.example:443:443", NULL},
        {"https://user@shop.example", NULL},
        {"https://shop.example@evil.example", NULL},
        {"https://shop.example:443@evil.example", NULL},
        {"https://shop.example\\.evil.example", NULL},
        {"https://m\xc3\xbcller.example", NULL},
        {"https://[::1", NULL},
        {"https://[::1]x", NULL},
        {"https://[]", NULL},
        {"https://a https://b", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char form[ORIGIN_TEXT];
        bool is_origin = origin_normalise(span_string(rows[i].text), form);
        if (is_origin != (rows[i].form != NULL))
            fail_msg("\"%s\"", rows[i].text);
        if (is_origin)
            assert_string_equal(form, rows[i].form);
    }
}

static void the_longest_origin_still_fits(void **state)
{
    (void)state;
    char text[ORIGIN_TEXT + 1] = "https://", form[ORIGIN_TEXT];
    size_t host = ORIGIN_TEXT - sizeof "https://:65535";
    memset(text + 8, 'a', host);
    memcpy(text + 8 + host, ":65535", sizeof ":65535");
    assert_true(origin_normalise(span_string(text), form));
    assert_string_equal(form, text);
    memcpy(text + 8 + host, "a:65535", sizeof "a:65535");
    assert_false(origin_normalise(span_string(text), form));
}

/* What becomes of the fields of a request, up to two of them called Origin. */
static enum ending check(const struct origin_policy *policy, const char *first, const char *second, char *text)
{
    struct http_header at[] = {
        {SPAN("Host"), SPAN("a")},
        {SPAN("origin"), span_string(first)},
        {SPAN("Origin"), span_string(second)},
    };
    struct http_headers headers = {at, second ? 3 : first ? 2 : 1};
    return origin_check(policy, &headers, text);
}

static void pages_are_let_in_by_policy(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct origin_pattern patterns[2];
    assert_true(origin_pattern_init(&patterns[0], arena, SPAN("https://shop.example:443")));
    assert_true(origin_pattern_init(&patterns[1], arena, SPAN("https://*.shop.example:443")));
    const struct origin_policy open = {.patterns = NULL}, listed = {patterns, 2, false}, strict = {patterns, 2, true},
                               closed = {patterns, 0, true}, open_strict = {.refuse_null = true};
    const struct {
        const struct origin_policy *policy;
        const char *first, *second, *text;
        enum ending why;
    } rows[] = {
        {&open, NULL, NULL, "", ENDING_DONE},
        {&open, "https://any.example", NULL, "https://any.example:443", ENDING_DONE},
        {&open, "null", NULL, "null", ENDING_DONE},
        {&open, "nonsense", NULL, "", ENDING_WS_BAD_HANDSHAKE},
        {&open, "https://a", "https://a", "", ENDING_WS_BAD_HANDSHAKE},
        {&open, "https://a", "", "", ENDING_WS_BAD_HANDSHAKE},
        {&open_strict, "https://a", NULL, "https://a:443", ENDING_DONE},
        {&open_strict, "null", NULL, "null", ENDING_ORIGIN_DENIED},
        {&listed, NULL, NULL, "", ENDING_DONE},
        {&listed, " https://shop.example\t", NULL, "https://shop.example:443", ENDING_DONE},
        {&listed, "https://SHOP.example", NULL, "https://shop.example:443", ENDING_DONE},
        {&listed, "https://a.shop.example", NULL, "https://a.shop.example:443", ENDING_DONE},
        {&listed, "http://shop.example", NULL, "http://shop.example:80", ENDING_ORIGIN_DENIED},
        {&listed, "https://shop.example.evil.example", NULL, "https://shop.example.evil.example:443",
         ENDING_ORIGIN_DENIED},
        {&listed, "NULL", NULL, "null", ENDING_DONE},
        {&listed, "file:///srv/x.html", NULL, "null", ENDING_DONE},
        {&listed, "FILE://", NULL, "null", ENDING_DONE},
        {&strict, "null", NULL, "null", ENDING_ORIGIN_DENIED},
        {&strict, "file:///srv/x.html", NULL, "null", ENDING_ORIGIN_DENIED},
        {&strict, NULL, NULL, "", ENDING_DONE},
        {&closed, NULL, NULL, "", ENDING_DONE},
        {&closed, "https://shop.example", NULL, "https://shop.example:443", ENDING_ORIGIN_DENIED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[ORIGIN_TEXT];
        enum ending why = check(rows[i].policy, rows[i].first, rows[i].second, text);
        if (why != rows[i].why)
            fail_msg("row %zu: %s", i, ending_row(why)->text);
        assert_string_equal(text, rows[i].text);
    }
    arena_free(arena);
}

static void doubtful_patterns_are_named_with_a_better_one(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        enum origin_doubt doubt;
        const char *better; /* NULL: none */
    } rows[] = {
        {"*", ORIGIN_SOUND, NULL},
        {"*://*:*", ORIGIN_SOUND, NULL},
        {"https:*", ORIGIN_SOUND, NULL},
        {"http*", ORIGIN_SOUND, NULL},
        {"https://*", ORIGIN_SOUND, NULL},
        {"https://*:443", ORIGIN_SOUND, NULL},
        {"*:443", ORIGIN_SOUND, NULL},
        {"https://shop.example:443", ORIGIN_SOUND, NULL},
        {"https://shop.example:*", ORIGIN_SOUND, NULL},
        {"https://shop.example:8*", ORIGIN_SOUND, NULL},
        {"https://*.shop.example:443", ORIGIN_SOUND, NULL},
        {"http*://shop.example:80", ORIGIN_SOUND, NULL},
        {"*://shop.example:443", ORIGIN_SOUND, NULL},
        {"*.shop.example:443", ORIGIN_SOUND, NULL},
        {"http://[::1]:8080", ORIGIN_SOUND, NULL},
        {"chrome-extension://abcdef", ORIGIN_SOUND, NULL},
        {"capacitor://localhost", ORIGIN_SOUND, NULL},
        {"null", ORIGIN_IS_NULL, NULL},
        {"", ORIGIN_NO_SCHEME, NULL},
        {"shop.example", ORIGIN_NO_SCHEME, "https://shop.example:443"},
        {"shop.example:8443", ORIGIN_NO_SCHEME, "https://shop.example:8443"},
        {"//shop.example:443", ORIGIN_NO_SCHEME, "https://shop.example:443"},
        {"localhost:*", ORIGIN_NO_SCHEME, "https://localhost:*"},
        {"https://shop.example", ORIGIN_NO_PORT, "https://shop.example:443"},
        {"http://shop.example", ORIGIN_NO_PORT, "http://shop.example:80"},
        {"https://*.shop.example", ORIGIN_NO_PORT, "https://*.shop.example:443"},
        {"*.shop.example", ORIGIN_NO_PORT, "https://*.shop.example:443"},
        {"*shop.example", ORIGIN_NO_PORT, "https://*.shop.example:443"},
        {"https://shop.example:", ORIGIN_NO_PORT, "https://shop.example:443"},
        {"https://shop.example:0443", ORIGIN_NO_PORT, "https://shop.example:443"},
        {"https://shop.example:65536", ORIGIN_NO_PORT, "https://shop.example:443"},
        {"https://10.0.0.1", ORIGIN_NO_PORT, "https://10.0.0.1:443"},
        {"https://[::1]", ORIGIN_NO_PORT, "https://[::1]:443"},
        {"https://Shop.example:443", ORIGIN_UPPER_CASE, "https://shop.example:443"},
        {"Https://shop.example/App", ORIGIN_UPPER_CASE, "https://shop.example:443"},
        {"https://shop.example/", ORIGIN_HAS_PATH, "https://shop.example:443"},
        {"https://shop.example:443/app", ORIGIN_HAS_PATH, "https://shop.example:443"},
        {"https://shop.example/*", ORIGIN_HAS_PATH, "https://shop.example:443"},
        {"*shop.example/app", ORIGIN_HAS_PATH, "https://*.shop.example:443"},
        {"wss://shop.example:443", ORIGIN_OF_WEBSOCKET, "https://shop.example:443"},
        {"ws://shop.example", ORIGIN_OF_WEBSOCKET, "http://shop.example:80"},
        {"https://user@shop.example:443", ORIGIN_BAD_CHARACTER, NULL},
        {"https://m\xc3\xbcller.example:443", ORIGIN_BAD_CHARACTER, NULL},
        {"https://shop.example:443 ", ORIGIN_BAD_CHARACTER, NULL},
        {"https://shop.example*", ORIGIN_OPEN_END, "https://shop.example:443"},
        {"http://localhost*", ORIGIN_OPEN_END, "http://localhost:80"},
        {"https://shop.example*:8443", ORIGIN_OPEN_END, "https://shop.example:8443"},
        {"https://*.shop.example*", ORIGIN_OPEN_END, "https://*.shop.example:443"},
        {"https://shop.*:443", ORIGIN_OPEN_END, NULL},
        {"https://*shop.example:443", ORIGIN_OPEN_START, "https://*.shop.example:443"},
        {"*shop.example:*", ORIGIN_OPEN_START, "https://*.shop.example:*"},
        {"https://a*b.example:443", ORIGIN_OPEN_START, "https://a*.b.example:443"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span pattern = span_string(rows[i].pattern);
        char better[ORIGIN_TEXT];
        enum origin_doubt doubt = origin_pattern_doubt(pattern);
        if (doubt != rows[i].doubt)
            fail_msg("\"%s\" %s", rows[i].pattern, origin_doubt_text(doubt));
        if (doubt == ORIGIN_SOUND)
            continue;
        if (origin_pattern_better(pattern, better) != (rows[i].better != NULL))
            fail_msg("\"%s\"", rows[i].pattern);
        if (rows[i].better)
            assert_string_equal(better, rows[i].better);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_matches_all_of_an_origin),
        cmocka_unit_test(many_stars_take_no_longer),
        cmocka_unit_test(origins_get_one_form),
        cmocka_unit_test(the_longest_origin_still_fits),
        cmocka_unit_test(pages_are_let_in_by_policy),
        cmocka_unit_test(doubtful_patterns_are_named_with_a_better_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
