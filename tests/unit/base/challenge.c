/* What travels to the workers as a challenge, and what of it is found by those who answer. */
#include "test.h"

#include "crossgate/base/challenge.h"

#include <stdio.h>

static struct challenge challenge(const char *text)
{
    struct challenge made;
    assert_true(challenge_parse(span_string(text), &made));
    return made;
}

static void a_text_is_what_it_was_printed_from(void **state)
{
    static const char *const texts[] = {"http-01 a.example.com t0-_K t0-_K.x",
                                        "tls-alpn-01 xn--bcher-kva.example A b.c"};
    char text[CHALLENGE_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct challenge made = challenge(texts[i]);
        assert_int_equal(made.kind, i == 0 ? CHALLENGE_HTTP_01 : CHALLENGE_TLS_ALPN_01);
        challenge_print(&made, text);
        assert_string_equal(text, texts[i]);
    }
    struct challenge made = challenge(texts[0]);
    assert_string_equal(made.name, "a.example.com");
    assert_string_equal(made.token, "t0-_K");
    assert_string_equal(made.proof, "t0-_K.x");
}

static void the_longest_fits(void **state)
{
    struct challenge longest = {.kind = CHALLENGE_TLS_ALPN_01}, back;
    char text[CHALLENGE_TEXT];
    (void)state;
    memset(longest.name, 'n', CHALLENGE_NAME - 1);
    memset(longest.token, 't', CHALLENGE_TOKEN - 1);
    memset(longest.proof, 'p', CHALLENGE_PROOF - 1);
    challenge_print(&longest, text);
    assert_true(challenge_parse(span_string(text), &back));
    assert_memory_equal(&back, &longest, sizeof back);
    snprintf(text, sizeof text, "http-01 a %s- p", longest.token);
    assert_false(challenge_parse(span_string(text), &back));
    snprintf(text, sizeof text, "http-01 %s. t p", longest.name);
    assert_false(challenge_parse(span_string(text), &back));
    snprintf(text, sizeof text, "http-01 a t %s.", longest.proof);
    assert_false(challenge_parse(span_string(text), &back));
}

static void anything_else_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "http-01",
        "http-01 a",
        "http-01 a t",
        "http-01 a t ",
        "http-01 a t p ",
        "http-01 a t p q",
        " http-01 a t p",
        "http-01  a t p",
        "http-02 a t p",
        "HTTP-01 a t p",
        "dns-01 a t p",
        "http-01 A t p",
        "http-01 a/b t p",
        "http-01 *.a t p",
        "http-01 a t/ p",
        "http-01 a ../t p",
        "http-01 a t p\n",
        "http-01 a t\tp",
        "http-01 a t p=",
        "http-01 a t. p",
    };
    struct challenge made;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(challenge_parse(span_string(texts[i]), &made));
    assert_false(challenge_parse(span_of("http-01 a t p\0q", 15), &made));
    assert_false(challenge_parse(span_of("http-01 a\0b t p", 15), &made));
}

static void each_is_found_by_what_it_is_asked_by(void **state)
{
    struct challenges *table = NULL;
    struct challenge http = challenge("http-01 a.example t1 p1"), tls = challenge("tls-alpn-01 b.example t2 p2"),
                     newer = challenge("tls-alpn-01 b.example t3 p3");
    (void)state;
    assert_null(challenges_by_token(table, SPAN("t1")));
    assert_null(challenges_by_name(table, SPAN("b.example")));
    assert_true(challenges_add(&table, &http) && challenges_add(&table, &tls) && challenges_add(&table, &tls));
    assert_int_equal(table->count, 2);
    assert_string_equal(challenges_by_token(table, SPAN("t1"))->proof, "p1");
    assert_null(challenges_by_token(table, SPAN("t2")));
    assert_null(challenges_by_token(table, SPAN("")));
    assert_string_equal(challenges_by_name(table, SPAN("B.Example"))->proof, "p2");
    assert_null(challenges_by_name(table, SPAN("a.example")));
    assert_null(challenges_by_name(table, SPAN("")));
    assert_true(challenges_add(&table, &newer));
    assert_string_equal(challenges_by_name(table, SPAN("b.example"))->proof, "p3");
    challenges_remove(&table, &newer);
    challenges_remove(&table, &newer);
    assert_string_equal(challenges_by_name(table, SPAN("b.example"))->proof, "p2");
    challenges_remove(&table, &http);
    assert_non_null(challenges_by_name(table, SPAN("b.example")));
    challenges_remove(&table, &tls);
    assert_null(table); /* who looks at it sees at once that there is none */
    challenges_remove(&table, &tls);
}

static void there_is_a_bound(void **state)
{
    struct challenges *table = NULL;
    struct challenge one = challenge("http-01 a t p");
    (void)state;
    for (int i = 0; i < CHALLENGES_MAX; i++) {
        snprintf(one.token, sizeof one.token, "t%d", i);
        assert_true(challenges_add(&table, &one));
    }
    assert_true(challenges_add(&table, &one));
    snprintf(one.token, sizeof one.token, "more");
    assert_false(challenges_add(&table, &one));
    challenges_deinit(&table);
    assert_null(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_what_it_was_printed_from),
        cmocka_unit_test(the_longest_fits),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(each_is_found_by_what_it_is_asked_by),
        cmocka_unit_test(there_is_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
