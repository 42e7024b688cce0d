/* The patterns of the schema say the same as the functions that read. */
#include "settings.h"

#include "../test.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct fit {
    const char *name;
    bool (*fits)(const char *text);
    const char *pattern;
    regex_t expression;
};

static bool matches(const struct fit *fit, const char *text)
{
    return regexec(&fit->expression, text, 0, NULL, 0) == 0;
}

static void compare(const struct fit *fit, const char *text)
{
    if (fit->fits(text) != matches(fit, text))
        print_error("%s \"%s\": %d, but %s: %d\n", fit->name, text, fit->fits(text), fit->pattern, matches(fit, text));
    assert_int_equal(fit->fits(text), matches(fit, text));
}

static const char *const words[] = {
    "",
    "/",
    "//",
    "a",
    "ab",
    "abc",
    "Abc",
    "abc_1",
    "1abc",
    "abc-1",
    "a/b",
    "/a",
    ".well-known",
    ".well-known/acme-challenge",
    "a/..",
    "a/./b",
    "...",
    "..a/.../~",
    "a//b",
    "a/",
    "ws",
    "ws://",
    "ws://x",
    "wss://x:443/ws?a=b",
    "ws://x/#y",
    "ws://[::1]:80",
    "ws://]",
    "http://x",
    "xws://x",
    "rs://x:8081",
    "rss://[::1]:80",
    "rs://x/y",
    "rs:///",
    "json",
    "cbor",
    "cbor.batched",
    "flatbuffers",
    "ws://x y",
    "ws://\xc3\xa4",
    "https://x/%20",
    "x\r\ny",
    "x\n",
    "127.0.0.1",
    "[::1]",
    "::1%eth0",
    " localhost ",
    ".wasm",
    ".",
    "..",
    ".tar.gz",
    "wasm",
    ".a b",
    "text/plain",
    " text",
    "text ",
    "a\tb",
    "a\x7f",
    "application/wasm; charset=utf-8",
    "\xc3\xa4",
    "a_b.c:d%e-f",
    "$x",
    "a,b;c=d&e'f(g)*!+@~",
};

/* Deterministic: characters that matter to one of the functions, in all sorts of order. */
static void mutate(char text[80], uint32_t *seed)
{
    static const char alphabet[] = "aZ09_-./:[]#?% \x01\x7f\xc3ws+$&'()*,;=!@~\"\\^|";
    size_t length = (*seed = *seed * 1664525 + 1013904223) >> 16 & 7;

    if ((*seed >> 8 & 63) == 0)
        length = 60 + (*seed >> 24 & 7);
    for (size_t i = 0; i < length; i++)
        text[i] = alphabet[((*seed = *seed * 1664525 + 1013904223) >> 16) % (sizeof alphabet - 1)];
    text[length] = '\0';
}

static void patterns_say_the_same_as_the_functions(void **state)
{
    struct fit fits[] = {
        {.name = "id", .fits = fits_id},
        {.name = "url_path", .fits = fits_url_path},
        {.name = "extended url_path", .fits = extends_url_path},
        {.name = "websocket_url", .fits = fits_websocket_url},
        {.name = "rawsocket_url", .fits = fits_rawsocket_url},
        {.name = "serializer", .fits = fits_serializer},
        {.name = "location", .fits = fits_location},
        {.name = "interface", .fits = fits_interface},
        {.name = "host", .fits = fits_host},
        {.name = "extension", .fits = fits_extension},
        {.name = "header_value", .fits = fits_header_value},
    };
    char text[80], prefixed[90];

    (void)state;
    for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++) {
        struct fit *fit = &fits[i];
        uint32_t seed = 7;
        fit->pattern = words_pattern(fit->fits);
        assert_non_null(fit->pattern);
        assert_int_equal(regcomp(&fit->expression, fit->pattern, REG_EXTENDED | REG_NOSUB), 0);
        for (size_t j = 0; j < sizeof words / sizeof words[0]; j++)
            compare(fit, words[j]);
        for (unsigned j = 0; j < 20000; j++) {
            mutate(text, &seed);
            compare(fit, text);
            snprintf(prefixed, sizeof prefixed, "%s%s", j & 1 ? "ws://" : j & 2 ? "rs://" : "abc", text);
            compare(fit, prefixed);
        }
        regfree(&fit->expression);
    }
    assert_null(words_pattern(fits_path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(patterns_say_the_same_as_the_functions)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
